"""What is required of the images that losses, metrics and degradations are given: type, shape, range and device."""

import math
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from sharploss.utils.errors import UserError

_FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)

FLOATS, BYTES, EITHER = "floating point in [0, 1]", "uint8", "uint8 or floating point in [0, 1]"
"""What images can be, in the words of messages."""

_TYPES = {FLOATS: _FLOATS, BYTES: (torch.uint8,), EITHER: (torch.uint8, *_FLOATS)}
HALF_LEVEL = 1 / 510  # how far a target may leave [0, 1]: what rounds to an 8-bit level all the same

FAR = 2.0
"""How far the mean of an output that is measured may lie from [0, 1], in images: overshooting moves it by far less."""

_checked: tuple[Callable[[], Tensor | None], int | None] = (lambda: None, None)
"""The target whose values were checked last, weakly, and its version: the terms of a sum look at one after another."""


def check_images(
    images: Any, name: str, kind: str = FLOATS, *, channels: tuple[int, ...] = (3,), axes: str = "N, C, H, W"
) -> None:
    """Require images by their type and shape; no value is looked at.

    Whatever is no tensor of `kind` (FLOATS, BYTES or EITHER), of another shape, or empty raises UserError, which calls
    it `name`. `channels` are those C there may be; `axes` can also be "C, H, W", or "..., C, H, W" for any number of
    dimensions before.
    """
    shape = axes.replace("C", " or ".join(map(str, channels)))
    wanted = f"{name} must be a torch tensor ({shape}), {kind}"
    if not isinstance(images, Tensor):
        raise UserError(f"{wanted}, not {type(images).__name__}: convert it first.")
    if images.is_nested or images.layout != torch.strided:
        raise UserError(f"{wanted}, not a nested, sparse or packed one: convert it first.")
    if images.dtype not in _TYPES[kind]:
        raise UserError(f"{wanted}, not {str(images.dtype).removeprefix('torch.')}: convert it first.")
    fits = images.ndim >= 3 if axes.startswith("...") else images.ndim == len(axes.split(", "))
    if not fits or images.shape[-3] not in channels or images.numel() == 0:
        raise UserError(f"{wanted}, and hold an image; its shape is {tuple(images.shape)}.")


def check_alike(output: Tensor, target: Tensor) -> None:
    """Require two batches of one shape on one device, else raise UserError: others would silently broadcast."""
    if output.shape != target.shape:
        shapes = f"{tuple(output.shape)} and {tuple(target.shape)}"
        raise UserError(f"output and target must have one shape (N, C, H, W), not {shapes}.")
    if output.device != target.device:
        raise UserError(f"output and target must be on one device, not {output.device} and {target.device}.")


def check_pair(output: Tensor, target: Tensor, *, wait: bool = False) -> tuple[Tensor, Tensor]:
    """Check what a loss compares; return both in the larger precision, float32 at least, in which losses sum.

    Both are (N, 1 or 3, H, W), floating point in [0, 1]; the output may overshoot. The target is returned as constant:
    no loss here differentiates by it. Its values are looked at on the CPU, once for all losses that are given the same
    tensor, and on a GPU, which would be waited for, only with `wait`. UserError for other images.
    """
    check_images(output, "output", channels=(1, 3))
    check_images(target, "target", channels=(1, 3))
    check_alike(output, target)
    if wait or target.device.type == "cpu":
        check_target_range(target)
    dtype = torch.promote_types(torch.promote_types(output.dtype, target.dtype), torch.float32)
    return output.to(dtype), (target.detach() if target.requires_grad else target).to(dtype)


def check_target_range(target: Tensor) -> None:
    """Require values in [0, 1], where there are any to look at; the UserError says what range they seem to have."""
    global _checked  # noqa: PLW0603 - a memory of one tensor, which replacing it cannot spoil
    if torch.compiler.is_compiling():
        return
    version = None if target.is_inference() else target._version
    known, known_version = _checked
    if version is not None and version == known_version and known() is target:
        return
    values = value_range(target)
    if values is None:
        return
    low, high = values
    if not (low >= -HALF_LEVEL and high <= 1 + HALF_LEVEL):
        cure = "divide images in [0, 255] by 255, turn those in [-1, 1] into (images + 1) / 2"
        if not high - low < math.inf:
            cure = "remove what is not finite"
        raise UserError(f"target must be in [0, 1], and its values are {low:.4g} to {high:.4g}: {cure}.")
    _checked = (weakref.ref(target), version)


def check_measured_range(images: Tensor, name: str) -> None:
    """Require finite values of images that are measured, and a mean near [0, 1]; they may overshoot."""
    low, high = value_range(images) or (0.0, 1.0)
    if not high - low < math.inf:
        raise UserError(f"{name} must be finite, and its values are {low:.4g} to {high:.4g}: it cannot be measured.")
    # A mean lies between the extremes: mostly they say enough.
    if (low < -FAR or high > 1 + FAR) and not -FAR <= images.mean(dtype=torch.float64).item() <= 1 + FAR:
        raise UserError(
            f"{name} must be in [0, 1] but for overshoot, and its values are {low:.4g} to {high:.4g}: divide images in "
            "[0, 255] by 255."
        )


def value_range(images: Tensor) -> tuple[float, float] | None:
    """Return the smallest and the largest value, NaN where one is; None where there are no values to look at."""
    if images.device.type == "meta" or (images.is_cuda and torch.cuda.is_current_stream_capturing()):
        return None
    try:
        low, high = images.detach().aminmax()
        return low.item(), high.item()
    except RuntimeError:  # within vmap, or of a fake tensor
        return None


def check_size(images: Tensor, min_size: int, need: str) -> None:
    """Require images of at least `min_size` pixels a side; the ValueError says what `need` asks for it."""
    height, width = images.shape[-2:]
    if min(height, width) < min_size:
        raise ValueError(f"{need} needs images of at least {min_size}x{min_size} pixels, not {height}x{width}")


def full_precision(device: str) -> AbstractContextManager[Any]:
    """Turn autocast off where the device has it; the meta device, on which costs are counted, has none."""
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()
