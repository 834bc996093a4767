"""SPLoss: L1 that punishes errors on the blurred side of an edge harder."""

import torch
from torch import Tensor

from sharploss.functional.colour import CHANNELS, in_channels
from sharploss.functional.filters import BORDERS, LAPLACIANS, laplacian
from sharploss.functional.image_loss import ImageLoss
from sharploss.utils.argument_checks import check_choice, check_number


class SPLoss(ImageLoss):
    """The mean of w * |output - target|, w from `weight`; with alpha = 0 it is L1 bit for bit.

    Wang et al., "Edge perception based loss function for image restoration", eq. 1-4. The paper leaves kernel, range,
    channels and border open; the defaults here are the readings that fit its tables. It is at least L1's value.

    Args:
        alpha: how much harder; 2 in the paper's main experiments.
        kernel: "4-neighbour" or "8-neighbour" Laplacian, centre negative: a positive one would reward blur.
        data_range: the range in which the Laplacian is measured, 1 or 255. Errors stay in [0, 1] whatever it is.
        channels: "rgb" takes the Laplacian of every channel, "grey" that of the grey target for all of them.
        border: what the Laplacian sees beyond the image: "replicate", "reflect" or "zero".

    >>> import torch
    >>> round(SPLoss(alpha=2)(torch.full((1, 3, 8, 8), 0.6), torch.full((1, 3, 8, 8), 0.5)).item(), 4)
    0.1
    """

    def __init__(
        self,
        alpha: float = 2.0,
        kernel: str = "4-neighbour",
        data_range: float = 1.0,
        channels: str = "rgb",
        border: str = "replicate",
    ) -> None:
        super().__init__()
        check_number("alpha", alpha, minimum=0)
        check_choice("kernel", kernel, LAPLACIANS)
        check_choice("data_range", data_range, (1, 255))
        check_choice("channels", channels, CHANNELS)
        check_choice("border", border, BORDERS)
        self.alpha, self.kernel, self.data_range = alpha, kernel, data_range
        self.channels, self.border = channels, border

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output`, (N, C, H, W) in [0, 1], against `target`."""
        output, target = self.check(output, target)
        return ((output - target).abs() * self.weight(output, target)).mean()

    def weight(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute each pixel's weight, 1 + alpha*|g| where error and Laplacian g of the target agree in sign, else 1.

        Agreement means blur: beside a bright ridge (g < 0) a blurred output is too dark (error < 0). An error of 0
        counts as negative, as does a Laplacian of 0. It is computed without gradients, (N, C, H, W), at least 1.
        """
        with torch.no_grad():
            curvature = laplacian(in_channels(target, self.channels), self.kernel, self.border)
            blurred = (curvature > 0) == (output > target)
            return curvature.abs().mul(self.alpha * self.data_range).mul(blurred).add(1)
