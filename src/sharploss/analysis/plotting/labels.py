"""Labels beside points: a text at the first place around its point that covers nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point = tuple[float, float]

Place = tuple[float, float, str, str]
"""Where a label may be: its offset in points (1/72 inch), and how the text is aligned there."""

AROUND: tuple[Place, ...] = (
    (-1, 0.6, "right", "bottom"),
    (0, 1, "center", "bottom"),
    (-1, 0, "right", "center"),
    (1, 0, "left", "center"),
    (1, 0.6, "left", "bottom"),
    (-1, -0.6, "right", "top"),
    (1, -0.6, "left", "top"),
    (0, -1, "center", "top"),
)
PLACES: list[Place] = [(far * x, far * y, across, up) for far in (5, 11, 19) for x, y, across, up in AROUND]
"""In the order tried."""


def label_points(axes: Axes, points: Sequence[Point], texts: Sequence[str], clear: Sequence[Point]) -> None:
    """Write a text beside each point where it covers no other text and no point that is to stay clear.

    Call it when the figure has found its layout. Where no place is free, the one that covers least is taken.

    Args:
        axes: the axes, with final limits.
        points: (x, y) in data units.
        texts: one per point.
        clear: points, in data units, that no text may cover.
    """
    frame = np.array(axes.get_window_extent().extents)
    spots = axes.transData.transform(np.array(clear, dtype=np.float64).reshape(-1, 2))
    taken = np.hstack([spots - 4, spots + 4])
    for point, text in zip(points, texts, strict=True):
        note = axes.annotate(text, point, xytext=(0, 0), textcoords="offset points", fontsize=8)
        covered = [_covered(_place(note, place), taken, frame) for place in PLACES]
        taken = np.vstack([taken, _place(note, PLACES[int(np.argmin(covered))])])


def _place(note: Any, place: Place) -> np.ndarray:
    """Move a text to a place and return its box: left, bottom, right, top in pixels."""
    x, y, horizontal, vertical = place
    note.set(position=(x, y), ha=horizontal, va=vertical)
    return note.get_window_extent().extents


def _covered(box: np.ndarray, taken: np.ndarray, frame: np.ndarray) -> int:
    """Count the boxes that one covers; outside the axes counts more than all."""
    outside = bool((box[:2] < frame[:2]).any() or (box[2:] > frame[2:]).any())
    overlaps = (np.maximum(box[:2], taken[:, :2]) < np.minimum(box[2:], taken[:, 2:])).all(axis=1)
    return int(overlaps.sum()) + 1000 * outside
