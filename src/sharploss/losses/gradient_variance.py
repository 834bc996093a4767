"""The gradient variance (GV) loss: blur lowers the variance of gradients within a patch."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharploss.functional.blocks import in_blocks, mean_in_blocks
from sharploss.functional.colour import CHANNELS, GREY, in_channels
from sharploss.functional.filters import BORDERS, sobel_x, sobel_y
from sharploss.functional.gradient_variance import centred, patch_sums, patch_variance, stretched
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

    def plain(output: Tensor) -> Tensor:
        ours, theirs = (in_channels(images, channels) for images in (output, target))
        loss = output.new_zeros(())
        for sobel in (sobel_x, sobel_y):
            with torch.no_grad():
                wanted = patch_variance(sobel(theirs, border), patch, unbiased)
            loss = loss + F.mse_loss(patch_variance(sobel(ours, border), patch, unbiased), wanted)
        return loss

    if in_blocks(output) and border == "zero":
        quick = partial(_values_and_gradient, patch=patch, channels=channels, unbiased=unbiased)
        return mean_in_blocks(quick, plain, output, target)
    return plain(output)


def _values_and_gradient(  # noqa: PLR0917
    output: Tensor, target: Tensor, values: Tensor, gradient: Tensor, patch: int, channels: str, unbiased: bool
) -> None:
    """Compute the loss of each image and its derivative: back through variance and Sobel's filter, to the colours."""
    output, target = (in_channels(images, channels) for images in (output, target))
    values.zero_()
    total = torch.zeros_like(output)
    count = patch**2 - int(unbiased)
    for sobel in (sobel_x, sobel_y):
        bands = centred(sobel(output, "zero"), patch)
        wanted = patch_variance(sobel(target, "zero"), patch, unbiased)
        excess = (patch_sums(bands.square(), patch) / count).sub_(wanted)
        values += excess.square().mean((1, 2, 3))
        bands.mul_(stretched(excess.mul_(4 / (count * excess[0].numel())), patch))
        # With a zero border the filter is its own adjoint, but for the sign.
        total -= sobel(_spread(bands, output), "zero")
    if total.shape == gradient.shape:
        gradient.copy_(total)
        return
    for channel, weight in enumerate(GREY):
        torch.mul(total[:, 0], weight, out=gradient[:, channel])


def _spread(bands: Tensor, like: Tensor) -> Tensor:
    """Return the maps that bands were cut from; 0 at the ragged edge."""
    maps = bands.flatten(2, 3)
    below, beside = like.shape[2] - maps.shape[2], like.shape[3] - maps.shape[3]
    return F.pad(maps, (0, beside, 0, below)) if below or beside else maps


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
