import pandas as pd
import pytest

from sharploss.analysis.plotting.lines import budget_figure, lines_figure
from sharploss.analysis.plotting.style import style

NAN = float("nan")


def frame(rows, *more):
    return pd.DataFrame(rows, columns=["panel", "line", "x", "y", *more])


def drawn(lines, **options):
    with style():
        return lines_figure(lines, "step", **options)


def test_there_is_a_panel_per_title_and_seeds_are_averaged():
    rows = [[n, loss, s, 20.0 + s + seed] for n in "ab" for loss in ("l1", "l2") for seed in (0, 1) for s in (1, 2)]
    figure = drawn(frame(rows))
    assert [axes.get_title() for axes in figure.axes] == ["a", "b"]
    assert [list(line.get_ydata()) for line in figure.axes[0].get_lines()] == [[21.5, 22.5]] * 2


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (4, 1), (6, 2), (8, 2)])
def test_no_panel_is_empty(count, rows):
    figure = drawn(frame([[f"metric{at}", "l1", x, x] for at in range(count) for x in (1, 2)]))
    assert len(figure.axes) == count
    assert figure.axes[0].get_subplotspec().get_gridspec().nrows == rows


def test_lines_differ_in_marker_as_well_as_colour():
    rows = [["l1", loss, s, 1.0 / s] for loss in ("l1", "l1_gv", "l1_tv") for s in (1, 2, 4)]
    figure = drawn(frame(rows), log_y={"l1"})
    lines = figure.axes[0].get_lines()
    assert len({line.get_marker() for line in lines}) == len({line.get_color() for line in lines}) == 3
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["l1", "l1_gv", "l1_tv"]


def test_a_level_far_off_sets_no_axis_and_is_written_below():
    rows = [["a", "sploss", 1, 27.0], ["a", "sploss", 2, 26.8], ["b", "sploss", 1, 0.3], ["b", "sploss", 2, 0.4]]
    levels = frame([["a", "l1", NAN, 27.0], ["a", "input", NAN, 25.0], ["b", "l1", NAN, 0.3], ["b", "input", NAN, 0.6]])
    figure = drawn(frame(rows), levels=levels)
    below = [axes.get_xlabel() for axes in figure.axes]
    assert below == ["step\ninput: 25 \N{DOWNWARDS ARROW}", "step\ninput: 0.6 \N{UPWARDS ARROW}"]
    assert figure.axes[0].get_ylim()[0] > 26.5


def test_no_axis_shows_less_than_three_times_the_band_of_what_counts_for_nothing():
    rows = [["a", "sploss", x, 27.0 + x / 1000] for x in (1, 2)]
    axes = drawn(frame(rows), levels=frame([["a", "l1", NAN, 27.0]]), least={"a": 0.03}).axes[0]
    low, high = axes.get_ylim()
    assert high - low == pytest.approx(0.18)
    (band,) = axes.patches
    assert (band.get_y(), band.get_height()) == (pytest.approx(26.97), pytest.approx(0.06))


def test_gains_against_the_budget_mark_the_end_of_each_training_and_ties_hollow():
    rows = [["L1", "a", 1000, 0.5], ["L1", "a", 5000, 1.0], ["SSIM", "a", 1000, -2.0], ["SSIM", "a", 5000, 0.99]]
    courses = pd.DataFrame(rows, columns=["line", "training", "x", "y"])
    ends = pd.DataFrame([["L1", 5000, 1.0, False], ["SSIM", 5000, 0.99, True]], columns=["line", "x", "y", "tie"])
    with style():
        axes = budget_figure(courses, ends, "gain").axes[0]
    marks = [line for line in axes.get_lines() if line.get_marker() not in ("None", "")]
    assert [(line.get_xdata()[0], line.get_markerfacecolor() == "white") for line in marks] == [
        (5000, False),
        (5000, True),
    ]
    assert -0.1 < axes.get_ylim()[0] <= 0  # below the input sets no axis


def test_a_band_is_drawn_where_there_is_an_interval_alone():
    rows = [["p", "measured", a, -a, -a - 1, -a + 1] for a in (0.0, 2.0)]
    rows += [["p", "published", a, -2 * a, NAN, NAN] for a in (0.0, 2.0)]
    axes = drawn(frame(rows, "low", "high")).axes[0]
    assert [list(line.get_ydata()) for line in axes.get_lines()[:2]] == [[0.0, -2.0], [0.0, -4.0]]
    assert [len(band.get_paths()) for band in axes.collections] == [1, 0]


def test_a_level_is_drawn_across_and_never_on_the_edge():
    levels = frame([["p", "l1", NAN, 1.05], ["p", "input", NAN, -0.05]])
    figure = drawn(frame([["p", "sploss", 1, 0.0], ["p", "sploss", 2, 1.0]]), levels=levels)
    low, high = figure.axes[0].get_ylim()
    assert high - 1.05 > 0.02 * (high - low) < -0.05 - low
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["sploss", "l1", "input"]


def ticks(values, **options):
    figure = drawn(frame([["p", "ssim", 10.0**at, value] for at, value in enumerate(values)]), log_y={"p"}, **options)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    (low, high), (left, right) = axes.get_ylim(), axes.get_xlim()
    up = [tick.label1.get_text() for tick in axes.yaxis.get_major_ticks() if low < tick.get_loc() < high]
    across = [tick.label1.get_text() for tick in axes.xaxis.get_major_ticks() if left < tick.get_loc() < right]
    return up, across


def test_a_logarithmic_axis_says_its_numbers_and_is_not_crowded():
    assert ticks((0.91, 0.6, 0.4, 0.29))[0] == ["0.3", "0.4", "0.5", "0.7"]
    up, across = ticks((1e-6, 1e-3, 0.1, 68.0), log_x=True)
    assert 2 <= len(up) <= 6
    assert across == ["1", "10", "100", "1000"]


def test_nothing_is_cut_off_on_a_logarithmic_scale():
    low, high = drawn(frame([["p", "l2_gv", 1, 0.02], ["p", "l2_gv", 2, 68.0]]), log_y={"p"}).axes[0].get_ylim()
    assert low < 0.02
    assert high > 68
