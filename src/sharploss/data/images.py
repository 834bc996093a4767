"""Reading and writing image files, with every unusual kind either converted or refused, never guessed."""

import struct
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile
from torch import Tensor

from sharploss.utils.errors import UserError
from sharploss.utils.files import atomic_path

Pixels = npt.NDArray[np.uint8]

# What Pillow raises for files that are cut short or damaged, depending on the format and the place.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error)


def read_image(path: str | Path) -> Pixels:
    """Read an image file as 8-bit RGB, exactly as stored.

    Grey and black-and-white images get three equal channels, palette images their colours, an opaque alpha channel is
    dropped. Refused, because each would need a choice that changes the pixels: real transparency, 16 bits and floating
    point, CMYK and other colour spaces, several frames. Colour profiles and the orientation tag are not applied.
    It is (3, H, W) uint8, contiguous. UserError, which names the file, where it is missing, empty, damaged or refused.
    """
    path = Path(path)
    with open_image(path) as image:
        _refuse(image, path)
        image.load()
        return pixels_of(_to_rgb(image, path))


@contextmanager
def open_image(path: Path) -> Generator[Image.Image]:
    """Open an image file for the block; UserError where it is missing, too large or cannot be read."""
    if not path.is_file():
        raise UserError(f"There is no image file {path}: check the path.")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty (0 bytes): replace it with an intact copy.")
    # Importing pyiqa has Pillow take cut files for whole ones, everywhere.
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            yield image
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        raise UserError(f"{path} is too large ({str(error).split(',')[0]}): cut it into smaller images.") from None
    except _DAMAGED as error:
        raise UserError(f"{path} cannot be read as an image ({error}): replace it with an intact copy.") from None
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def pixels_of(image: Image.Image) -> Pixels:
    """Return the pixels of an RGB image, (3, H, W) uint8, contiguous."""
    return np.array(np.asarray(image).transpose(2, 0, 1), dtype=np.uint8, order="C")


def _refuse(image: Image.Image, path: Path) -> None:
    """Refuse what cannot become 8-bit RGB without a choice; looks at the header alone."""
    # Pillow silently drops the low byte of 16-bit RGB: only the decoder's arguments still tell the depth.
    layout: Any = getattr(image, "tile", [])
    if image.mode.startswith(("I", "F")) or any(";16" in str(tile[3]) for tile in layout):
        raise UserError(f"{path} has more than 8 bits per channel: save it as 8-bit RGB first.")
    if image.mode not in {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}:
        raise UserError(f"{path} is a {image.mode} image: save it as RGB first.")
    if getattr(image, "n_frames", 1) > 1:
        raise UserError(f"{path} holds several frames: save the one that is meant as a PNG file.")


def _to_rgb(image: Image.Image, path: Path) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            raise UserError(f"{path} is partly transparent: flatten it onto a background first.")
    return image.convert("RGB")


def crop(image: Tensor, sides: tuple[int, int] | None) -> Tensor:
    """Crop (C, H, W) to (long, short) sides in its own orientation, keeping the top left; None leaves it as it is."""
    if sides is None:
        return image
    rows, columns = sides if image.shape[-2] > image.shape[-1] else sides[::-1]
    return image[..., :rows, :columns].contiguous()


def write_png(path: str | Path, image: Pixels) -> None:
    """Write a (3, H, W) uint8 RGB image as a PNG file, atomically; ValueError for another dtype or shape."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[0] != 3:
        raise ValueError(f"write_png takes a uint8 image (3, H, W), not {image.dtype} of shape {image.shape}.")
    with atomic_path(path) as temporary:
        Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(temporary, format="PNG")
