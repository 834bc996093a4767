"""A batch of images as metrics look at it: what they derive from it is computed once, for all of them."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from torch import Tensor

from sharploss.metrics.colour import check_pair, quantise, view

LARGE = 2**21
"""Pixels of an image from which on nothing derived is kept: memory then counts for more than time. Of smaller ones all
metrics together keep some 250 bytes a pixel; measuring itself takes up to 130 bytes a pixel more."""

Made = TypeVar("Made")


class Picture:
    """Images of one size, and what metrics have made of them so far.

    A target is one Picture for all the outputs that are compared with it, so its share of every metric (8-bit values,
    luma, local means, network features, edges) is computed once. Images of 2 megapixels and more keep nothing.

    Attributes:
        image: (N, 3, H, W) RGB in [0, 1], as it was given.
    """

    def __init__(self, image: Tensor) -> None:
        self.image = image
        self._kept: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Give what `make` gave when it was first asked for under this key."""
        if key in self._kept:
            return self._kept[key]
        made = make()
        if self.image.shape[-1] * self.image.shape[-2] < LARGE:
            self._kept[key] = made
        return made

    def levels(self) -> Tensor:
        """Give the images clamped and rounded to 8 bits, (N, 3, H, W) float64 in [0, 1]."""
        return self.once("levels", lambda: quantise(self.image.double()))

    def seen(self, channels: str, border: int) -> Tensor:
        """Give some channels of the 8-bit images without a border: see `sharploss.metrics.colour.as_measured`."""
        return self.once(("seen", channels, border), lambda: view(self.levels(), channels, border))


Images = Tensor | Picture
"""What metrics take: images (N, 3, H, W) RGB in [0, 1], or a Picture of them."""


def pair_of(output: Images, target: Images) -> tuple[Picture, Picture]:
    """Give both images as Pictures.

    Raises:
        ValueError: the shapes differ.
    """
    one, other = (image if isinstance(image, Picture) else Picture(image) for image in (output, target))
    check_pair(one.image, other.image)
    return one, other
