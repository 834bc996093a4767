"""Structural similarity (Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 2004), as a metric and as a differentiable map."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.functional.ssim import WINDOW, blur, gaussian, ssim_factors
from sharploss.metrics.cached_image import CachedImage, Images, cached_pair
from sharploss.utils.errors import UserError

STRIP = 2**16
"""Pixels that are blurred at a time: what lies in a processor's cache is twice as fast, and memory stays bounded."""


def ssim(output: Images, target: Images, protocol: str = "y", border: int = 4) -> Tensor:
    """Compute the mean SSIM of each image, over channels and places of the window.

    Under "y", "rgb" and "grey8" the window must fit into the image, which is averaged channel by channel. "gv_code" is
    what the released code of the GV loss computes: luma without offset, two pixels shaved whatever the scale, the image
    mirrored beyond its edges. "matlab_rgb" is what MATLAB's `ssim` makes of an RGB image: it takes it for a volume of
    three slices, blurs along these too, and repeats the outermost values beyond the edges.

    Args:
        output: restored images, (N, 3, H, W) RGB in [0, 1], rounded here to 8 bits.
        target: ground truth, the same shape.
        protocol: "y", "rgb", "grey8", "gv_code" or "matlab_rgb", see `sharploss.config.protocols`.
        border: pixels left out on each side: the scale in super-resolution, else 0; the last two have their own.

    Returns:
        (N,) float64, at most 1, which identical images have; higher is better.

    Raises:
        UserError: an unknown protocol, or fewer than 11 pixels a side inside the border.
        ValueError: the shapes differ.
    """
    one, other = cached_pair(output, target)
    window = PADDED.get(protocol, _Window(protocol, border, WINDOW, None))
    if min(one.image.shape[-2:]) - 2 * window.border < window.min_size:
        size = "x".join(map(str, one.image.shape[-2:]))
        raise UserError(f"SSIM needs {WINDOW}x{WINDOW} pixels inside a border of {border}, not an image of {size}.")
    across = protocol == "matlab_rgb"
    values, wanted = (_values(picture, window) for picture in (one, other))
    means = other.once(("ssim", protocol, border), lambda: blurred(wanted, across))
    return similarity(values, wanted, means, across=across)[0]


class _Window(NamedTuple):
    """What a protocol's window slides over: channels, border, pixels a side at least, how the image is continued."""

    channels: str
    border: int
    min_size: int
    pad: Callable[[Tensor], Tensor] | None


def _values(picture: CachedImage, window: _Window) -> Tensor:
    """Return what the window slides over: (N, C, H, W) float64 in [0, 1], continued by the protocol's padding."""
    image, pad = picture.seen(window.channels, window.border), window.pad
    return image if pad is None else picture.once(("ssim", window.channels), lambda: pad(image))


def _repeated(image: Tensor) -> Tensor:
    return F.pad(image, (WINDOW // 2,) * 4, mode="replicate")


def _mirrored(image: Tensor) -> Tensor:
    # F.pad's "reflect" mirrors about the outermost pixels, this beyond them: they come twice.
    for axis in (-1, -2):
        size = image.shape[axis]
        reach = min(WINDOW // 2, size)
        first, last = image.narrow(axis, 0, reach), image.narrow(axis, size - reach, reach)
        image = torch.cat([first.flip(axis), image, last.flip(axis)], axis)
    return image


PADDED = {"gv_code": _Window("luma256", 2, 4, _mirrored), "matlab_rgb": _Window("rgb", 0, 1, _repeated)}


def blurred(image: Tensor, across: bool = False) -> list[Tensor]:
    """Return, strip by strip, the local means of an image (N, C, H, W) and of its square, for `similarity`."""
    return [blur(_mixed([strip, strip * strip], across), 0) for strip in _strips(image)]


def similarity(
    output: Tensor, target: Tensor, means: Sequence[Tensor], *, across: bool = False
) -> tuple[Tensor, Tensor]:
    """Compute the means over an image of SSIM and of its contrast-and-structure factor alone.

    Args:
        output: (N, C, H, W) float64 in [0, 1], at least 11 pixels a side.
        target: the same shape.
        means: `blurred` of the target.
        across: let the window reach across the channels too, as MATLAB does with a volume.

    Returns:
        Twice (N,).
    """
    total, contrast_total, count = output.new_zeros(len(output)), output.new_zeros(len(output)), 0
    for one, other, known in zip(_strips(output), _strips(target), means, strict=True):
        mean_output, square, product = blur(_mixed([one, one * one, one * other], across), 0).chunk(3, dim=1)
        mean_target, energy = known.chunk(2, dim=1)
        luminance, contrast = ssim_factors(mean_output, mean_target, square + energy, product)
        contrast_total += contrast.sum(dim=(1, 2, 3))
        total += luminance.mul_(contrast).sum(dim=(1, 2, 3))
        count += contrast[0].numel()
    return total / count, contrast_total / count


def _strips(image: Tensor) -> Iterator[Tensor]:
    """Cut an image into strips that overlap by the window's reach, so that each has places of its own."""
    height, width = image.shape[-2:]
    rows = max(1, STRIP // width)
    for top in range(0, height - WINDOW + 1, rows):
        yield image[..., top : min(top + rows + WINDOW - 1, height), :]


def _mixed(images: Sequence[Tensor], across: bool) -> Tensor:
    """Put images side by side as channels, each blurred along its own channels first if asked for."""
    if across:
        weights = _across(images[0].shape[1]).to(images[0])
        images = [torch.einsum("oc,nchw->nohw", weights, image) for image in images]
    return torch.cat(list(images), dim=1)


def _across(channels: int) -> Tensor:
    """Compute the window's weights across channels, (to, from): the outermost channel repeats."""
    weights = torch.zeros(channels, channels, dtype=torch.float64)
    for to in range(channels):
        for offset, tap in enumerate(gaussian()):
            weights[to, min(max(to + offset - WINDOW // 2, 0), channels - 1)] += tap
    return weights
