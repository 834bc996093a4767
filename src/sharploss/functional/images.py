"""What is required of the two batches of images that a loss or a metric compares."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor


def check_same_shape(output: Tensor, target: Tensor) -> None:
    """Require two batches of one shape: others would silently broadcast.

    Raises:
        ValueError: the shapes differ.
    """
    if output.shape != target.shape:
        raise ValueError(f"output and target must have one shape, not {tuple(output.shape)} and {tuple(target.shape)}.")


def check_pair(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Check what a loss compares; return both in one precision, so that losses of bfloat16 outputs sum in float32.

    The target is returned as a constant: no loss here differentiates by it.

    Args:
        output: restored images, (N, C, H, W), floating point in [0, 1].
        target: ground truth, the same shape.

    Returns:
        Both images in the larger of their precisions, float32 at least.

    Raises:
        ValueError: the shapes differ (they would silently broadcast), or a type is not floating point.
    """
    if output.shape != target.shape or output.ndim != 4:
        shapes = f"{tuple(output.shape)} and {tuple(target.shape)}"
        raise ValueError(f"output and target must have one shape (N, C, H, W), not {shapes}")
    if not (output.is_floating_point() and target.is_floating_point()):
        raise ValueError(f"images must be floating point in [0, 1], not {output.dtype} and {target.dtype}")
    dtype = torch.promote_types(torch.promote_types(output.dtype, target.dtype), torch.float32)
    return output.to(dtype), (target.detach() if target.requires_grad else target).to(dtype)


def check_size(images: Tensor, min_size: int, need: str) -> None:
    """Require images of at least `min_size` pixels a side.

    Raises:
        ValueError: they are smaller; the message says what `need` asks for it.
    """
    height, width = images.shape[-2:]
    if min(height, width) < min_size:
        raise ValueError(f"{need} needs images of at least {min_size}x{min_size} pixels, not {height}x{width}")


def full_precision(device: str) -> AbstractContextManager[Any]:
    """Turn autocast off where the device has it; the meta device, on which costs are counted, has none."""
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()
