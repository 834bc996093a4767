"""The validation curve: PSNR on whole images that are neither trained nor tested on, and crops of some to look at."""

import contextlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sharploss.config.recipe import Recipe
from sharploss.data.pack import Pack
from sharploss.metrics.psnr import psnr
from sharploss.record.paths import picture_file

IMAGES, SIDE, TIMES = 4, 128, 10
"""Pictures are the centres of the first IMAGES images, SIDE pixels wide, at no more than about TIMES validations."""

EXACT = 100.0
"""The PSNR in dB that an image counts in the validation curve when it is restored exactly, where PSNR is infinite."""


@torch.no_grad()
def validate(
    network: nn.Module, pack: Pack, *, border: int, device: torch.device, pictures: Path | None = None, step: int = 0
) -> float:
    """Return the mean PSNR over the images of `pack` in dB, on luma (protocol `y`), `border` pixels shaved.

    An image that is restored exactly counts EXACT, so that the mean is always a number over all images. `pictures` is a
    folder for pictures, which are named by `step`, the steps of training done.
    """
    network.eval()
    values: list[float] = []
    for index in range(len(pack)):
        input, target = (view[None].to(device).float() / 255 for view in (pack.input(index), pack.target(index)))
        output = network(input)
        values.append(min(psnr(output, target, protocol="y", border=border).item(), EXACT))
        if pictures is not None and index < IMAGES:
            name = pack.names[index].replace("/", "-")
            write_picture(picture_file(pictures, step, index, name), output, target)
    network.train()
    return sum(values) / len(values)


def leaves_pictures(step: int, recipe: Recipe) -> bool:
    """Return whether the validation after `step` steps leaves pictures: evenly spaced ones do, and the last."""
    every = -(-(recipe.steps // recipe.validate_every) // TIMES) or 1
    return step == recipe.steps or step // recipe.validate_every % every == 0


def write_picture(path: Path, output: Tensor, target: Tensor) -> None:
    """Write the centres of `output` and `target`, (1, C, H, W) in [0, 1], side by side as uint8 (h, w, C).

    A disk that is full or a folder that is gone is no reason to stop a training: then there is no picture.
    """
    pair = torch.cat([_centre(image) for image in (output, target)], dim=2)
    pixels = (pair.nan_to_num(0).clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().cpu().numpy()
    with contextlib.suppress(OSError):
        np.save(path, pixels)


def _centre(image: Tensor) -> Tensor:
    height, width = image.shape[-2:]
    top, left = max(0, height - SIDE) // 2, max(0, width - SIDE) // 2
    return image[0, :, top : top + SIDE, left : left + SIDE]
