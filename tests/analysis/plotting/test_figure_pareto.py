import pandas as pd

from sharploss.analysis.plotting.pareto import pareto_figure
from sharploss.analysis.plotting.style import style


def test_the_front_is_joined_and_named_and_the_rest_is_faint():
    points = pd.DataFrame(
        [["a", "l1", 30.0, 0.3, True], ["a", "gan", 28.0, 0.1, True], ["a", "tv", 29.0, 0.4, False]],
        columns=["network", "loss", "psnr", "lpips", "front"],
    )
    with style():
        figure = pareto_figure(points)
    (axes,) = figure.axes
    line, *marks = axes.get_lines()
    assert list(line.get_xdata()) == [0.1, 0.3]
    assert list(line.get_ydata()) == [28.0, 30.0]
    assert [mark.get_alpha() for mark in marks] == [1.0, 1.0, 0.45]
    assert {text.get_text() for text in axes.texts} == {"l1", "gan"}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["l1", "gan", "tv"]
