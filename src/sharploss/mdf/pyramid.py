"""What the discriminators of an MDF loss learn from: one image at several scales, and the task's distortion at each."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharploss.config.extractors import KINDS, Extractor
from sharploss.config.sections import Dataset
from sharploss.config.tasks import Degradation
from sharploss.data.degrade import degrade
from sharploss.data.images import read_image
from sharploss.data.imresize import imresize
from sharploss.data.sets import find_images
from sharploss.utils.errors import UserError, unknown
from sharploss.utils.files import sha256


@dataclass(frozen=True)
class Scale:
    """One scale of the pyramid: the image `real`, (1, 3, h, w) in [-1, 1], and what the task does to it.

    That is `distortion`, the same shape, where it is always the same (jpeg; 0 for sr), or else noise that is drawn anew
    each time, of standard deviation `sigma` in the same units, in 1 channel (grey) or 3.
    """

    real: Tensor
    distortion: Tensor
    sigma: float = 0.0
    noise_channels: int = 3


@dataclass(frozen=True)
class Pyramid:
    """The scales, coarsest first, and `start`, what the coarsest generator gets before the distortion."""

    scales: list[Scale]
    start: Tensor


def load_image(name: str, own: Mapping[str, Dataset]) -> tuple[Tensor, str]:
    """Read the image "<data set>/<image>" that an extractor learns from, (3, H, W) uint8, and the sha256 of its file.

    `own` is `datasets` of params.yaml. AssetMissingError or UserError where there is no such set or image.
    """
    items = {item.name: item for item in find_images(name.split("/", 1)[0], None, own)}
    if name not in items:
        raise unknown("image", name, items)
    return torch.from_numpy(read_image(items[name].path)), sha256(items[name].path)


def sizes(height: int, width: int, settings: Extractor) -> tuple[float, float, int]:
    """Return how an image is shrunk.

    Without `scales` in the settings the number is that of SinGAN's official code (adjust_scales2image, and a loop that
    trains one scale more than it counts): the scales of the image as it is, less those that shrinking it to `max_size`
    saves, each rounded up by itself.

    Returns:
        By how much first, so that it is at most `max_size` long; the ratio of one scale to the next finer one, such
        that the coarsest is `min_size` on its shorter side; and the number of scales, at least 2.
    """
    short, long = min(height, width), max(height, width)
    first, smallest = min(1.0, settings.max_size / long), settings.min_size
    if first * short <= smallest:
        raise UserError(
            f"The image, {width}x{height} pixels (the longer side at most {settings.max_size}), is not larger than "
            f"min_size, {smallest}: take a larger image or max_size."
        )
    count = settings.scales
    if count is None:
        whole = math.ceil(math.log(smallest / short, settings.factor)) + 1
        saved = math.ceil(math.log(first, settings.factor))
        count = whole - saved + 1
    return first, (smallest / (first * short)) ** (1 / (count - 1)), count


def make_pyramid(image: Tensor, task: Degradation, settings: Extractor, device: torch.device) -> Pyramid:
    """Shrink an image to all scales and distort it at each as the task does.

    The authors' page says that a generator sees the enlarged output of the one before plus the task's distortion z_k:
    nothing for super-resolution, where enlarging is the distortion. Ours, because no more is said: for jpeg z_k is the
    difference that compression makes to the image at that scale; for denoising it is noise of the task's sigma at every
    scale; the coarsest generator gets the image itself with z_0, for super-resolution shrunk by one more scale and
    enlarged again. The image is (3, H, W) uint8. UserError: it is too small, or the task has no distortion here.
    """
    if task.kind not in KINDS:
        raise UserError(f"An extractor is for a task of kind {', '.join(KINDS)}, not '{task.kind}'.")
    first, ratio, count = sizes(image.shape[-2], image.shape[-1], settings)
    images = [imresize(image, first * ratio ** (count - 1 - index)) for index in range(count)]
    scales = [_distort(picture, task, device) for picture in images]
    start = scales[0].real
    if task.kind == "sr":
        start = enlarge(signed(imresize(images[0], ratio), device), scales[0].real)
    return Pyramid(scales, start)


def _distort(image: Tensor, task: Degradation, device: torch.device) -> Scale:
    if task.kind == "sr":
        real = signed(image, device)
        return Scale(real, torch.zeros_like(real))
    real, distorted = (signed(part, device) for part in degrade(image, task))
    if task.kind == "denoise":
        return Scale(real, torch.zeros_like(real), task.sigma * 2 / 255, 1 if task.colour == "grey" else 3)
    return Scale(real, distorted - real)


def signed(image: Tensor, device: torch.device) -> Tensor:
    """Turn (3, h, w) uint8 into (1, 3, h, w) float32 in [-1, 1], as SinGAN does."""
    return (image.to(device).float() / 127.5 - 1)[None]


def enlarge(image: Tensor, like: Tensor) -> Tensor:
    """Enlarge to the size of `like`, bicubic."""
    return F.interpolate(image, size=like.shape[-2:], mode="bicubic", align_corners=False)


def distorted_input(pyramid: Pyramid, generators: Sequence[nn.Module], random: torch.Generator) -> Tensor:
    """Return what the next generator sees, (1, 3, h, w), from the finished `generators` of all coarser scales."""
    with torch.no_grad():
        image = pyramid.start
        for index, generator in enumerate(generators):
            restored = generator(_add(image, pyramid.scales[index], random))
            image = enlarge(restored, pyramid.scales[index + 1].real)
        return _add(image, pyramid.scales[len(generators)], random)


def _add(image: Tensor, scale: Scale, random: torch.Generator) -> Tensor:
    if not scale.sigma:
        return image + scale.distortion
    # Drawn on the CPU: the same numbers whatever the device.
    shape = (1, scale.noise_channels, *image.shape[-2:])
    return image + scale.sigma * torch.randn(shape, generator=random).to(image.device)


def random_numbers(*key: int) -> torch.Generator:
    """Make a source of random numbers that is a pure function of `key` (seed, scale, iteration)."""
    digest = hashlib.sha256(" ".join(map(str, key)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))
