"""JPEG compression with Pillow (9.5 to 13.0 give the same pixels), and the luma that JPEG papers compress."""

import io

import numpy as np
import torch
from torch import Tensor

from sharploss.data.imresize import to_bytes
from sharploss.functional.colour import LUMA


def encoder() -> str:
    """Return the name of the encoder: two JPEG libraries may give different files of the same quality."""
    from PIL import __version__, features

    turbo = features.version_feature("libjpeg_turbo")
    library = f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version('jpg')}"
    return f"Pillow {__version__}, {library}"


def as_grey(image: Tensor) -> Tensor:
    """Return the image that grey JPEG and denoising benchmarks use, in three equal channels, (3, H, W) uint8.

    A grey image stays as it is; of a colour image it is the luma of MATLAB's rgb2ycbcr, rounded to 8 bits.
    """
    same = torch.equal(image[0], image[1]) and torch.equal(image[0], image[2])
    return image if same else rounded_luma(image)


def rounded_luma(image: Tensor) -> Tensor:
    """Compute the luma of MATLAB's rgb2ycbcr of (3, H, W) uint8, rounded to 8 bits, in three equal channels."""
    red, green, blue = image.double() / 255
    return to_bytes(LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue + 16).expand(3, -1, -1).contiguous()


def compress(image: Tensor, quality: int, *, colour: bool) -> Tensor:
    """Compress and decompress (3, H, W) uint8 with `quality`, 1 to 100, libjpeg's scale.

    In `colour` as RGB with Pillow's default chroma subsampling (4:2:0), else the first channel alone.
    """
    from PIL import Image

    pixels = image.permute(1, 2, 0).contiguous().numpy() if colour else image[0].contiguous().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="JPEG", quality=quality)
    file.seek(0)
    with Image.open(file) as decoded:
        values = torch.from_numpy(np.array(decoded, dtype=np.uint8))
    return values.permute(2, 0, 1).contiguous() if colour else values.expand(3, -1, -1).contiguous()
