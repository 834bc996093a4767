"""A batch of images as metrics look at it: what they derive is computed once, or strip by strip of a large image."""

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from sharploss.functional.colour import check_border, check_pair, quantise, view

LARGE = 2**21
"""Pixels of an image from which on nothing derived is kept, and metrics look at it strip by strip: memory then counts
for more than time. Of smaller ones all metrics together keep some 250 bytes a pixel, and measuring itself takes up to
130 bytes a pixel more."""

STRIP = 2**20
"""Pixels of a large image that are looked at a time, about."""

Made = TypeVar("Made")


class Strip(NamedTuple):
    """Rows (or columns) [start, stop) of an image, which are looked at, and [first, last) of them, which count."""

    start: int
    stop: int
    first: int
    last: int

    def of(self, rows: Tensor) -> Tensor:
        """Cut the rows that count, (..., last - first, W), out of those that are looked at, (..., stop - start, W)."""
        return rows[..., self.first - self.start : self.last - self.start, :]


def strips(height: int, width: int, *, most: int, grid: int = 1, reach: int = 0) -> Iterator[Strip]:
    """Cut an image's rows into strips: every row counts in one of them.

    Args:
        height: of the image.
        width: of the image.
        most: pixels that count in a strip, about.
        grid: strips begin at multiples of so many rows.
        reach: rows on each side that are looked at too, where the image has them.
    """
    rows = max(most // width // grid * grid, grid)
    for first in range(0, height, rows):
        last = min(first + rows, height)
        yield Strip(max(first - reach, 0), min(last + reach, height), first, last)


def mean_of(parts: Iterable[tuple[Tensor, int]]) -> Tensor:
    """Give the mean over a whole image from its strips' means, (N,) each, and how much each of them counts."""
    means, counts = zip(*parts, strict=True)
    if len(means) == 1:  # to the bit what a small image always had
        return means[0]
    weights = means[0].new_tensor(counts) / sum(counts)
    return (torch.stack(means, dim=1) * weights).sum(dim=1)


class CachedImage:
    """Images of one size, and what metrics have made of them so far.

    A target is one CachedImage for all outputs that are compared with it, so its share of every metric (8-bit values,
    luma, local means, network features, edges) is computed once. Images of 2 megapixels and more keep nothing, and
    metrics take them strip by strip.

    Attributes:
        image: (N, 3, H, W) RGB, uint8 or in [0, 1], as it was given.
        strip_size: how many pixels metrics are to look at at a time: all of an image that is not large.
    """

    def __init__(self, image: Tensor) -> None:
        self.image = image
        pixels = image.shape[-1] * image.shape[-2]
        self._keeps = pixels < LARGE
        self.strip_size = pixels if self._keeps else STRIP
        self._kept: dict[Hashable, Any] = {}
        self._lock = threading.RLock()

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Give what `make` gave when it was first asked for under this key, also by another thread."""
        if not self._keeps:
            return make()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            return self._kept[key]

    def strips(self, border: int, *, grid: int = 1, reach: int = 0) -> Iterator[Strip]:
        """Cut what is inside a border into strips, a small image into one: see the function `strips`.

        Raises:
            UserError: a border that leaves nothing of the image.
        """
        height, width = check_border(self.image, border)
        return strips(height, width, most=self.strip_size, grid=grid, reach=reach)

    def levels(self, strip: Strip | None = None) -> Tensor:
        """Give the images, or the rows [start, stop) of a strip, rounded to 8 bits: (N, 3, H, W) float64 in [0, 1]."""
        if strip is None:
            return self.once("levels", lambda: _levels(self.image))
        rows = slice(strip.start, strip.stop)
        return self.levels()[..., rows, :] if self._keeps else _levels(self.image[..., rows, :])

    def seen(self, channels: str, border: int, strip: Strip | None = None) -> Tensor:
        """Give some channels of the 8-bit images without a border: see `sharploss.functional.colour.as_measured`.

        Args:
            channels: a key of `sharploss.functional.colour.CHANNELS`.
            border: pixels left out on each side.
            strip: rows [start, stop), counted inside the border, that are wanted; None for all.
        """
        if strip is None or self._keeps:
            whole = self.once(("seen", channels, border), lambda: view(self.levels(), channels, border))
            return whole if strip is None else whole[..., strip.start : strip.stop, :]
        height, width = check_border(self.image, border)
        first, last = strip.start + border, min(strip.stop, height) + border
        return view(self.levels(Strip(first, last, first, last)), channels, 0)[..., border : border + width]


def _levels(image: Tensor) -> Tensor:
    return quantise((image.float() / 255 if image.dtype == torch.uint8 else image).double())


Images = Tensor | CachedImage
"""What metrics take: images (N, 3, H, W) RGB, uint8 or in [0, 1], or a CachedImage of them."""


def pair_of(output: Images, target: Images) -> tuple[CachedImage, CachedImage]:
    """Give both images as Pictures.

    Raises:
        ValueError: the shapes differ.
    """
    one, other = (image if isinstance(image, CachedImage) else CachedImage(image) for image in (output, target))
    check_pair(one.image, other.image)
    return one, other
