"""The gradient variance (GV) loss: blur lowers the variance of gradients within a patch."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharploss.functional.colour import CHANNELS, in_channels
from sharploss.functional.filters import BORDERS, sobel
from sharploss.functional.gradient_variance import patch_variance
from sharploss.functional.images import check_pair, check_size
from sharploss.utils.argument_checks import check_choice, check_flag, check_integer


def gradient_variance_loss(
    output: Tensor,
    target: Tensor,
    *,
    patch: int = 8,
    channels: str = "grey",
    border: str = "zero",
    unbiased: bool = True,
) -> Tensor:
    """Compute the mean squared difference of the patches' gradient variances, horizontal plus vertical.

    Abrahamyan et al., "Gradient variance loss for structure-enhanced image super-resolution" (ICASSP 2022). The
    defaults are those of its released code. It grows with the fourth power of the images' range, so a weight of 0.01 is
    right for [0, 1] alone.

    Args:
        output: restored images, (N, C, H, W) in [0, 1].
        target: ground truth, the same shape.
        patch: side of the patches in pixels; a ragged right or bottom edge is dropped.
        channels: "grey" filters the grey images (C is 1 or 3), "rgb" every channel for itself.
        border: what Sobel's filter sees beyond the image: "zero", "replicate" or "reflect".
        unbiased: whether a variance is divided by patch^2 - 1 or by patch^2.

    Returns:
        A scalar: the mean over batch, channels and patches.

    Raises:
        ValueError: shapes differ, the images are smaller than a patch, a patch is below 2 pixels, which have no
            variance, or unknown channels or border.
    """
    check_integer("patch", patch, minimum=2)
    check_choice("channels", channels, CHANNELS)
    output, target = check_pair(output, target)
    check_size(output, patch, f"gradient variance in patches of {patch}")

    with torch.no_grad():
        wanted = patch_variance(sobel(in_channels(target, channels), border), patch, unbiased)
    found = patch_variance(sobel(in_channels(output, channels), border), patch, unbiased)
    # One mean over both directions' maps is half the sum of theirs.
    return 2 * F.mse_loss(found, wanted)


class GradientVarianceLoss(nn.Module):
    """`gradient_variance_loss` with fixed parameters.

    Raises:
        ValueError: a patch below 2 pixels, which has no variance, or unknown channels or border.
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
        """Compute the loss of `output` (N, C, H, W) against `target`."""
        return gradient_variance_loss(
            output, target, patch=self.patch, channels=self.channels, border=self.border, unbiased=self.unbiased
        )
