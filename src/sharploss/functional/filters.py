"""Laplacian and Sobel filters as sums of shifted images.

On CPUs this costs a fraction of a depthwise convolution, it leaves no kernel to copy to a device, and its backward pass
is deterministic on every device. Where a filter is its own adjoint, but for a sign, it is its own backward pass too:
torch's would write a whole image for every shift.
"""

from typing import Any

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
    check_choice("border", border, BORDERS)
    if border == "reflect":
        return _laplacian(images, kernel, border)
    return _SelfAdjointLaplacian.apply(images, kernel, border)  # pyright: ignore[reportReturnType]


def _laplacian(images: Tensor, kernel: str, border: str) -> Tensor:
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
    check_choice("border", border, BORDERS)
    return _AntisymmetricSobel.apply(images, True) if border == "zero" else _sobel_x(images, border)  # pyright: ignore[reportReturnType]


def sobel_y(images: Tensor, border: str) -> Tensor:
    """Filter with Sobel's vertical kernel [1 2 1; 0 0 0; -1 -2 -1]; shapes and ranges as `sobel_x`."""
    check_choice("border", border, BORDERS)
    return _AntisymmetricSobel.apply(images, False) if border == "zero" else _sobel_y(images, border)  # pyright: ignore[reportReturnType]


def _sobel_x(images: Tensor, border: str) -> Tensor:
    padded = pad(images, border)
    steps = padded[..., 2:] - padded[..., :-2]
    return (steps[..., :-2, :] + steps[..., 2:, :]).add(steps[..., 1:-1, :], alpha=2)


def _sobel_y(images: Tensor, border: str) -> Tensor:
    padded = pad(images, border)
    steps = padded[..., :-2, :] - padded[..., 2:, :]
    return (steps[..., :-2] + steps[..., 2:]).add(steps[..., 1:-1], alpha=2)


def quick_laplacian(images: Tensor, border: str, scale: float = 1.0) -> Tensor:
    """Compute `scale` times the 4-neighbour Laplacian with one copy of the images instead of five, without gradients.

    It adds in the order of `laplacian`, so that both agree to the last bit where `scale` is 1: where the exact value is
    0, another order would leave a rounding error, and losses that take signs would pull at flat areas.

    Args:
        images: (N, C, H, W).
        border: "replicate" or "zero".
        scale: what the result is multiplied by.
    """
    total = torch.zeros_like(images)
    for axis in (-2, -1):
        size = images.shape[axis]
        total.narrow(axis, 1, size - 1).add_(images.narrow(axis, 0, size - 1))
        if border == "replicate":
            total.narrow(axis, 0, 1).add_(images.narrow(axis, 0, 1))
        total.narrow(axis, 0, size - 1).add_(images.narrow(axis, 1, size - 1))
        if border == "replicate":
            total.narrow(axis, size - 1, 1).add_(images.narrow(axis, size - 1, 1))
    total.sub_(images, alpha=4)
    return total if scale == 1 else total.mul_(scale)


class _SelfAdjointLaplacian(torch.autograd.Function):
    """Both kernels are symmetric, and with a zero or replicated border so is the matrix that they are."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, kernel: str, border: str) -> Tensor:
        ctx.kernel, ctx.border = kernel, border
        return _laplacian(images, kernel, border)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, None, None]:
        return _SelfAdjointLaplacian.apply(gradients[0], ctx.kernel, ctx.border), None, None


class _AntisymmetricSobel(torch.autograd.Function):
    """Both kernels change their sign when turned by 180 degrees, and with a zero border so does their matrix."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, horizontal: bool) -> Tensor:
        ctx.horizontal = horizontal
        return (_sobel_x if horizontal else _sobel_y)(images, "zero")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, None]:
        return _AntisymmetricSobel.apply(-gradients[0], ctx.horizontal), None
