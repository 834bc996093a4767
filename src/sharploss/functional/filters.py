"""Laplacian and Sobel filters as sums of shifted images.

On CPUs this costs a fraction of a depthwise convolution, it leaves no kernel to copy to a device, and its backward pass
is deterministic on every device.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.functional.images import check_size
from sharploss.utils.argument_checks import check_choice

BORDERS = ("replicate", "reflect", "zero")
LAPLACIANS = ("4-neighbour", "8-neighbour")


def pad(images: Tensor, border: str) -> Tensor:
    """Add one pixel on each side: (N, C, H, W) to (N, C, H+2, W+2).

    Args:
        images: any range.
        border: "replicate" repeats the outermost pixels, "reflect" mirrors about them, "zero" adds black ones.

    Raises:
        ValueError: an unknown border, or images too small to reflect.
    """
    check_choice("border", border, BORDERS)
    if border == "zero":
        return F.pad(images, (1, 1, 1, 1))
    source = 0 if border == "replicate" else 1
    check_size(images, source + 1, f"border '{border}'")
    # Not F.pad: the backward pass of its replicate and reflect modes is not deterministic on GPUs.
    for axis in (-1, -2):
        first, last = images.narrow(axis, source, 1), images.narrow(axis, images.shape[axis] - 1 - source, 1)
        images = torch.cat([first, images, last], axis)
    return images


def laplacian(images: Tensor, kernel: str = "4-neighbour", border: str = "replicate") -> Tensor:
    """Filter with a Laplacian whose centre is negative, so that bright ridges come out negative.

    Args:
        images: (N, C, H, W).
        kernel: "4-neighbour" (centre -4) or "8-neighbour" (centre -8).
        border: see `pad`.

    Returns:
        (N, C, H, W), within 4 or 8 times the images' range.

    Raises:
        ValueError: an unknown kernel or border.
    """
    check_choice("kernel", kernel, LAPLACIANS)
    padded = pad(images, border)
    if kernel == "4-neighbour":
        rows, columns = padded[..., 1:-1], padded[..., 1:-1, :]
        around = rows[..., :-2, :] + rows[..., 2:, :] + columns[..., :-2] + columns[..., 2:]
        return around.sub(images, alpha=4)
    triples = padded[..., :-2, :] + padded[..., 1:-1, :] + padded[..., 2:, :]
    return (triples[..., :-2] + triples[..., 1:-1] + triples[..., 2:]).sub(images, alpha=9)


def sobel_x(images: Tensor, border: str) -> Tensor:
    """Filter with Sobel's horizontal kernel [-1 0 1; -2 0 2; -1 0 1] (cross-correlation).

    Args:
        images: (N, C, H, W).
        border: see `pad`.

    Returns:
        (N, C, H, W), within 4 times the images' range.
    """
    return _sobel_x(pad(images, border))


def sobel_y(images: Tensor, border: str) -> Tensor:
    """Filter with Sobel's vertical kernel [1 2 1; 0 0 0; -1 -2 -1]; shapes and ranges as `sobel_x`."""
    return _sobel_y(pad(images, border))


def sobel(images: Tensor, border: str) -> Tensor:
    """Filter with both of Sobel's kernels: (N, C, H, W) to (N, 2C, H, W), the maps of `sobel_x` first."""
    padded = pad(images, border)
    return torch.cat([_sobel_x(padded), _sobel_y(padded)], dim=1)


def _sobel_x(padded: Tensor) -> Tensor:
    steps = padded[..., 2:] - padded[..., :-2]
    return (steps[..., :-2, :] + steps[..., 2:, :]).add(steps[..., 1:-1, :], alpha=2)


def _sobel_y(padded: Tensor) -> Tensor:
    steps = padded[..., :-2, :] - padded[..., 2:, :]
    return (steps[..., :-2] + steps[..., 2:]).add(steps[..., 1:-1], alpha=2)
