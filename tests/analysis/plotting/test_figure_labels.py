import itertools

import numpy as np
import overlaps

from sharploss.analysis.plotting import style
from sharploss.analysis.plotting.labels import label_points


def test_points_without_a_text_are_kept_clear_as_well():
    with style.style():
        figure = style.new_figure(4, 3)
        axes = figure.subplots()
        axes.set(xlim=(0, 1), ylim=(0, 1))
        points = [(0.5, 0.5), (0.55, 0.5), (0.45, 0.5)]
        label_points(axes, points, ["named", "", ""])
        (text,) = (one for one in axes.texts if one.get_text())
        spots = axes.transData.transform(points)
        assert not any(text.get_window_extent().contains(x, y) for x, y in spots)


def test_crowded_labels_cover_neither_each_other_nor_points():
    with style.style():
        figure = style.new_figure(5, 4)
        axes = figure.subplots()
        points = [(0.5 + 0.03 * (i % 3), 0.5 + 0.02 * (i // 3)) for i in range(9)]
        axes.plot(*zip(*points, strict=True), "o")
        axes.set(xlim=(0, 1), ylim=(0, 1))
        label_points(axes, points, [f"loss_{i}" for i in range(9)])
        boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
        assert len(boxes) == 9
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        spots = axes.transData.transform(points)
        assert not any(box.contains(x, y) for box in boxes for x, y in spots)


def test_a_crowd_has_labels_and_leaders_that_cover_no_text():
    with style.style():
        figure = style.new_figure(3.5, 3)
        axes = figure.subplots()
        points = [(0.5 + 0.012 * (i % 4), 0.8 + 0.012 * (i // 4)) for i in range(11)]
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.text(0.02, 0.02, "bicubic: 0.25, 28.42 dB", transform=axes.transAxes)
        label_points(axes, points, [f"l1_order_{i}" for i in range(11)])
        texts = [text for text in axes.texts if text.get_text()]
        boxes = [text.get_window_extent() for text in texts]
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        assert overlaps.crossed(figure) == []


def test_labels_keep_clear_of_a_line():
    with style.style():
        figure = style.new_figure(4, 3)
        axes = figure.subplots()
        axes.set(xlim=(0, 1), ylim=(0, 1))
        ends = [(0.2, 0.5), (0.8, 0.52)]
        label_points(axes, ends, ["l1_ragan", "l1"], ends)
        drawn = axes.transData.transform(np.linspace(*ends, 200))
        for text in axes.texts:
            assert not any(text.get_window_extent().contains(x, y) for x, y in drawn)
