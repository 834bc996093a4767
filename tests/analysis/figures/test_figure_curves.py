import pandas as pd

from sharploss.analysis.figures.curves import terms_figure, validation_figure
from sharploss.analysis.figures.style import style


def test_validation_has_a_panel_per_network_and_averages_seeds():
    rows = [[n, loss, s, 20.0 + s + seed] for n in "ab" for loss in ("l1", "l2") for seed in (0, 1) for s in (1, 2)]
    with style():
        figure = validation_figure(pd.DataFrame(rows, columns=["network", "loss", "step", "psnr_y"]))
    assert [axes.get_title() for axes in figure.axes] == ["a", "b"]
    lines = [line for line in figure.axes[0].get_lines() if len(line.get_xdata())]
    assert [list(line.get_ydata()) for line in lines] == [[21.5, 22.5]] * 2


def test_terms_have_a_panel_each_on_a_log_scale():
    rows = [["a", "l1_gv", term, step, 1.0 / step] for term in ("l1", "gv") for step in (1, 2, 4)]
    with style():
        figure = terms_figure(pd.DataFrame(rows, columns=["network", "loss", "term", "step", "value"]))
    assert [axes.get_title() for axes in figure.axes] == ["l1", "gv"]
    assert {axes.get_yscale() for axes in figure.axes} == {"log"}
