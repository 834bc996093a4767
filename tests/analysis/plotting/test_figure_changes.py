import pandas as pd
import pytest

from sharploss.analysis.plotting.changes import changes_figure
from sharploss.analysis.plotting.style import style

NAN = float("nan")
CHANGES = pd.DataFrame(
    [
        ["mdf", "edsr", "psnr", "y", -0.4, -0.5, -0.3],
        ["mdf", "espcn", "psnr", "y", -0.2, -0.3, -0.1],
        ["vgg", "edsr", "psnr", "y", 0.1, 0.0, 0.2],
        ["mdf", "edsr", "lpips", "alex_v0.1", -0.04, -0.05, -0.03],
    ],
    columns=["row", "series", "metric", "protocol", "difference", "low", "high"],
)


def test_every_change_is_a_point_on_its_interval_and_what_is_gone_is_told():
    with style():
        figure = changes_figure(CHANGES, [("psnr", "y"), ("lpips", "alex_v0.1")], "l2", {"lpips": "not trained"})
    left, right = figure.axes
    points = [line.get_xdata()[0] for line in left.get_lines() if line.get_marker() != "None"]
    assert points == [-0.4, -0.2, 0.1]
    assert list(left.get_lines()[0].get_xdata()) == [-0.5, -0.3]
    assert [label.get_text() for label in left.get_yticklabels()] == ["mdf", "vgg", "lpips"]
    assert [text.get_text() for text in left.texts] == ["not trained"]
    assert "← better" in right.get_title()
    assert left.get_xlabel() == "change against l2"


def test_rows_are_as_tall_as_they_have_points():
    with style():
        axes = changes_figure(CHANGES, [("psnr", "y")], "l2").axes[0]
    places = [line.get_ydata()[0] for line in axes.get_lines() if line.get_marker() != "None"]
    assert places == pytest.approx([0.0, 1.0, 2.6])


def test_a_change_that_would_squeeze_all_others_is_written_at_the_edge():
    rows = [[f"l{i}", "edsr", "psnr", "y", 0.1 * i, 0.1 * i - 0.05, 0.1 * i + 0.05] for i in range(5)]
    rows += [["mdf", "edsr", "psnr", "y", -14.6, -16.2, -12.4], ["vgg", "edsr", "psnr", "y", 27.0, NAN, NAN]]
    with style():
        (axes,) = changes_figure(pd.DataFrame(rows, columns=CHANGES.columns), [("psnr", "y")], "l2").axes
        low, high = axes.get_xlim()
    assert -0.2 < low < -0.05
    assert 0.45 < high < 0.6
    written = [text.get_text().replace("\N{MINUS SIGN}", "-") for text in axes.texts]
    assert written == ["← -15 (-16 to -12)", "+27 →"]
    assert [text.xy for text in axes.texts] == [(0.0, pytest.approx(8.0)), (1.0, pytest.approx(9.6))]


def test_changes_of_a_like_size_are_all_drawn_even_if_others_are_none():
    rows = [[f"l{i}", "edsr", "psnr", "y", value, value, value] for i, value in enumerate([0.0, 0.0, 0.0, 1.0, 2.0])]
    with style():
        (axes,) = changes_figure(pd.DataFrame(rows, columns=CHANGES.columns), [("psnr", "y")], "l2").axes
    assert not axes.texts
