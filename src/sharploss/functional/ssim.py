"""Structural similarity (Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 2004) at every pixel, and its Gaussian window."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.functional.images import check_alike

WINDOW, SIGMA = 11, 1.5  # side and standard deviation of the Gaussian window, in pixels
C1, C2 = 0.01**2, 0.03**2  # the stabilising constants, for values in [0, 1]


def ssim_map(output: Tensor, target: Tensor, window: Literal["valid", "same"] = "valid") -> Tensor:
    """Compute SSIM at every pixel, for each channel on its own.

    Wang et al. 2004, eq. 13, with the constants of section III-C: an 11x11 Gaussian window of standard deviation 1.5,
    K1 = 0.01, K2 = 0.03, variances not corrected for bias; differentiable in both images.

    Both are (N, C, H, W) in [0, 1], and so is what is returned, at most 1: window "valid" keeps only the pixels whose
    whole window lies in the image (H and W shrink by 10; the metric), "same" pads with zeros (H and W stay; what SSIM
    losses in circulation do). Unlike shapes, and a side below 11 pixels with "valid", raise ValueError.
    """
    luminance, contrast = ssim_parts(output, target, window)
    return luminance * contrast


def ssim_parts(output: Tensor, target: Tensor, window: Literal["valid", "same"] = "valid") -> tuple[Tensor, Tensor]:
    """Compute the two factors of `ssim_map`: luminance, and contrast times structure; arguments and errors as there."""
    check_alike(output, target)
    if window == "valid" and min(output.shape[-2:]) < WINDOW:
        raise ValueError(f"SSIM needs images of at least {WINDOW}x{WINDOW} pixels, not {tuple(output.shape[-2:])}.")
    # The two variances are only ever needed as a sum, which saves one of five blurs.
    moments = torch.cat([output, target, output * output + target * target, output * target], dim=1)
    return ssim_factors(*blur(moments, WINDOW // 2 if window == "same" else 0).chunk(4, dim=1))


def ssim_factors(mean_output: Tensor, mean_target: Tensor, energy: Tensor, product: Tensor) -> tuple[Tensor, Tensor]:
    """Compute SSIM's two factors at every pixel, luminance and contrast with structure, from local means."""
    mean_product = mean_output * mean_target
    mean_energy = mean_output * mean_output + mean_target * mean_target
    luminance = (2 * mean_product + C1) / (mean_energy + C1)
    return luminance, (2 * (product - mean_product) + C2) / (energy - mean_energy + C2)


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
    # Filled one by one: a list's copy to a GPU would wait for it, which a CUDA graph does not allow.
    taps = torch.cat([image.new_full((1,), tap) for tap in gaussian()]).expand(channels, 1, WINDOW)
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
    """Compute a Gaussian window's weights along one axis; they sum to 1."""
    taps = [math.exp(-((offset - window // 2) ** 2) / (2 * sigma**2)) for offset in range(window)]
    return [tap / sum(taps) for tap in taps]
