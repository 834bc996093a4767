"""Blurs by Gaussian and motion kernels, in float64 and in a fixed order: the same on every machine."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.data.imresize import to_bytes
from sharploss.data.noise import uniform

SAMPLES = 32  # points per pixel of a motion's path


def gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """Blur (C, H, W) uint8 with a Gaussian of standard deviation `sigma` > 0 pixels, cut off at 4 sigma.

    Borders repeat; rounded half up once, at the end.
    """
    reach = math.ceil(4 * sigma)
    weights = [math.exp(-0.5 * (offset / sigma) ** 2) for offset in range(-reach, reach + 1)]
    total = math.fsum(weights)
    values = image.double()
    for _ in range(2):
        values = _filter_rows(values, [weight / total for weight in weights]).mT
    return to_bytes(values).contiguous()


def _filter_rows(values: Tensor, weights: list[float]) -> Tensor:
    reach, height = len(weights) // 2, values.shape[-2]
    padded = F.pad(values, (0, 0, reach, reach), mode="replicate")
    total = torch.zeros_like(values)
    for offset, weight in enumerate(weights):
        # A product, then a sum: a fused multiply-add would round differently on some machines.
        total += padded.narrow(-2, offset, height) * weight
    return total


def motion_kernel(length: float, seed: int, name: str) -> Tensor:
    """Make the kernel of a straight motion of constant speed, drawn for the image `name`.

    The motion is uniform between a third of `length` pixels and all of it, its direction is uniform. The kernel is
    (K, K) float64 of sum 1, K odd; points of the path are shared among the four pixels around them.
    """
    share, turn = uniform(seed, name, 2).tolist()
    extent, angle = length * (1 + 2 * share) / 3, math.pi * turn
    reach = math.ceil(length / 2) + 1
    kernel = torch.zeros(2 * reach + 1, 2 * reach + 1, dtype=torch.float64)
    points = max(1, round(extent * SAMPLES))
    for index in range(points):
        along = ((index + 0.5) / points - 0.5) * extent
        x, y = reach + along * math.cos(angle), reach + along * math.sin(angle)
        left, top = math.floor(x), math.floor(y)
        for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
            weight = abs(1 - row - (y - top)) * abs(1 - column - (x - left))
            kernel[top + row, left + column] += weight / points
    return kernel


def blur(image: Tensor, kernel: Tensor) -> Tensor:
    """Blur (C, H, W) uint8 with a (K, K) float64 kernel; borders repeat, rounded half up once, at the end."""
    reach = kernel.shape[0] // 2
    height, width = image.shape[-2:]
    padded = F.pad(image.double(), (reach, reach, reach, reach), mode="replicate")
    total = torch.zeros(image.shape, dtype=torch.float64)
    for row, column in kernel.nonzero().tolist():
        total += padded[..., row : row + height, column : column + width] * kernel[row, column]
    return to_bytes(total)
