import pandas as pd
import pytest

from sharploss.analysis.plotting.gan_curves import discriminator_figure, extraction_figure
from sharploss.analysis.plotting.style import style


def lines_of(axes):
    """Every drawn line but the one at zero: dash pattern -> its values."""
    return {line.get_linestyle(): line.get_ydata().tolist() for line in axes.get_lines() if len(line.get_xdata()) > 2}


@pytest.fixture
def curves():
    rows = [
        [network, "gan", step, 1.4 - step + seed, step + seed, -step, 3.0, 0.5 / step]
        for network in "ab"
        for seed in (0, 1)
        for step in (1, 2, 4)
    ]
    numbers = ["discriminator_loss", "real", "fake", "discriminator_gradient", "gradient"]
    return pd.DataFrame(rows, columns=["network", "loss", "step", *numbers])


def test_discriminators_have_a_column_per_network_and_seeds_are_averaged(curves):
    with style():
        figure = discriminator_figure(curves)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["a", "b"]
    assert len(figure.axes) == 6
    assert lines_of(figure.axes[0]) == {"-": [1.5, 2.5, 4.5], "--": [-1, -2, -4]}
    assert list(lines_of(figure.axes[2])) == ["-"]
    assert lines_of(figure.axes[2])["-"] == pytest.approx([0.9, -0.1, -2.1])
    assert lines_of(figure.axes[4]) == {"-": [3.0] * 3, "--": [0.5, 0.25, 0.125]}
    assert [axes.get_yscale() for axes in figure.axes] == ["linear"] * 4 + ["log"] * 2


def test_every_line_of_the_legend_is_told_by_colour_and_by_marker_or_dash(curves):
    with style():
        figure = discriminator_figure(pd.concat([curves, curves.assign(loss="lsgan")]))
    handles = figure.legends[0].legend_handles
    assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == ["gan", "lsgan"]
    assert len({(handle.get_color(), handle.get_marker(), handle.get_linestyle()) for handle in handles}) == 4


def test_scales_of_an_extractor_follow_each_other():
    rows = [["e", scale, at, 0.1, -0.1, 0.3, 0.01] for scale in (0, 1) for at in (20, 40, 60)]
    names = ["d_real", "d_fake", "gradient_penalty", "reconstruction"]
    with style():
        figure = extraction_figure(pd.DataFrame(rows, columns=["extractor", "scale", "iteration", *names]))
    real = [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) > 2 and line.get_linestyle() == "-"]
    assert [line.get_xdata().tolist() for line in real] == [[20, 40, 60], [80, 100, 120]]
    assert [axes.get_ylabel() for axes in figure.axes] == ["mean logit", "gradient penalty", "squared error"]
