"""Multi-scale structural similarity (Wang, Simoncelli, Bovik, Asilomar 2003)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.functional.colour import check_border
from sharploss.metrics.picture import CachedImage, Images, Strip, mean_of, pair_of, strips
from sharploss.metrics.ssim import WINDOW, blurred, similarity

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, the finest first (section 3.2 of the paper)."""

SMALLEST = (WINDOW - 1) * 2 ** (len(WEIGHTS) - 1) + 1
"""Pixels a side from which on SSIM's window fits at the coarsest scale: 161."""

COARSEST = 2 ** (len(WEIGHTS) - 1)
"""Pixels of the image on a side of one of the coarsest scale."""


def ms_ssim(output: Images, target: Images, protocol: str = "y", border: int = 4) -> Tensor:
    """Give the multi-scale SSIM of each image: contrast and structure at five scales, luminance at the coarsest.

    Eq. 7 of the paper: from scale to scale both images are averaged over 2x2 pixels and halved; an odd last row or
    column is averaged with itself. The mean of contrast and structure at a scale counts as 0 where it is negative.

    Args:
        output: restored images, (N, 3, H, W) RGB in [0, 1], rounded here to 8 bits.
        target: ground truth, the same shape.
        protocol: "y" or "grey8", see `sharploss.config.protocols`.
        border: pixels left out on each side: the scale in super-resolution, else 0.

    Returns:
        (N,) float64 in [0, 1], higher is better; NaN where the image inside the border has a side below 161 pixels.

    Raises:
        UserError: an unknown protocol, or a border that leaves nothing of the image.
        ValueError: the shapes differ.
    """
    one, other = pair_of(output, target)
    height, width = check_border(one.image, border)
    if min(height, width) < SMALLEST:
        return torch.full((len(one.image),), math.nan, dtype=torch.float64, device=one.image.device)
    parts = [list[tuple[Tensor, int]]() for _ in WEIGHTS]
    # Strips of places of the window at the coarsest scale, of which each is as many rows of places at finer ones.
    places = -(-height // COARSEST) - WINDOW + 1
    for strip in strips(places, COARSEST * width, most=one.strip_size):
        known = other.once(
            ("ms_ssim", protocol, border, strip), lambda strip=strip: _known(other, protocol, border, strip)
        )
        scales = zip(_pyramid(one, protocol, border, strip), known, strict=True)
        for level, (image, (truth, means)) in enumerate(scales):
            whole, contrast = similarity(image, truth, means)
            parts[level].append((whole if level == len(WEIGHTS) - 1 else contrast, image.shape[-2] - WINDOW + 1))
    value = torch.ones(len(one.image), dtype=torch.float64, device=one.image.device)
    for level, weight in enumerate(WEIGHTS):
        value *= mean_of(parts[level]).clamp(min=0) ** weight
    return value


def _known(picture: CachedImage, protocol: str, border: int, strip: Strip) -> list[tuple[Tensor, list[Tensor]]]:
    return [(scale, blurred(scale)) for scale in _pyramid(picture, protocol, border, strip)]


def _pyramid(picture: CachedImage, protocol: str, border: int, strip: Strip) -> list[Tensor]:
    """Give, scale by scale, the rows that the window looks at in a strip of its places at the coarsest."""
    height = picture.image.shape[-2] - 2 * border
    is_last = strip.last + WINDOW - 1 == -(-height // COARSEST)
    rows = Strip(COARSEST * strip.first, height if is_last else COARSEST * (strip.last + WINDOW - 1), 0, 0)
    scales = [picture.seen(protocol, border, rows)]
    for _ in WEIGHTS[1:]:
        image = scales[-1]
        odd = [size % 2 for size in image.shape[-2:]]
        scales.append(F.avg_pool2d(F.pad(image, (0, odd[1], 0, odd[0]), mode="replicate"), 2))
    if is_last:
        return scales
    ends = [(COARSEST >> level) * (strip.last - strip.first) + WINDOW - 1 for level in range(len(scales))]
    return [scale[..., :end, :] for scale, end in zip(scales, ends, strict=True)]
