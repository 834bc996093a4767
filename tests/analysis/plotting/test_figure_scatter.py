import overlaps
import pandas as pd

from sharploss.analysis.plotting.scatter import tradeoff_figure
from sharploss.analysis.plotting.style import style

NAN = float("nan")
COLUMNS = ["label", "alpha", "x", "y", "x_low", "x_high", "y_low", "y_high", "tie"]
CURVE = [
    ["L1", 0, 0.41, 27.06, NAN, NAN, NAN, NAN, False],
    ["\N{GREEK SMALL LETTER ALPHA} 10", 10, 0.35, 26.8, 0.34, 0.36, 26.7, 26.9, False],
]
OTHERS = [
    ["L2", NAN, 0.412, 27.02, 0.41, 0.414, 27.0, 27.04, False],
    ["L1 + TV", NAN, 0.41, 27.06, 0.409, 0.411, 27.05, 27.07, True],
    ["Charbonnier", NAN, 0.409, 27.07, 0.408, 0.41, 27.06, 27.08, True],
]


def drawn(rows, **aside):
    with style():
        return tradeoff_figure(pd.DataFrame(rows, columns=COLUMNS), "LPIPS", "PSNR (dB)", (0.003, 0.03), aside)


def texts(figure):
    return {text.get_text().replace("\n", " ") for text in figure.axes[0].texts if text.get_text()}


def test_labels_are_free_of_each_other_and_what_equals_l1_has_one_and_is_hollow():
    figure = drawn([*CURVE, *OTHERS])
    assert texts(figure) == {
        "L1",
        "\N{GREEK SMALL LETTER ALPHA} 10",
        "L2",
        "equal to L1: L1 + TV, Charbonnier",
        "better",
    }
    assert overlaps.covered(figure) == []
    assert overlaps.outside(figure) == []
    assert overlaps.smallest(figure) >= 10
    diamonds = [line for line in figure.axes[0].get_lines() if line.get_marker() == "D"]
    assert [line.get_markerfacecolor() for line in diamonds] == ["black", "white", "white"]


def test_a_reference_far_off_sets_no_axis_and_says_its_values_at_the_edge():
    far = drawn([*CURVE, *OTHERS], Bicubic=(0.52, 25.96))
    assert "Bicubic, off the axes: 25.96 dB, 0.520" in texts(far)
    assert far.axes[0].get_xlim()[1] < 0.45
    assert "Bicubic" in texts(drawn([*CURVE, *OTHERS], Bicubic=(0.415, 26.75)))


def test_no_axis_shows_less_than_six_of_the_smallest_effects():
    axes = drawn([CURVE[0], OTHERS[2]]).axes[0]
    assert axes.get_xlim()[1] - axes.get_xlim()[0] >= 0.018
    assert axes.get_ylim()[1] - axes.get_ylim()[0] >= 0.18
