import pandas as pd

from sharploss.analysis.plotting.ranks import ranks_figure
from sharploss.analysis.plotting.style import style


def test_each_loss_has_a_point_on_its_interval_in_every_panel():
    ranked = pd.DataFrame(
        [["all", "gv", 1.5, 1.0, 2.0], ["all", "l1", 2.0, 2.0, 3.0], ["PSNR", "gv", 1.0, 1.0, 1.0]],
        columns=["panel", "loss", "rank", "low", "high"],
    )
    with style():
        figure = ranks_figure(ranked)
    left, right = figure.axes
    assert [left.get_title(), right.get_title()] == ["all", "PSNR"]
    lines = [list(line.get_xdata()) for line in left.get_lines()]
    assert lines == [[1.0, 2.0], [1.5], [2.0, 3.0], [2.0]]
    assert len(right.get_lines()) == 2
    assert [text.get_text() for text in left.get_yticklabels()] == ["gv", "l1"]
    assert left.get_ylim() == (1.5, -0.5)
