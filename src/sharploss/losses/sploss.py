"""SPLoss: L1 that punishes errors on the blurred side of an edge harder."""

import torch
from torch import Tensor, nn

from sharploss.functional.colour import CHANNELS, in_channels
from sharploss.functional.filters import BORDERS, LAPLACIANS, laplacian
from sharploss.functional.images import check_pair
from sharploss.utils.argument_checks import check_choice, check_number


def sploss(
    output: Tensor,
    target: Tensor,
    *,
    alpha: float = 2.0,
    kernel: str = "4-neighbour",
    data_range: float = 1.0,
    channels: str = "rgb",
    border: str = "replicate",
) -> Tensor:
    """Compute the mean of w * |output - target|, w from `sploss_weight`; with alpha = 0 it is L1 bit for bit.

    Wang et al., "Edge perception based loss function for image restoration", eq. 1-4. The paper leaves kernel, range,
    channels and border open; the defaults here are the readings that fit its tables.

    Args:
        output: restored images, (N, C, H, W) in [0, 1].
        target: ground truth, the same shape.
        alpha: how much harder; 2 in the paper's main experiments.
        kernel: "4-neighbour" or "8-neighbour" Laplacian, centre negative: a positive one would reward blur.
        data_range: the range in which the Laplacian is measured, 1 or 255. Errors stay in [0, 1] whatever it is.
        channels: "rgb" takes the Laplacian of every channel, "grey" that of the grey target for all of them.
        border: what the Laplacian sees beyond the image: "replicate", "reflect" or "zero".

    Returns:
        A scalar: the mean over batch, channels and pixels, of at least L1's value.

    Raises:
        ValueError: shapes differ, or an unknown kernel, channels or border.
    """
    check_choice("channels", channels, CHANNELS)
    output, target = check_pair(output, target)
    weight = sploss_weight(
        output, target, alpha=alpha, kernel=kernel, data_range=data_range, channels=channels, border=border
    )
    return ((output - target).abs() * weight).mean()


def sploss_weight(
    output: Tensor,
    target: Tensor,
    *,
    alpha: float = 2.0,
    kernel: str = "4-neighbour",
    data_range: float = 1.0,
    channels: str = "rgb",
    border: str = "replicate",
) -> Tensor:
    """SPLoss's weight of every pixel, 1 + alpha*|g| where error and Laplacian g of the target agree in sign, else 1.

    Agreement means blur: beside a bright ridge (g < 0) a blurred output is too dark (error < 0). An error of 0 counts
    as negative, as does a Laplacian of 0. The weight depends on the output through that sign alone, so its derivative
    is 0 almost everywhere and it is computed without gradients.

    Returns:
        (N, C, H, W), at least 1; arguments and errors as `sploss`.
    """
    with torch.no_grad():
        curvature = laplacian(in_channels(target, channels), kernel, border)
        blurred = (curvature > 0) == (output > target)
        return curvature.abs().mul(alpha * data_range).mul(blurred).add(1)


class SPLoss(nn.Module):
    """`sploss` with fixed parameters.

    Raises:
        ValueError: alpha is negative, or an unknown kernel, range, channels or border.
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
        """Compute the loss of `output` (N, C, H, W) against `target`."""
        return sploss(
            output,
            target,
            alpha=self.alpha,
            kernel=self.kernel,
            data_range=self.data_range,
            channels=self.channels,
            border=self.border,
        )
