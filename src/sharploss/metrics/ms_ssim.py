"""Multi-scale structural similarity (Wang, Simoncelli, Bovik, Asilomar 2003)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.functional.colour import check_border
from sharploss.functional.ms_ssim import WEIGHTS, min_size
from sharploss.metrics.cached_image import CachedImage, Images, cached_pair
from sharploss.metrics.ssim import blurred, similarity


def ms_ssim(output: Images, target: Images, protocol: str = "y", border: int = 4) -> Tensor:
    """Compute the multi-scale SSIM of each image: contrast and structure at five scales, luminance at the coarsest.

    Eq. 7 of the paper: from scale to scale both images are averaged over 2x2 pixels and halved; an odd last row or
    column is averaged with itself. The mean of contrast and structure at a scale counts as 0 where it is negative.

    It is (N,) float64 in [0, 1], higher is better; NaN where the image inside the border has a side below 161 pixels.

    >>> image = torch.linspace(0, 1, 200).square().expand(1, 3, 200, 200)
    >>> round(ms_ssim(image * 0.9, image, protocol="y", border=2).item(), 3)
    0.996
    """
    one, other = cached_pair(output, target)
    if min(check_border(one.image, border)) < min_size(len(WEIGHTS)):
        return torch.full((len(one.image),), math.nan, dtype=torch.float64, device=one.image.device)
    known = other.once(("ms_ssim", protocol, border), lambda: _known(other, protocol, border))
    value = torch.ones(len(one.image), dtype=torch.float64, device=one.image.device)
    scales = zip(_pyramid(one, protocol, border), known, WEIGHTS, strict=True)
    for level, (image, (truth, means), weight) in enumerate(scales):
        whole, contrast = similarity(image, truth, means)
        value *= (whole if level == len(WEIGHTS) - 1 else contrast).clamp(min=0) ** weight
    return value


def _known(picture: CachedImage, protocol: str, border: int) -> list[tuple[Tensor, Tensor]]:
    return [(scale, blurred(scale)) for scale in _pyramid(picture, protocol, border)]


def _pyramid(picture: CachedImage, protocol: str, border: int) -> list[Tensor]:
    """Return the images at each scale, the finest first."""
    scales = [picture.seen(protocol, border)]
    for _ in WEIGHTS[1:]:
        scales.append(F.avg_pool2d(scales[-1], 2, ceil_mode=True))
    return scales
