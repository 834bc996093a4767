"""Degradations: how a task makes the input of a network from the ground truth.

Each is a pure function of the image, the task's parameters, its seed and the image's name: the same on every machine
and in every run. docs/decisions.md says why noise and JPEG are not made anew for every patch.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from sharploss.config.tasks import Blur, Compression, Degradation, FixedBlur, Noise, Shrink, parse_degradation
from sharploss.data.blur import blur, gaussian_blur, motion_kernel
from sharploss.data.imresize import imresize, to_bytes
from sharploss.data.jpeg import as_grey, compress
from sharploss.data.noise import normal, uniform
from sharploss.functional.images import BYTES, check_images
from sharploss.utils.errors import UserError

ImagePair = tuple[Tensor, Tensor]  # target and input


def degrade(
    image: Tensor, task: Degradation | Mapping[str, Any], name: str = "", given: Tensor | None = None
) -> ImagePair:
    """Make a (target, input) pair.

    Args:
        image: (3, H, W) uint8.
        task: a task of params.yaml, or a degradation alone: `kind`, `seed` and the kind's parameters, as one of the
            models of sharploss.config.tasks or as a mapping that becomes one, with its defaults.
        name: "<set>/<image>"; with the seed it keys what is drawn for this image.
        given: (3, h, w) uint8, the input that the set's publisher made, where the task asks for it.

    Returns:
        target and input, (3, H', W') and (3, h, w) uint8. Kinds:
        "sr": the target cropped to a multiple of the scale (top left), shrunk by MATLAB's bicubic or Pillow's bilinear
        (the GV code's); without `mod_crop` the uncropped image is shrunk and only then the target cropped. Pillow's
        kernels then stretch the grid, which shifts the two against each other wherever the size is no multiple.
        "deblur": a Gaussian or motion blur drawn for each image, or the given input.
        "sharpen": a Gaussian blur of fixed `sigma`: SharpGAN's paper does not state its blur, this is our assumption.
        "denoise": Gaussian noise of `sigma` (of 255), rounded and clipped to 8 bits. Papers mostly leave it unclipped;
        clipping raises the input's PSNR (Set5 in RGB: 0.6 dB at sigma 25, 1.2 dB at 50).
        "jpeg": compressed with `quality`, in colour or as luma.

    Raises:
        UserError: no such image or degradation, a missing or unfitting given input, or an image that is too small.

    >>> image = torch.zeros(3, 33, 32, dtype=torch.uint8)
    >>> [tuple(one.shape) for one in degrade(image, {"kind": "sr", "scale": 4})]
    [(3, 32, 32), (3, 8, 8)]
    """
    check_images(image, "image", BYTES, axes="C, H, W")
    if given is not None:
        check_images(given, "input", BYTES, axes="C, H, W")
    match parse_degradation(task):
        case Shrink() as shrink:
            return _shrink(image, shrink, name, given)
        case Blur() as drawn:
            return _blur(image, drawn, name, given)
        case FixedBlur(sigma=sigma):
            return image, gaussian_blur(image, sigma)
        case Noise() as noise:
            return _add_noise(image, noise, name)
        case Compression() as jpeg:
            target = as_grey(image) if jpeg.colour == "grey" else image
            return target, compress(target, jpeg.quality, colour=jpeg.colour == "rgb")


def _shrink(image: Tensor, task: Shrink, name: str, given: Tensor | None) -> ImagePair:
    scale = task.scale
    small = [size // scale for size in image.shape[-2:]]
    if min(small) == 0:
        size = f"{image.shape[-1]}x{image.shape[-2]}"
        raise UserError(f"An image of {size} pixels is too small to be shrunk by {scale}: leave it out.")
    target = image[..., : small[0] * scale, : small[1] * scale].contiguous()
    if task.inputs == "published":
        return target, _given(given, target, scale, name)
    source = target if task.mod_crop else image
    return target, _SHRINK[task.kernel](source, (small[0], small[1]), scale)


def _bicubic(image: Tensor, size: tuple[int, int], scale: int) -> Tensor:
    """Shrink by MATLAB's bicubic; of an uncropped image keep the pixels of `size`, out of its ceil(size / scale)."""
    return imresize(image, 1 / scale)[..., : size[0], : size[1]].contiguous()


def _pillow(resample: str) -> Callable[[Tensor, tuple[int, int], int], Tensor]:
    """Return a kernel of Pillow's: it stretches the whole image onto `size`, as torchvision's Resize of PIL images."""

    def shrink(image: Tensor, size: tuple[int, int], _scale: int) -> Tensor:
        import numpy as np
        from PIL import Image

        picture = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
        small = picture.resize((size[1], size[0]), Image.Resampling[resample])
        return torch.from_numpy(np.array(small)).permute(2, 0, 1).contiguous()

    return shrink


_SHRINK = {"bicubic": _bicubic, "bilinear": _pillow("BILINEAR"), "pillow_bicubic": _pillow("BICUBIC")}


def _blur(image: Tensor, task: Blur, name: str, given: Tensor | None) -> ImagePair:
    match task.blur:
        case "gaussian":
            low, high = task.sigma_min, task.sigma_max
            return image, gaussian_blur(image, low + (high - low) * float(uniform(task.seed, name, 1)[0]))
        case "motion":
            return image, blur(image, motion_kernel(task.length, task.seed, name))
        case "pairs":
            return image, _given(given, image, 1, name)


def _add_noise(image: Tensor, task: Noise, name: str) -> ImagePair:
    target = as_grey(image) if task.colour == "grey" else image
    channels = 1 if task.colour == "grey" else 3
    noise = torch.from_numpy(normal(task.seed, name, (channels, *target.shape[-2:])))
    noisy = to_bytes(target[:channels].double() + task.sigma * noise)
    return target, noisy.expand(3, -1, -1).contiguous()


def _given(given: Tensor | None, target: Tensor, scale: int, name: str) -> Tensor:
    """Return a published input, which must be exactly `scale` times smaller than the target."""
    if given is None:
        raise UserError(f"{name}: its set has no published inputs: set 'inputs: made', or another 'blur'.")
    if [size * scale for size in given.shape[-2:]] != list(target.shape[-2:]):
        sizes = [f"{image.shape[-1]}x{image.shape[-2]}" for image in (given, target)]
        what = f"{sizes[0]} and its target {sizes[1]} pixels, not {scale} times as large"
        raise UserError(f"{name}: its input is {what}.")
    return given
