"""Laplacian and Sobel filters as sums of shifted images, and the variance of their maps within patches.

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

    "replicate" repeats the outermost pixels, "reflect" mirrors about them, "zero" adds black ones; ValueError for
    another border, or images too small to reflect.
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
    """Filter with a Laplacian whose centre is negative, so that bright ridges come out negative; `border` as in `pad`.

    The kernel is "4-neighbour" (centre -4) or "8-neighbour" (centre -8): (N, C, H, W), within 4 or 8 times the range.
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
    """Filter with Sobel's horizontal kernel [-1 0 1; -2 0 2; -1 0 1] (cross-correlation); the range grows fourfold."""
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


def patch_variance(maps: Tensor, patch: int, unbiased: bool = True) -> Tensor:
    """Compute the variance within each patch of a grid; a ragged right or bottom edge is dropped.

    Of maps (N, C, H, W) it is (N, C, H // patch, W // patch); `patch` is at least 2, and the sum of squares is divided
    by patch^2 - 1 if `unbiased`, else by patch^2.
    """
    height, width = (side // patch * patch for side in maps.shape[2:])
    # Not var: over two axes that are not neighbours it takes several times as long on CPUs.
    bands = maps[..., :height, :width].unflatten(2, (-1, patch))
    means = _patch_sums(bands, patch) / patch**2
    stretched = means[..., None].expand(*means.shape, patch).flatten(3)[:, :, :, None]
    return _patch_sums((bands - stretched).square(), patch) / (patch**2 - int(unbiased))


def _patch_sums(bands: Tensor, patch: int) -> Tensor:
    """Sum over each patch: (N, C, rows, patch, columns * patch) to (N, C, rows, columns)."""
    return bands.sum(3).unflatten(3, (-1, patch)).sum(4)
