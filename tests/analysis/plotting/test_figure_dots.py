import pandas as pd

from sharploss.analysis.plotting.dots import dots_figure
from sharploss.analysis.plotting.style import style

NAN = float("nan")
COLUMNS = ["panel", "row", "series", "value", "low", "high"]
CHANGES = pd.DataFrame(
    [
        ["PSNR", "mdf", "edsr", -0.4, -0.5, -0.3],
        ["PSNR", "mdf", "espcn", -0.2, -0.3, -0.1],
        ["PSNR", "vgg", "edsr", 0.1, 0.0, 0.2],
        ["LPIPS", "mdf", "edsr", -0.04, -0.05, -0.03],
    ],
    columns=COLUMNS,
)


def points(axes):
    return [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.get_lines() if line.get_marker() != "None"]


def test_every_change_is_a_point_on_its_interval():
    with style():
        figure = dots_figure(CHANGES, "change against l2")
    left, right = figure.axes
    assert [value for value, _ in points(left)] == [-0.4, -0.2, 0.1]
    assert list(left.get_lines()[0].get_xdata()) == [-0.5, -0.3]
    assert [label.get_text() for label in left.get_yticklabels()] == ["mdf", "vgg"]
    assert (left.get_title(), right.get_title()) == ("PSNR", "LPIPS")
    assert left.get_xlabel() == "change against l2"


def test_rows_go_down_and_series_have_places_of_their_own():
    with style():
        axes = dots_figure(CHANGES, "x").axes[0]
    places = [at for _, at in points(axes)]
    assert places[0] < places[1] < places[2]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == ["edsr", "espcn"]


def test_a_change_that_would_squeeze_all_others_is_marked_at_the_end_of_the_axis():
    rows = [["p", f"l{i}", "edsr", 0.1 * i, 0.1 * i - 0.05, 0.1 * i + 0.05] for i in range(5)]
    rows += [["p", "mdf", "edsr", -14.6, -16.2, -12.4], ["p", "vgg", "edsr", float("inf"), NAN, NAN]]
    with style():
        (axes,) = dots_figure(pd.DataFrame(rows, columns=COLUMNS), "change").axes
    values = [value for value, _ in points(axes)]
    assert values[:5] == [0.1 * i for i in range(5)]
    assert -values[5] == values[6] < 5


def test_what_counts_for_nothing_is_hollow_in_a_band_of_a_third_of_the_axis_at_most():
    rows = [["p", "gv", "edsr", 0.001, -0.01, 0.02, 0.03], ["p", "tv", "edsr", 0.02, -0.01, 0.05, 0.03]]
    with style():
        (axes,) = dots_figure(pd.DataFrame(rows, columns=[*COLUMNS, "least"]), "change").axes
    marks = [line for line in axes.get_lines() if line.get_marker() != "None"]
    assert [line.get_markerfacecolor() == "white" for line in marks] == [True, False]
    low, high = axes.get_xlim()
    assert high - low >= 0.18


def test_changes_of_a_like_size_are_all_drawn_even_if_others_are_none():
    rows = [["p", f"l{i}", "edsr", value, value, value] for i, value in enumerate([0.0, 0.0, 0.0, 1.0, 2.0])]
    with style():
        (axes,) = dots_figure(pd.DataFrame(rows, columns=COLUMNS), "change").axes
    assert [value for value, _ in points(axes)] == [0.0, 0.0, 0.0, 1.0, 2.0]
