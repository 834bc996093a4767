import pandas as pd

from sharploss.analysis.plotting.curves import terms_figure, validation_figure
from sharploss.analysis.plotting.style import style


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


def test_losses_of_one_term_differ_in_marker_as_well_as_colour():
    rows = [[n, loss, "l1", step, 1.0 / step] for n in "ab" for loss in ("l1", "l1_gv", "l1_tv") for step in (1, 2, 4)]
    with style():
        figure = terms_figure(pd.DataFrame(rows, columns=["network", "loss", "term", "step", "value"]))
    lines = figure.axes[0].get_lines()
    assert len({(line.get_marker(), line.get_color()) for line in lines}) == 3
    assert len({line.get_marker() for line in lines}) == 3
    assert len({line.get_linestyle() for line in lines}) == 2


def test_the_lowest_panel_of_every_column_tells_the_steps():
    rows = [["a", "l1", f"t{at}", step, 1.0 / step] for at in range(6) for step in (1, 2, 4)]
    with style():
        figure = terms_figure(pd.DataFrame(rows, columns=["network", "loss", "term", "step", "value"]))
        figure.draw_without_rendering()
    told = [any(tick.label1.get_visible() for tick in axes.xaxis.get_major_ticks()) for axes in figure.axes]
    assert told == [False, False, True, True, True, True]
    assert [bool(axes.get_xlabel()) for axes in figure.axes] == told


def test_the_scale_of_a_term_that_hardly_moves_is_not_crowded():
    rows = [["a", "ssim", "ssim", step, value] for step, value in enumerate((0.91, 0.6, 0.4, 0.29))]
    with style():
        figure = terms_figure(pd.DataFrame(rows, columns=["network", "loss", "term", "step", "value"]))
        figure.draw_without_rendering()
    axes = figure.axes[0]
    low, high = axes.get_ylim()
    assert [round(float(tick), 2) for tick in axes.get_yticks() if low < tick < high] == [0.3, 0.4, 0.5, 0.7]
