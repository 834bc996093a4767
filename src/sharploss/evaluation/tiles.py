"""Restoring an image tile by tile, where a network's memory would not suffice for the whole of it.

Tiles overlap, and of each only the middle is kept, cut hard: where the overlap is at least how far a network sees, the
kept pixels are those of the whole image to rounding, and there is no seam to blend. Three networks are not exact:

- RRDBNet sees further than any sensible overlap (345 pixels with the paper's 23 blocks), but hardly uses it;
- NLSN's attention sorts all pixels of what it is given, so a tile finds its matches within the tile;
- MPRNet weighs channels by their means over what it is given, and its first two stages cut it into quarters and halves.

Their tiles are close to the whole image, not equal; the official codes of NLSN and ESRGAN do the same.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from torch import Tensor

GRID = 8  # tiles start at multiples of this, the coarsest grid that a network lays on its input (MPRNet's)

MAX_PIXELS = 2**20
"""Inputs of more pixels are restored in tiles. Those of the benchmarks have fewer: GoPro's 0.92 million,
DIV2K's at x2 0.7 million. EDSR's 256 channels take 1 GiB for each layer's output here, four times that when doubled."""

TILE = 368  # side in input pixels of what is kept of a tile; OVERLAP on each side makes it 512

OVERLAP = 72
"""Input pixels around the kept part of a tile: EDSR with 32 blocks sees 68 pixels far, and no other finite network but
RRDBNet further."""


class Span(NamedTuple):
    """Rows or columns [start, stop) of an image that a tile covers, and [first, last) of them, which are kept."""

    start: int
    stop: int
    first: int
    last: int


def spans(size: int, tile: int, overlap: int) -> Iterator[Span]:
    """Cut `size` pixels, along one direction, into tiles of at most `tile`; all but `overlap` on inner sides counts."""
    stride = tile - 2 * overlap
    count = max(-(-(size - 2 * overlap) // stride), 1) if size > tile else 1
    for index in range(count):
        start, is_last = index * stride, index == count - 1
        stop = size if is_last else start + tile
        yield Span(start, stop, start + overlap if index else 0, size if is_last else stop - overlap)


def restore_tiled(
    network: Callable[[Tensor], Tensor], images: Tensor, *, tile: int = TILE + 2 * OVERLAP, overlap: int = OVERLAP
) -> Tensor:
    """Restore images (N, C, h, w) of any size with the memory of one tile: (N, C, scale*h, scale*w).

    Args:
        network: maps (N, C, h, w) to (N, C, scale*h, scale*w), in evaluation mode.
        images: of any range and dtype that the network takes.
        tile: side of a tile in input pixels, a multiple of GRID; an image that fits into one is restored whole.
        overlap: input pixels, a multiple of GRID below half a tile, that are computed and not kept where tiles meet.
    """
    height, width = images.shape[-2:]
    whole = images[..., :0, :0]
    for rows in spans(height, tile, overlap):
        for columns in spans(width, tile, overlap):
            part = network(images[..., rows.start : rows.stop, columns.start : columns.stop])
            scale = part.shape[-1] // (columns.stop - columns.start)
            if whole.numel() == 0:
                whole = part.new_empty((*part.shape[:-2], scale * height, scale * width))
            kept = _kept(part, (rows.start, columns.start), rows, columns, scale)
            _kept(whole, (0, 0), rows, columns, scale).copy_(kept)
    return whole


def _kept(restored: Tensor, corner: tuple[int, int], rows: Span, columns: Span, scale: int) -> Tensor:
    """Return what is kept of a tile, as a view of what begins at a corner in input pixels."""
    vertical, horizontal = (
        slice(scale * (span.first - start), scale * (span.last - start))
        for start, span in zip(corner, (rows, columns), strict=True)
    )
    return restored[..., vertical, horizontal]
