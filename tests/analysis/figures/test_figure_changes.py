import pandas as pd
import pytest

from sharploss.analysis.figures.changes import changes_figure
from sharploss.analysis.figures.style import style

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
