"""A batch of images as metrics look at it: what they derive from it is computed once."""

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import torch
from torch import Tensor

from sharploss.functional.colour import quantise, view
from sharploss.functional.images import EITHER, check_alike, check_images, check_measured_range, check_target_range
from sharploss.utils.errors import UserError

Made = TypeVar("Made")


class CachedImage:
    """Images (N, 3, H, W), and what metrics have derived from them so far.

    A target is one CachedImage for all outputs that are compared with it, so its share of every metric (8-bit values,
    luma, local means, network features, edges) is computed once. Large images are measured whole: a pair of DIV2K's
    size (2040x1356) peaks at 0.97 GB over all metrics but LPIPS with VGG16, which needs several GB.
    """

    def __init__(self, image: Tensor, name: str = "an image that is measured") -> None:
        check_images(image, name, EITHER)
        if image.is_meta:
            raise UserError(f"{name} is on the meta device, where no values are: it cannot be measured.")
        self.image, self.name = image, name
        self._kept: dict[Hashable, Any] = {}
        self._lock = threading.RLock()

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` returned when it was first called for under this key, also by another thread."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            return self._kept[key]

    def levels(self) -> Tensor:
        """Return the images rounded to 8 bits: (N, 3, H, W) float64 in [0, 1]."""
        return self.once("levels", self._levels)

    def _levels(self) -> Tensor:
        if self.image.dtype == torch.uint8:
            return quantise((self.image.float() / 255).double())
        check_measured_range(self.image, self.name)
        return quantise(self.image.double())

    def seen(self, channels: str, border: int) -> Tensor:
        """Return channels (a key of `sharploss.functional.colour.VIEWS`) of the 8-bit images without a border."""
        return self.once(("seen", channels, border), lambda: view(self.levels(), channels, border))


Images = Tensor | CachedImage
"""What metrics take: images (N, 3, H, W) RGB, uint8 or in [0, 1], or a CachedImage of them."""


def cached(images: Images, name: str = "output") -> CachedImage:
    """Return images as a CachedImage, called `name` in messages."""
    return images if isinstance(images, CachedImage) else CachedImage(images, name)


def cached_pair(output: Images, target: Images) -> tuple[CachedImage, CachedImage]:
    """Return both as CachedImages; UserError unless they are of one shape on one device, the target in [0, 1]."""
    one, other = cached(output), cached(target, "target")
    check_alike(one.image, other.image)
    if other.image.dtype != torch.uint8:
        other.once("range", lambda: check_target_range(other.image))
    return one, other
