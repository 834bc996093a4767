"""Multi-scale structural similarity (Wang, Simoncelli, Bovik, Asilomar 2003)."""

import math

import torch.nn.functional as F
from torch import Tensor

from sharploss.metrics.picture import Images, pair_of
from sharploss.metrics.ssim import WINDOW, blurred, similarity

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, the finest first (section 3.2 of the paper)."""

SMALLEST = (WINDOW - 1) * 2 ** (len(WEIGHTS) - 1) + 1
"""Pixels a side from which on SSIM's window fits at the coarsest scale: 161."""


def ms_ssim(output: Images, target: Images, protocol: str = "y", border: int = 4) -> Tensor:
    """Give the multi-scale SSIM of each image: contrast and structure at five scales, luminance at the coarsest.

    Eq. 7 of the paper: from scale to scale both images are averaged over 2x2 pixels and halved; an odd last row or
    column is averaged with itself. The mean of contrast and structure at a scale counts as 0 where it is negative.

    Args:
        output: restored images, (N, 3, H, W) RGB in [0, 1], rounded here to 8 bits.
        target: ground truth, the same shape.
        protocol: "y" or "grey8", see `sharploss.protocols`.
        border: pixels left out on each side: the scale in super-resolution, else 0.

    Returns:
        (N,) float64 in [0, 1], higher is better; NaN where the image inside the border has a side below 161 pixels.

    Raises:
        UserError: an unknown protocol, or a border that leaves nothing of the image.
        ValueError: the shapes differ.
    """
    one, other = pair_of(output, target)
    images, truth = (picture.seen(protocol, border) for picture in (one, other))
    if min(images.shape[-2:]) < SMALLEST:
        return images.new_full((len(images),), math.nan)
    known = other.once(("ms_ssim", protocol, border), lambda: [(scale, blurred(scale)) for scale in _pyramid(truth)])
    value = images.new_ones(len(images))
    for level, (image, (scale, means)) in enumerate(zip(_pyramid(images), known, strict=True)):
        whole, contrast = similarity(image, scale, means)
        value *= (whole if level == len(WEIGHTS) - 1 else contrast).clamp(min=0) ** WEIGHTS[level]
    return value


def _pyramid(image: Tensor) -> list[Tensor]:
    scales = [image]
    for _ in WEIGHTS[1:]:
        height, width = image.shape[-2:]
        image = F.avg_pool2d(F.pad(image, (0, width % 2, 0, height % 2), mode="replicate"), 2)
        scales.append(image)
    return scales
