"""Structural similarity (Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 2004), as a metric."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.functional.ssim import WINDOW, blur, gaussian, ssim_factors
from sharploss.metrics.cached_image import CachedImage, Images, cached_pair
from sharploss.utils.errors import UserError


def ssim(output: Images, target: Images, protocol: str = "y", border: int = 4) -> Tensor:
    """Compute the mean SSIM of each image, over channels and places of the window.

    Under "y", "y_unrounded", "rgb" and "grey8" the window must fit into the image, which is averaged channel by
    channel. "gv_code" is what the released code of the GV loss computes: luma without offset, two pixels shaved
    whatever the scale, the image mirrored beyond its edges. "matlab_rgb" is what MATLAB's `ssim` makes of an RGB image:
    it takes it for a volume of three slices, blurs along these too, and repeats the outermost values beyond the edges.
    These two have borders of their own; of fewer than 11 pixels a side inside the border the others raise UserError.

    Returns:
        (N,) float64, at most 1, which identical images have; higher is better.

    >>> import torch
    >>> image = torch.linspace(0, 1, 32).expand(1, 3, 32, 32)
    >>> ssim(image, image, protocol="y").tolist()
    [1.0]
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


def blurred(image: Tensor, across: bool = False) -> Tensor:
    """Compute the local means of an image (N, C, H, W) and of its square, side by side as channels."""
    return blur(_mixed([image, image * image], across), 0)


def similarity(output: Tensor, target: Tensor, means: Tensor, *, across: bool = False) -> tuple[Tensor, Tensor]:
    """Compute the means over an image of SSIM and of its contrast-and-structure factor alone.

    Both are (N,), of (N, C, H, W) float64 in [0, 1]; `means` is `blurred` of the target. With `across` the window
    reaches across the channels too, as MATLAB's does in a volume.
    """
    mean_output, square, product = blur(_mixed([output, output * output, output * target], across), 0).chunk(3, dim=1)
    mean_target, energy = means.chunk(2, dim=1)
    luminance, contrast = ssim_factors(mean_output, mean_target, square + energy, product)
    return (luminance * contrast).mean(dim=(1, 2, 3)), contrast.mean(dim=(1, 2, 3))


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
