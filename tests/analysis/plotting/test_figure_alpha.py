import pandas as pd
import pytest

from sharploss.analysis.plotting.alpha import alpha_figure
from sharploss.analysis.plotting.style import style


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (4, 1), (6, 2), (8, 2)])
def test_there_is_a_panel_per_measure_and_no_empty_one(count, rows):
    measures = [(f"metric{index}", "y") for index in range(count)]
    frame = pd.DataFrame(
        [[m, p, a, 1.0 - a, 0.8 - a, 1.2 - a, 1.0, 0.5] for m, p in measures for a in (0.0, 2.0, 4.0)],
        columns=["metric", "protocol", "alpha", "value", "low", "high", "l1", "unrestored"],
    )
    with style():
        figure = alpha_figure(frame, measures)
    assert [axes.get_title() for axes in figure.axes] == [f"metric{index} Y ↑" for index in range(count)]
    assert figure.axes[0].get_subplotspec().get_gridspec().nrows == rows
    line = figure.axes[0].get_lines()[0]
    assert list(line.get_ydata()) == [1.0, -1.0, -3.0]
