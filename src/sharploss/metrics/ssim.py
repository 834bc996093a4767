"""Structural similarity (Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 2004), as a metric and as a differentiable map."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.functional.colour import check_pair
from sharploss.metrics.picture import CachedImage, Images, Strip, mean_of, pair_of
from sharploss.utils.errors import UserError

WINDOW = 11
"""Side of the Gaussian window, in pixels."""

SIGMA = 1.5
"""Standard deviation of the Gaussian window, in pixels."""

C1, C2 = 0.01**2, 0.03**2
"""The stabilising constants, for values in [0, 1]."""

STRIP = 2**16
"""Pixels that are blurred at a time: what lies in a processor's cache is twice as fast, and memory stays bounded."""


def ssim_map(output: Tensor, target: Tensor, window: Literal["valid", "same"] = "valid") -> Tensor:
    """Give SSIM at every pixel, for each channel on its own.

    Wang et al. 2004, eq. 13, with the constants of section III-C: an 11x11 Gaussian window of standard deviation 1.5,
    K1 = 0.01, K2 = 0.03, variances not corrected for bias. Differentiable in both images, symmetric in them, computed
    in their dtype.

    Args:
        output: (N, C, H, W), 1 being the largest possible value.
        target: same shape and dtype.
        window: "valid" keeps only the pixels whose whole window lies in the image (H and W shrink by 10; the metric),
            "same" pads with zeros (H and W stay; what SSIM losses in circulation do).

    Returns:
        (N, C, H', W'), at most 1.

    Raises:
        ValueError: the shapes differ, or a side is below 11 pixels with "valid".
    """
    luminance, contrast = ssim_parts(output, target, window)
    return luminance * contrast


def ssim_parts(output: Tensor, target: Tensor, window: Literal["valid", "same"] = "valid") -> tuple[Tensor, Tensor]:
    """Give the two factors of `ssim_map`: luminance, and contrast times structure; arguments and errors as there."""
    check_pair(output, target)
    if window == "valid" and min(output.shape[-2:]) < WINDOW:
        raise ValueError(f"SSIM needs images of at least {WINDOW}x{WINDOW} pixels, not {tuple(output.shape[-2:])}.")
    # The two variances are only ever needed as a sum, which saves one of five blurs.
    moments = torch.cat([output, target, output * output + target * target, output * target], dim=1)
    return _terms(*blur(moments, WINDOW // 2 if window == "same" else 0).chunk(4, dim=1))


def _terms(mean_output: Tensor, mean_target: Tensor, energy: Tensor, product: Tensor) -> tuple[Tensor, Tensor]:
    """Give SSIM's two factors at every pixel, luminance and contrast with structure, from local means."""
    mean_product = mean_output * mean_target
    mean_energy = mean_output * mean_output + mean_target * mean_target
    luminance = (2 * mean_product + C1) / (mean_energy + C1)
    return luminance, (2 * (product - mean_product) + C2) / (energy - mean_energy + C2)


def ssim(output: Images, target: Images, protocol: str = "y", border: int = 4) -> Tensor:
    """Give the mean SSIM of each image, over channels and places of the window.

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
    one, other = pair_of(output, target)
    window = PADDED.get(protocol, _Window(protocol, border, WINDOW, None))
    if min(one.image.shape[-2:]) - 2 * window.border < window.smallest:
        size = "x".join(map(str, one.image.shape[-2:]))
        raise UserError(f"SSIM needs {WINDOW}x{WINDOW} pixels inside a border of {border}, not an image of {size}.")
    across, parts = protocol == "matlab_rgb", list[tuple[Tensor, int]]()
    # Strips of places of the window, which without padding are fewer than pixels.
    for strip in one.strips(window.border if window.pad else window.border + WINDOW // 2):
        values, wanted = (_values(picture, window, strip) for picture in (one, other))
        means = other.once(("ssim", protocol, border, strip), lambda wanted=wanted: blurred(wanted, across))
        parts.append((similarity(values, wanted, means, across=across)[0], strip.last - strip.first))
    return mean_of(parts)


class _Window(NamedTuple):
    """What a protocol's window slides over: channels, border, pixels a side at least, how the image is continued."""

    channels: str
    border: int
    smallest: int
    pad: Callable[[Tensor, int, int], Tensor] | None


def _values(picture: CachedImage, window: _Window, strip: Strip) -> Tensor:
    """Give what the window looks at in a strip of its places: (N, C, rows + 10, W) float64 in [0, 1]."""
    channels, border, _, pad = window
    if pad is None:
        return picture.seen(channels, border, strip._replace(stop=strip.last + WINDOW - 1))
    reach, height = WINDOW // 2, picture.image.shape[-2] - 2 * border
    rows = strip._replace(start=max(strip.first - reach, 0), stop=min(strip.last + reach, height))
    missing = [reach - (rows.first - rows.start), reach - (rows.stop - rows.last)]
    return picture.once(("ssim", channels, rows), lambda: pad(picture.seen(channels, border, rows), *missing))


def _repeated(image: Tensor, above: int, below: int) -> Tensor:
    return F.pad(image, (WINDOW // 2, WINDOW // 2, above, below), mode="replicate")


def _mirrored(image: Tensor, above: int, below: int) -> Tensor:
    # F.pad's "reflect" mirrors about the outermost pixels, this beyond them: they come twice.
    for axis, before, after in ((-1, WINDOW // 2, WINDOW // 2), (-2, above, below)):
        size = image.shape[axis]
        first = image.narrow(axis, 0, min(before, size))
        last = image.narrow(axis, size - min(after, size), min(after, size))
        image = torch.cat([first.flip(axis), image, last.flip(axis)], axis)
    return image


PADDED = {"gv_code": _Window("luma256", 2, 4, _mirrored), "matlab_rgb": _Window("rgb", 0, 1, _repeated)}


def blurred(image: Tensor, across: bool = False) -> list[Tensor]:
    """Give, strip by strip, the local means of an image (N, C, H, W) and of its square, for `similarity`."""
    return [blur(_mixed([strip, strip * strip], across), 0) for strip in _strips(image)]


def similarity(
    output: Tensor, target: Tensor, means: Sequence[Tensor], *, across: bool = False
) -> tuple[Tensor, Tensor]:
    """Give the means over an image of SSIM and of its contrast-and-structure factor alone.

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
        luminance, contrast = _terms(mean_output, mean_target, square + energy, product)
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
    """Give the window's weights across channels, (to, from): beyond the outermost channel there is that one again."""
    weights = torch.zeros(channels, channels, dtype=torch.float64)
    for to in range(channels):
        for offset, tap in enumerate(gaussian()):
            weights[to, min(max(to + offset - WINDOW // 2, 0), channels - 1)] += tap
    return weights


def blur(image: Tensor, padding: int) -> Tensor:
    """Blur (N, C, H, W) with the Gaussian window, along one axis and then along the other."""
    # Sums of shifted images take half the time of a convolution on a CPU, but their gradient takes four times as long.
    if image.requires_grad:
        return _convolve(image, padding)
    image = F.pad(image, (padding,) * 4)
    return sum_shifted(sum_shifted(image, -2, gaussian()), -1, gaussian())


def _convolve(image: Tensor, padding: int) -> Tensor:
    # As channels of one grouped convolution: on a CPU several times faster than as images of one channel.
    flat = image.flatten(0, 1)[None]
    channels = flat.shape[1]
    taps = torch.tensor(gaussian(), device=image.device, dtype=image.dtype).expand(channels, 1, WINDOW)
    rows = F.conv2d(flat, taps[..., None], padding=(padding, 0), groups=channels)
    both = F.conv2d(rows, taps[..., None, :], padding=(0, padding), groups=channels)
    return both[0].unflatten(0, image.shape[:2])


def sum_shifted(image: Tensor, axis: int, taps: Sequence[float]) -> Tensor:
    """Filter along an axis where all taps fit: the axis shrinks by their number less one."""
    length = image.shape[axis] - len(taps) + 1
    total = torch.zeros_like(image.narrow(axis, 0, length))
    for offset, tap in enumerate(taps):
        total.add_(image.narrow(axis, offset, length), alpha=tap)
    return total


def gaussian(window: int = WINDOW, sigma: float = SIGMA) -> list[float]:
    """Give a Gaussian window's weights along one axis; they sum to 1."""
    taps = [math.exp(-((offset - window // 2) ** 2) / (2 * sigma**2)) for offset in range(window)]
    return [tap / sum(taps) for tap in taps]
