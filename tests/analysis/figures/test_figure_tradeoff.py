import pandas as pd

from sharploss.analysis.figures.style import style
from sharploss.analysis.figures.tradeoff import tradeoff_figure

NAN = float("nan")


def test_each_network_has_a_panel_with_its_losses_and_the_sweep():
    points = pd.DataFrame(
        [
            ["", "bicubic", 0.4, 25.0, NAN, True],
            ["a", "l1", 0.5, 27.0, NAN, True],
            ["a", "sploss", 0.6, 26.8, 2.0, True],
            ["a", "sploss_a0", 0.5, 27.0, 0.0, False],
            ["a", "sploss_a8", 0.7, 26.1, 8.0, False],
            ["b", "l1", 0.45, 26.5, NAN, True],
        ],
        columns=["network", "loss", "x", "y", "alpha", "named"],
    )
    with style():
        figure = tradeoff_figure(points)
    left, right = figure.axes
    assert [left.get_title(), right.get_title()] == ["a", "b"]
    texts = {text.get_text() for text in left.texts} - {""}
    assert texts == {"l1", "sploss", "sploss, \N{GREEK SMALL LETTER ALPHA} = 8", "bicubic: 0.40, 25.00 dB"}
    assert list(left.get_lines()[0].get_xdata()) == [0.5, 0.6, 0.7]
    assert len(right.get_lines()) == 1
