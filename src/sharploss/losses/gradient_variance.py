"""The gradient variance (GV) loss: blur lowers the variance of gradients within a patch."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.functional.colour import CHANNELS, in_channels
from sharploss.functional.filters import BORDERS, patch_variance, sobel
from sharploss.functional.image_loss import ImageLoss
from sharploss.functional.images import check_size
from sharploss.utils.argument_checks import check_choice, check_flag, check_integer


class GradientVarianceLoss(ImageLoss):
    """The mean squared difference of the patches' gradient variances, horizontal plus vertical.

    Abrahamyan et al., "Gradient variance loss for structure-enhanced image super-resolution" (ICASSP 2022). The
    defaults are those of its released code; the mean is over batch, channels and patches. It grows with the fourth
    power of the images' range, so a weight of 0.01 is right for [0, 1] alone.

    Args:
        patch: side of the patches in pixels, at least 2; a ragged right or bottom edge is dropped.
        channels: "grey" filters the grey images, "rgb" every channel for itself.
        border: what Sobel's filter sees beyond the image: "zero", "replicate" or "reflect".
        unbiased: whether a variance is divided by patch^2 - 1 or by patch^2.

    >>> import torch
    >>> image = torch.linspace(0, 1, 16).square().expand(1, 3, 16, 16)
    >>> round(GradientVarianceLoss()(image / 2, image).item(), 4)
    1.1723
    """

    def __init__(self, patch: int = 8, channels: str = "grey", border: str = "zero", unbiased: bool = True) -> None:
        super().__init__()
        check_integer("patch", patch, minimum=2)
        check_choice("channels", channels, CHANNELS)
        check_choice("border", border, BORDERS)
        check_flag("unbiased", unbiased)
        self.patch, self.channels, self.border, self.unbiased = patch, channels, border, unbiased
        self.min_size = patch

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output`, (N, C, H, W) in [0, 1], against `target`."""
        output, target = self.check(output, target)
        check_size(output, self.patch, f"gradient variance in patches of {self.patch}")
        with torch.no_grad():
            wanted = self._variances(target)
        # One mean over both directions' maps is half the sum of theirs.
        return 2 * F.mse_loss(self._variances(output), wanted)

    def _variances(self, images: Tensor) -> Tensor:
        return patch_variance(sobel(in_channels(images, self.channels), self.border), self.patch, self.unbiased)
