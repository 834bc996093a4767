"""The images a loss compares: what is required of them, and their grey version."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

GREY = (0.2989, 0.5870, 0.1140)
"""Weights of R, G and B in a grey image (BT.601, rounded as in MATLAB's rgb2gray and the GV paper's code)."""

CHANNELS = ("rgb", "grey")


def matched(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Give both images in one precision, float32 at least: losses of bfloat16 outputs are summed in float32.

    The target is given as a constant: no loss here differentiates by it.

    Args:
        output: restored images, (N, C, H, W), floating point in [0, 1].
        target: ground truth, the same shape.

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


def grey(images: Tensor) -> Tensor:
    """Turn (N, 3, H, W) images into grey ones (N, 1, H, W); images of one channel stay as they are.

    Raises:
        ValueError: neither 1 nor 3 channels.
    """
    if images.shape[1] == 1:
        return images
    if images.shape[1] != 3:
        raise ValueError(f"images must have 1 or 3 channels for channels='grey', not {images.shape[1]}")
    red, green, blue = images.split(1, dim=1)
    return (red * GREY[0]).add(green, alpha=GREY[1]).add(blue, alpha=GREY[2])


def in_channels(images: Tensor, channels: str) -> Tensor:
    """Give the images themselves for channels "rgb", their grey version for "grey"."""
    return grey(images) if channels == "grey" else images


def check_size(images: Tensor, smallest: int, need: str) -> None:
    """Require images of at least `smallest` pixels a side.

    Raises:
        ValueError: they are smaller; the message says what `need` asks for it.
    """
    height, width = images.shape[-2:]
    if min(height, width) < smallest:
        raise ValueError(f"{need} needs images of at least {smallest}x{smallest} pixels, not {height}x{width}")


def full_precision(device: str) -> AbstractContextManager[Any]:
    """Turn autocast off where the device has it; the meta device, on which costs are counted, has none."""
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()
