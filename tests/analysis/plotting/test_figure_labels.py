import itertools

import numpy as np

from sharploss.analysis.plotting import style
from sharploss.analysis.plotting.labels import label_points


def labelled(points, texts, clear):
    """Boxes of the labels, and the pixels that are to stay clear."""
    with style.style():
        figure = style.new_figure(4, 3)
        axes = figure.subplots()
        axes.set(xlim=(0, 1), ylim=(0, 1))
        figure.draw_without_rendering()
        label_points(axes, points, texts, clear)
        inside = axes.get_window_extent()
        boxes = [text.get_window_extent() for text in axes.texts]
        assert all(inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1) for box in boxes)
        return boxes, axes.transData.transform(clear)


def test_a_label_covers_no_other_label_and_no_point_and_stays_inside():
    points = [(0.1 + 0.09 * i, 0.3 + 0.07 * i) for i in range(9)] + [(0.01, 0.99)]
    boxes, spots = labelled(points, [f"loss_{i}" for i in range(10)], points)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert not any(box.contains(x, y) for box in boxes for x, y in spots)


def test_a_label_keeps_clear_of_a_line():
    ends = [(0.2, 0.5), (0.8, 0.52)]
    boxes, spots = labelled(ends, ["l1_ragan", "l1"], [tuple(spot) for spot in np.linspace(*ends, 60)])
    assert not any(box.contains(x, y) for box in boxes for x, y in spots)
