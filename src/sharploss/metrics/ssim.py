"""Structural similarity (Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 2004), as a metric and as a differentiable map."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.errors import UserError
from sharploss.metrics.colour import as_measured, check_pair

WINDOW = 11
"""Side of the Gaussian window, in pixels."""

C1, C2 = 0.01**2, 0.03**2
"""What keeps both factors finite where images are dark or flat."""

SIGMA = 1.5
"""Standard deviation of the Gaussian window, in pixels."""


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
    mean_output, mean_target, energy, product = blur(moments, WINDOW // 2 if window == "same" else 0).chunk(4, dim=1)
    mean_product = mean_output * mean_target
    mean_energy = mean_output * mean_output + mean_target * mean_target
    luminance = (2 * mean_product + C1) / (mean_energy + C1)
    return luminance, (2 * (product - mean_product) + C2) / (energy - mean_energy + C2)


def ssim(output: Tensor, target: Tensor, protocol: str = "y", border: int = 4) -> Tensor:
    """Give the mean SSIM of each image, over channels and every place where the whole window fits.

    Args:
        output: restored images, (N, 3, H, W) RGB in [0, 1], rounded here to 8 bits.
        target: ground truth, the same shape.
        protocol: "y", "rgb" or "grey8", see `sharploss.protocols`.
        border: pixels left out on each side: the scale in super-resolution, else 0.

    Returns:
        (N,) float64, at most 1, which identical images have; higher is better.

    Raises:
        UserError: an unknown protocol, or fewer than 11 pixels a side inside the border.
        ValueError: the shapes differ.
    """
    check_pair(output, target)
    if min(output.shape[-2:]) - 2 * border < WINDOW:
        size = "x".join(map(str, output.shape[-2:]))
        raise UserError(f"SSIM needs {WINDOW}x{WINDOW} pixels inside a border of {border}, not an image of {size}.")
    values = ssim_map(as_measured(output, protocol, border), as_measured(target, protocol, border))
    return values.mean(dim=(1, 2, 3))


def blur(image: Tensor, padding: int) -> Tensor:
    """Blur (N, C, H, W) with the Gaussian window, along one axis and then along the other."""
    # Sums of shifted images take half the time of a convolution on a CPU, but their gradient takes four times as long.
    if image.requires_grad:
        return _convolve(image, padding)
    image = F.pad(image, (padding,) * 4)
    return _sum_shifted(_sum_shifted(image, -2), -1)


def _convolve(image: Tensor, padding: int) -> Tensor:
    # As channels of one grouped convolution: on a CPU several times faster than as images of one channel.
    flat = image.flatten(0, 1)[None]
    channels = flat.shape[1]
    taps = torch.tensor(_gaussian(), device=image.device, dtype=image.dtype).expand(channels, 1, WINDOW)
    rows = F.conv2d(flat, taps[..., None], padding=(padding, 0), groups=channels)
    both = F.conv2d(rows, taps[..., None, :], padding=(0, padding), groups=channels)
    return both[0].unflatten(0, image.shape[:2])


def _sum_shifted(image: Tensor, axis: int) -> Tensor:
    length = image.shape[axis] - WINDOW + 1
    total = torch.zeros_like(image.narrow(axis, 0, length))
    for offset, tap in enumerate(_gaussian()):
        total.add_(image.narrow(axis, offset, length), alpha=tap)
    return total


def _gaussian() -> list[float]:
    """Give the window's weights along one axis; they sum to 1."""
    taps = [math.exp(-((offset - WINDOW // 2) ** 2) / (2 * SIGMA**2)) for offset in range(WINDOW)]
    return [tap / sum(taps) for tap in taps]
