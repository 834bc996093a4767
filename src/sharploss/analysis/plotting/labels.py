"""Labels of points that cover neither each other nor what is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from math import cos, dist, pi, sin
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sharploss.analysis.plotting.style import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

Point = tuple[float, float]
Boxes = np.ndarray
"""Left, bottom, right and top of boxes, in pixels of the screen: (number, 4)."""

RINGS, STEPS = (6, 11, 17, 24, 32, 42, 56, 72, 90), 16
"""How far a label may be from its point (in points of 1/72 inch), and in how many directions."""

NEAR = 2
"""Rings from which it is clear whose label it is; farther ones get a line that leads to the point."""

GAP = np.array([-2.0, -2.0, 2.0, 2.0])
"""Pixels that labels keep from each other."""

TEXT, LEADER, MARK, CROSSED, FOREIGN, NEARER, OUTSIDE = 300, 30, 60, 3, 1, 2, 10_000
"""What counts against a place, where one ring farther counts 1: covering a text, covering it with a box of a leader,
covering a point or a box of the line, a leader's box on another leader's, a leader's box on a point, being nearer to
another's point than to its own, and leaving the axes."""

ORDERS, ROUNDS = 20, 12
"""In how many orders labels are placed, and how often again beside all others, at most."""


class Places(NamedTuple):
    """Where a label may be: a row per place, the nearest ring first."""

    offsets: list[Point]
    """Of the text's left middle from the point, in 1/72 inch."""

    texts: Boxes
    """Pixels, one box per place."""

    leaders: Boxes
    """Boxes along the lines from the texts to the point; there is none where it is clear without."""

    owners: np.ndarray
    """The place that each box of `leaders` belongs to."""

    against: np.ndarray
    """What counts against each place whatever the other labels do."""

    def leader(self, place: int) -> Boxes:
        """Give the boxes of one place's leader."""
        return self.leaders[self.owners == place]


def label_points(
    axes: Axes, points: Sequence[Point], texts: Sequence[str], line: Sequence[Point] = (), *, laid_out: bool = False
) -> None:
    """Write a text beside each point where it covers no other text, point or line; farther ones get a thin leader.

    Call it when the limits of the axes are final and their other texts are written. Where no free place is left, the
    one that covers least is taken.

    Args:
        axes: the axes.
        points: (x, y) in data units.
        texts: one per point; none where it is "", and the point is kept clear like the others.
        line: the corners of a line that no text may cover.
        laid_out: whether the figure has found the places of its axes, by an earlier call, which takes most of the time.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    if not laid_out:
        figure.draw_without_rendering()
    pixel = figure.dpi / 72
    written = np.array([text.get_window_extent().extents for text in axes.texts]).reshape(-1, 4)
    corners = [_on_screen(axes, point) for point in line]
    spots = np.array([_box(_on_screen(axes, point), 4 * pixel) for point in points])
    drawn = [box for start, end in pairwise(corners) for box in _along(start, end, pixel)]
    taken = (written, spots, np.array(drawn).reshape(-1, 4))
    look: dict[str, Any] = {"xytext": (0, 0), "textcoords": "offset points", "fontsize": 8, "va": "center"}
    named = [(point, text) for point, text in zip(points, texts, strict=True) if text]
    notes = [axes.annotate(text, point, **look) for point, text in named]
    labels = [
        _places(axes, point, note.get_window_extent(), taken, pixel)
        for (point, _), note in zip(named, notes, strict=True)
    ]
    for (point, _), note, label, place in zip(named, notes, labels, _chosen(labels), strict=True):
        note.set_position(label.offsets[place])
        _lead(axes, point, label, place, pixel)


def _places(axes: Axes, point: Point, size: Bbox, taken: tuple[Boxes, Boxes, Boxes], pixel: float) -> Places:
    """List the places of a text of some size, and what each covers of texts, points and lines that are there."""
    written, spots, marks = taken
    spot, (x0, y0, x1, y1) = _on_screen(axes, point), axes.get_window_extent().extents
    offsets = [_offset(radius, step, size, pixel) for radius in RINGS for step in range(STEPS)]
    corner = np.array([spot[0], spot[1] - size.height / 2])
    low = corner + pixel * np.array(offsets)
    texts = np.hstack([low, low + np.array([size.width, size.height])])
    lines = [(place, _along(spot, _nearest(box, spot), pixel)) for place, box in enumerate(texts)]
    pieces = [(place, box) for place, line in lines[NEAR * STEPS :] for box in line]
    owners, leaders = np.array([place for place, _ in pieces]), np.array([box for _, box in pieces])
    outside = (texts < [x0, y0, x0, y0]).any(1) | (texts > [x1, y1, x1, y1]).any(1)
    far = [_distance(texts, other) for other in (spots[:, :2] + spots[:, 2:]) / 2]
    nearer = (np.array(far) < _distance(texts, np.array(spot)) - 1).sum(0)
    on_leaders = LEADER * _overlaps(leaders, written) + FOREIGN * _overlaps(leaders, spots)
    against = np.arange(len(texts)) // STEPS + np.bincount(owners, on_leaders, len(texts))
    against += OUTSIDE * outside + NEARER * nearer
    against += TEXT * _overlaps(texts, written) + MARK * _overlaps(texts, np.vstack([spots, marks]))
    return Places(offsets, texts, leaders, owners, against)


def _chosen(labels: list[Places]) -> list[int]:
    """Choose a place for each label: first come, first served, in several orders, of which the best one counts."""

    @cache
    def between(index: int, other: int, place: int) -> np.ndarray:
        return _between(labels[index], labels[other], place)

    generator = np.random.default_rng(0)
    orders = [np.arange(len(labels)), *(generator.permutation(len(labels)) for _ in range(ORDERS - 1))]
    _, chosen = min((_settled(labels, order.tolist(), between) for order in orders), key=lambda found: found[0])
    return [chosen[index] for index in range(len(labels))]


def _settled(
    labels: list[Places], order: list[int], between: Callable[[int, int, int], np.ndarray]
) -> tuple[float, dict[int, int]]:
    """Place labels in an order, then each again beside all others, until none moves; what counts against all, first."""
    chosen: dict[int, int] = {}
    total = 0.0
    for _ in range(ROUNDS):
        before, total = dict(chosen), 0.0
        for index in order:
            others = [between(index, other, place) for other, place in chosen.items() if other != index]
            against = labels[index].against + sum(others)
            chosen[index] = int(against.argmin())
            total += against[chosen[index]]
        if chosen == before:
            break
    return total, chosen


def _between(label: Places, other: Places, place: int) -> np.ndarray:
    """Count what is against each place of a label once another one has its place."""
    text, leader = other.texts[[place]] + GAP, other.leader(place)
    on_leaders = LEADER * _overlaps(label.leaders, text) + CROSSED * _overlaps(label.leaders, leader)
    on_texts = TEXT * _overlaps(label.texts, text) + LEADER * _overlaps(label.texts, leader)
    return on_texts + np.bincount(label.owners, on_leaders, len(label.texts))


def _lead(axes: Axes, point: Point, label: Places, place: int, pixel: float) -> None:
    """Draw the thin line from a label to its point, where it has one."""
    if len(label.leader(place)):
        spot = _on_screen(axes, point)
        x, y = _nearest(label.texts[place], spot)
        end = ((x - spot[0]) / pixel, (y - spot[1]) / pixel)
        # It ends in the middle of its marker and above all of them: in a crowd its edge would not tell which one it is.
        arrow: dict[str, Any] = {"arrowstyle": "-", "color": GREY, "lw": 0.6, "shrinkA": 1, "shrinkB": 0}
        axes.annotate("", point, xytext=end, textcoords="offset points", arrowprops=arrow, zorder=3)


def _distance(boxes: Boxes, spot: np.ndarray) -> np.ndarray:
    """Give how far boxes are from a pixel."""
    return np.hypot(*np.maximum(0, np.maximum(boxes[:, :2] - spot, spot - boxes[:, 2:])).T)


def _overlaps(boxes: Boxes, others: Boxes) -> np.ndarray:
    """Count, for each box, the other ones that it overlaps."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return (low < high).all(2).sum(1)


def _offset(radius: float, step: int, size: Bbox, pixel: float) -> tuple[float, float]:
    """Give the place of the text's left middle, in points, `step` steps of a turn around the point."""
    x, y = cos(step * 2 * pi / STEPS), sin(step * 2 * pi / STEPS)
    width, height = size.width / pixel, size.height / pixel
    return radius * x + (x - 1) / 2 * width, radius * y + y / 2 * height


def _on_screen(axes: Axes, point: Point) -> Point:
    x, y = axes.transData.transform(point)
    return float(x), float(y)


def _box(spot: Point, radius: float) -> list[float]:
    """Give the square around a pixel of the screen."""
    x, y = spot
    return [x - radius, y - radius, x + radius, y + radius]


def _along(start: Point, end: Point, pixel: float) -> Iterator[list[float]]:
    """Give boxes along a line of the screen, so close that no text fits between two."""
    count = 1 + int(dist(start, end) / (3 * pixel))
    for at in np.linspace(0, 1, count + 1):
        yield _box((start[0] + at * (end[0] - start[0]), start[1] + at * (end[1] - start[1])), pixel)


def _nearest(box: Sequence[float], spot: Point) -> Point:
    """Give the place of a box that is nearest to a pixel."""
    return min(max(spot[0], box[0]), box[2]), min(max(spot[1], box[1]), box[3])
