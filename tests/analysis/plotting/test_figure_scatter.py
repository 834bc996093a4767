import pandas as pd

from sharploss.analysis.plotting.scatter import scatter_figure
from sharploss.analysis.plotting.style import style

NAN = float("nan")


def test_each_network_has_a_panel_with_its_losses_a_line_and_a_note():
    points = pd.DataFrame(
        [
            ["a", "l1", 0.5, 27.0, NAN, False],
            ["a", "sploss", 0.6, 26.8, 2.0, True],
            ["a", "", 0.7, 26.1, 8.0, False],
            ["a", "", 0.5, 27.0, 0.0, False],
            ["b", "l1", 0.45, 26.5, NAN, False],
        ],
        columns=["network", "loss", "x", "y", "along", "faint"],
    )
    with style():
        figure = scatter_figure(points, "sharpness", "PSNR", "alpha", {"a": "bicubic: 0.40, 25.00 dB"})
    left, right = figure.axes
    assert [axes.get_title() for axes in (left, right)] == ["a", "b"]
    assert [axes.get_xlabel() for axes in (left, right)] == ["sharpness\nbicubic: 0.40, 25.00 dB", "sharpness"]
    line, *marks = left.get_lines()
    assert list(line.get_xdata()) == [0.5, 0.6, 0.7]  # by its place along the line, not by the order of the rows
    assert [mark.get_alpha() for mark in marks] == [1.0, 0.4]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["l1", "sploss", "alpha"]


def test_without_a_line_the_legend_has_none():
    points = pd.DataFrame([["a", "l1", 0.5, 27.0]], columns=["network", "loss", "x", "y"])
    with style():
        figure = scatter_figure(points.assign(along=NAN, faint=False), "x", "y", "alpha")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["l1"]
