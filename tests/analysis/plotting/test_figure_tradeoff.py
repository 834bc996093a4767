import pandas as pd

from sharploss.analysis.plotting.style import style
from sharploss.analysis.plotting.tradeoff import tradeoff_figure

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
    assert [axes.get_title(loc="left") for axes in (left, right)] == ["a", "b"]
    assert left.get_title(loc="right") == "bicubic: 0.40, 25.00 dB"
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["l1", "sploss", "\N{GREEK SMALL LETTER ALPHA} from 0 to 8"]
    assert list(left.get_lines()[0].get_xdata()) == [0.5, 0.6, 0.7]
    assert len(right.get_lines()) == 1


def test_what_came_to_noise_is_told_in_words_and_squeezes_nothing():
    rows = [["", "bicubic", 0.4, 25.0], ["a", "l1", 0.5, 27.0], ["a", "l2", 0.6, 26.8], ["a", "mdf", 27.3, 10.3]]
    points = pd.DataFrame(rows, columns=["network", "loss", "x", "y"]).assign(alpha=NAN, named=True)
    with style():
        (axes,) = tradeoff_figure(points).axes
    assert axes.get_title(loc="right") == "mdf: 27.30, 10.30 dB\nbicubic: 0.40, 25.00 dB"
    assert axes.get_xlim()[1] < 1
