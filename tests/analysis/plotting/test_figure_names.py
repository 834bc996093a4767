"""Every drawing with names as a study may have them: nothing is cut off, covered, or taken for a formula."""

import numpy as np
import overlaps
import pandas as pd
import pytest

from sharploss.analysis.plotting.dots import dots_figure
from sharploss.analysis.plotting.lines import lines_figure
from sharploss.analysis.plotting.style import WIDTH, style
from sharploss.analysis.plotting.tiles import Strip, Tile, tiles_figure

NAN = float("nan")
NAMES = {
    "one letter": ["a"],
    "sixty letters": [letter * 60 for letter in "abc"],
    "sixty letters with joints": [f"{'long_' * 11}{end}" for end in ("first", "other")],
    "signs": ["$x_1$", "50 % & <b>", "a^b\\c{d}", "__", "#1"],
    "many": [f"loss_{at}" for at in range(30)],
}


def lines(names):
    rows = [[name, other, x, x + at, 0.0, 9.0] for name in names[:2] for at, other in enumerate(names) for x in (1, 2)]
    return lines_figure(pd.DataFrame(rows, columns=["panel", "line", "x", "y", "low", "high"]), "step", names[0][:20])


def dots(names):
    rows = [[panel, name, series, 0.1 * at, NAN, NAN] for panel in names[:2] for at, name in enumerate(names)
            for series in names[:2]]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["panel", "row", "series", "value", "low", "high"])
    return dots_figure(frame, "change")


def scatter(names):
    rows = [[net, name, at, -at] for net in names[:2] for at, name in enumerate(names)]
    return lines_figure(pd.DataFrame(rows, columns=["panel", "line", "x", "y"]), "x", "y", columns=2)


def tiles(names):
    picture = np.zeros((8, 8, 3))
    return tiles_figure([Strip("", [Tile(name, picture, "1 dB") for name in names[:5]])])


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("draw", [lines, dots, scatter, tiles])
def test_all_of_every_name_can_be_read(draw, kind):
    with style():
        figure = draw(NAMES[kind])
        assert overlaps.outside(figure) == []
        assert overlaps.covered(figure) == []
    assert figure.get_figwidth() <= WIDTH
    told = "".join("".join(text.get_text().split()) for text, _ in overlaps.texts_of(figure))
    assert all("".join(name.split()) in told for name in NAMES[kind][:5])


@pytest.mark.parametrize("value", [NAN, float("inf"), -float("inf"), 0.0, 1e30])
def test_a_number_that_is_no_usual_one_stops_no_drawing(value):
    with style():
        for made in (
            lines_figure(pd.DataFrame([["p", "l1", 1, value]], columns=["panel", "line", "x", "y"]), "x", log_y={"p"}),
            dots_figure(
                pd.DataFrame(
                    [["p", "l1", "", value, NAN, NAN]], columns=["panel", "row", "series", "value", "low", "high"]
                ),
                "x",
            ),
            tiles_figure([Strip("", [Tile("", np.full((8, 8), value))], "signed")]),
        ):
            made.draw_without_rendering()
