"""Multi-scale structural similarity (Wang, Simoncelli, Bovik, Asilomar 2003)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.functional.ssim import WINDOW, ssim_parts

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, the finest first (section 3.2 of the paper)."""

SMALLEST_FACTOR = 1e-6  # in a loss: a negative one, of images that contradict each other, has no fractional power


def min_size(scales: int) -> int:
    """Return the side in pixels of the smallest images with a whole window at the coarsest of so many scales."""
    return (WINDOW - 1) * 2 ** (scales - 1) + 1


def ms_ssim_of_channels(output: Tensor, target: Tensor, scales: int = 5, form: str = "wang") -> Tensor:
    """Compute MS-SSIM of every image and channel, with gradients: eq. 7 of the paper.

    From twice (N, C, H, W) in [0, 1] to (N, C), in their dtype; scales and form as in `sharploss.losses.MSSSIMLoss`.
    """
    contrasts: list[Tensor] = []
    similarity = output
    for scale in range(scales):
        if scale:
            output, target = (F.avg_pool2d(images, 2, ceil_mode=form == "wang") for images in (output, target))
        luminance, contrast = ssim_parts(output, target)
        contrasts.append(contrast.mean(dim=(2, 3)))
        similarity = (luminance * contrast).mean(dim=(2, 3))
    weights = [weight * (sum(WEIGHTS) / sum(WEIGHTS[:scales])) for weight in WEIGHTS[:scales]]
    times = 1 if form == "wang" else scales - 1
    factors = [_power(contrast, weight) for contrast, weight in zip(contrasts[:-1], weights[:-1], strict=True)]
    return torch.stack([*factors, _power(similarity, weights[-1] * times)]).prod(dim=0)


def _power(factor: Tensor, exponent: float) -> Tensor:
    return factor.clamp_min(SMALLEST_FACTOR) ** exponent
