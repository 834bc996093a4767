"""Degradations: how a task makes the input of a network from the ground truth."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from sharploss.data.imresize import imresize
from sharploss.errors import UserError, unknown


def degrade(image: Tensor, task: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Make a (target, input) pair; a pure function of the image and the task, the same on every machine.

    Args:
        image: (3, H, W) uint8.
        task: `kind` and its parameters; "sr" takes `scale` (2, 3 or 4).

    Returns:
        target and input, (3, H', W') and (3, h, w) uint8; for "sr" the target is the image cropped to a multiple of the
        scale, keeping the top left, and the input is that shrunk by MATLAB's bicubic.

    Raises:
        UserError: an unknown kind, a parameter out of range, or an image that is too small.
    """
    kind = task.get("kind")
    if kind not in KINDS:
        raise unknown("kind of task", kind, KINDS)
    return KINDS[kind](image, task)


def _shrink(image: Tensor, task: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    scale = task.get("scale")
    if scale not in (2, 3, 4):
        raise UserError(f"A task of kind 'sr' takes 'scale: 2', 3 or 4, not {scale}.")
    height, width = (size - size % scale for size in image.shape[-2:])
    if min(height, width) == 0:
        size = f"{image.shape[-1]}x{image.shape[-2]}"
        raise UserError(f"An image of {size} pixels is too small to be shrunk by {scale}: leave it out.")
    target = image[..., :height, :width].contiguous()
    return target, imresize(target, 1 / scale)


KINDS: dict[str, Callable[[Tensor, Mapping[str, Any]], tuple[Tensor, Tensor]]] = {"sr": _shrink}
