"""What the figures compute from crops: brightness, gradients, differences. numpy alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from sharploss.utils.files import intact

Floats = npt.NDArray[np.float64]

GREY = np.array([0.2989, 0.5870, 0.1140])  # weights of R, G and B in the grey images of the GV loss


def read_picture(path: Path) -> Floats:
    """Read a PNG file as (H, W, 3) in [0, 1]."""
    from PIL import Image

    with intact(path), Image.open(path) as image:
        return np.asarray(image.convert("RGB"), dtype=np.float64) / 255


def grey(picture: Floats) -> Floats:
    """Turn (H, W, 3) in [0, 1] into (H, W) as the GV loss does."""
    return picture @ GREY


def psnr(output: Floats, target: Floats) -> float:
    """Return the PSNR (dB) of all values of two pictures in [0, 1]; infinite where they are equal."""
    error = float(np.square(output - target).mean())
    return float("inf") if error == 0 else -10 * float(np.log10(error))


def sobel(picture: Floats) -> tuple[Floats, Floats]:
    """Return the horizontal and the vertical gradient of a picture (H, W, 3) in [0, 1], by the GV loss's kernels.

    They are of its grey version, (H, W) in [-4, 4]: + where it brightens to the right, and upwards. Pixels beyond the
    border repeat those on it: a crop's border is no edge, which zeros would make of it.
    """
    around = np.pad(grey(picture), 1, mode="edge")
    smooth_rows = around[:-2] + 2 * around[1:-1] + around[2:]
    smooth_columns = around[:, :-2] + 2 * around[:, 1:-1] + around[:, 2:]
    return smooth_rows[:, 2:] - smooth_rows[:, :-2], smooth_columns[:-2] - smooth_columns[2:]


def detail(picture: Floats, share: float = 0.5) -> Floats:
    """Cut out the middle of (H, W, 3): `share` of its height and width, to be shown larger."""
    height, width = (max(1, round(size * share)) for size in picture.shape[:2])
    top, left = ((size - part) // 2 for size, part in zip(picture.shape[:2], (height, width), strict=True))
    return picture[top : top + height, left : left + width]
