"""The gradient variance (GV) loss: blur lowers the variance of gradients within a patch."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharploss.checks import check_choice, check_flag, check_integer
from sharploss.losses.filters import BORDERS, sobel_x, sobel_y
from sharploss.losses.images import CHANNELS, check_size, in_channels, matched


def gradient_variance_loss(
    output: Tensor,
    target: Tensor,
    *,
    patch: int = 8,
    channels: str = "grey",
    border: str = "zero",
    unbiased: bool = True,
) -> Tensor:
    """Mean squared difference of the patches' gradient variances, horizontal plus vertical.

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
        ValueError: shapes differ, the images are smaller than a patch, or an unknown border.
    """
    check_size(output, patch, f"gradient variance in patches of {patch}")
    output, target = (in_channels(images, channels) for images in matched(output, target))
    loss = output.new_zeros(())
    for sobel in (sobel_x, sobel_y):
        with torch.no_grad():
            wanted = patch_variance(sobel(target, border), patch, unbiased)
        loss = loss + F.mse_loss(patch_variance(sobel(output, border), patch, unbiased), wanted)
    return loss


def patch_variance(maps: Tensor, patch: int, unbiased: bool = True) -> Tensor:
    """Variance within each patch of a grid: (N, C, H, W) to (N, C, H // patch, W // patch)."""
    batch, channels, height, width = maps.shape
    rows, columns = height // patch, width // patch
    inside = maps[..., : rows * patch, : columns * patch]
    grid = inside.reshape(batch, channels, rows, patch, columns, patch)
    # Not grid.var: over two axes that are not neighbours it takes four times as long on CPUs.
    centred = grid - grid.sum(3, keepdim=True).sum(5, keepdim=True) / patch**2
    return centred.square().sum(3).sum(4) / (patch**2 - int(unbiased))


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
        self.smallest = patch

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Give the loss of `output` (N, C, H, W) against `target`."""
        return gradient_variance_loss(
            output, target, patch=self.patch, channels=self.channels, border=self.border, unbiased=self.unbiased
        )
