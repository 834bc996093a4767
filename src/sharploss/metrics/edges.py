"""What happens at the edges of the ground truth: how faithful they are, and how far sharpening goes beyond them."""

import math
from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.functional.colour import check_border
from sharploss.functional.filters import sobel_x, sobel_y
from sharploss.metrics.picture import CachedImage, Images, Strip, mean_of, pair_of
from sharploss.metrics.sharpness import ZERO

EDGES = 0.1
"""Share of an image's pixels that count as edges."""

REACH = 2
"""How far from a pixel the truth is looked at for what overshoots, in pixels: 5x5, so that an edge that is displaced by
two pixels does not count."""

STRONGEST, BIN = 2 * (4 * 255) ** 2, 1024
"""No gradient's squared size is larger, where one channel is looked at; and how many sizes are counted together."""


def edge_psnr(output: Images, target: Images, protocol: str = "y", border: int = 4) -> Tensor:
    """Give the PSNR of each image in dB over the tenth of its pixels at which the target's gradients are largest.

    Gradients are Sobel's, their size is the root of the sum of squares, of what the protocol looks at, summed over
    channels. The share is fixed, not the size, so that it measures as many pixels of a soft image as of a crisp one;
    pixels without any gradient are never counted.

    Args:
        output: restored images, (N, 3, H, W) RGB in [0, 1], rounded here to 8 bits.
        target: ground truth, the same shape.
        protocol: what of the colours counts: "y" or "grey8".
        border: pixels left out on each side.

    Returns:
        (N,) float64 in dB, higher is better; infinity where all these pixels are exact, NaN where the target is
        constant.

    Raises:
        UserError: an unknown protocol, or a border that leaves nothing of the image.
        ValueError: the shapes differ.
    """
    one, other = pair_of(output, target)
    parts = list(other.strips(border, reach=1))
    pixels = math.prod(check_border(other.image, border))

    def strengths() -> Iterable[Tensor]:
        return (_strength(other, protocol, border, strip) for strip in parts)

    least = other.once(("least", protocol, border), lambda: _least(strengths, pixels))
    total, count = torch.zeros_like(least), torch.zeros_like(least)
    for strip, strength in zip(parts, strengths(), strict=True):
        edges = strength >= least[:, None, None, None]
        inside = strip._replace(start=strip.first, stop=strip.last)
        error = one.seen(protocol, border, inside) - other.seen(protocol, border, inside)
        squares = error.square().mean(dim=1, keepdim=True)
        total, count = total + (squares * edges).sum(dim=(1, 2, 3)), count + edges.sum(dim=(1, 2, 3))
    return -10 * (total / count).log10()


def _strength(picture: CachedImage, protocol: str, border: int, strip: Strip) -> Tensor:
    """Give the squared size of the gradients, of levels from 0 to 255, in the rows that count: (N, 1, rows, W)."""

    def make() -> Tensor:
        # Whole numbers: gradients of one size must not be told apart by rounding errors.
        levels = picture.seen(protocol, border, strip).mul(255).round()
        squares = sobel_x(levels, "replicate") ** 2 + sobel_y(levels, "replicate") ** 2
        return strip.of(squares.sum(dim=1, keepdim=True))

    return picture.once(("strength", protocol, border, strip), make)


def _least(strengths: Callable[[], Iterable[Tensor]], pixels: int) -> Tensor:
    """Give the strength from which on a pixel counts, (N,): they are whole numbers, so counting them ranks them.

    Args:
        strengths: gives them strip by strip: first they are counted by the thousand, then one by one.
        pixels: of the image inside the border.
    """
    wanted = math.ceil(EDGES * pixels)
    coarse = _ranked((strength.div(BIN).floor() for strength in strengths()), STRONGEST // BIN + 1, wanted)
    base = BIN * coarse[:, None, None, None]
    fine = _ranked(((strength - base).clamp(-1, BIN) + 1 for strength in strengths()), BIN + 2, wanted)
    return (BIN * coarse + fine - 1).double().clamp(min=ZERO)


def _ranked(values: Iterable[Tensor], bins: int, wanted: int) -> Tensor:
    """Give the largest number below `bins` that at least so many values of each image reach, (N,)."""
    counts: Tensor | int = 0
    for strip in values:
        counts = counts + torch.stack([image.flatten().long().bincount(minlength=bins) for image in strip])
    reached = torch.as_tensor(counts).flip(1).cumsum(1)  # by the largest first
    return bins - 1 - (reached < wanted).sum(dim=1)


def overshoot(output: Images, target: Images, protocol: str = "y", border: int = 4) -> Tensor:
    """Give how far each image goes beyond what the target has nearby: halos and ringing of too much sharpening.

    At each pixel the excess is how far the output lies above the largest, or below the smallest, value of the target
    within the 5x5 pixels around it; this is its mean over pixels and channels. Blur has none, noise some.

    Args:
        output: restored images, (N, 3, H, W) RGB in [0, 1], rounded here to 8 bits.
        target: ground truth, the same shape.
        protocol: what of the colours counts: "y" or "grey8".
        border: pixels left out on each side; the target's neighbourhoods end there.

    Returns:
        (N,) float64 in 8-bit levels, 0 to 255, lower is better.

    Raises:
        UserError: an unknown protocol, or a border that leaves nothing of the image.
        ValueError: the shapes differ.
    """
    one, other = pair_of(output, target)
    parts: list[tuple[Tensor, int]] = []
    for strip in one.strips(border, reach=REACH):
        low, high = other.once(
            ("extremes", protocol, border, strip),
            lambda strip=strip: _extremes(other.seen(protocol, border, strip), strip),
        )
        values = strip.of(one.seen(protocol, border, strip))
        excess = (values - high).clamp(min=0) + (low - values).clamp(min=0)
        parts.append((excess.mean(dim=(1, 2, 3)), excess[0].numel()))
    return 255 * mean_of(parts)


def _extremes(image: Tensor, strip: Strip) -> tuple[Tensor, Tensor]:
    return strip.of(-_largest(-image)), strip.of(_largest(image))


def _largest(image: Tensor) -> Tensor:
    side = 2 * REACH + 1
    rows = F.max_pool2d(image, (side, 1), stride=1, padding=(REACH, 0))
    return F.max_pool2d(rows, (1, side), stride=1, padding=(0, REACH))
