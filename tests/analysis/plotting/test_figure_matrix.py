import pandas as pd

from sharploss.analysis.plotting.matrix import VERDICTS, claims_figure, scoreboard_figure
from sharploss.analysis.plotting.style import style


def test_each_verdict_has_its_own_sign_and_place():
    rows = pd.DataFrame(
        [
            ["E1", "SPLoss", "published", "supported"],
            ["E1", "SPLoss", "measured", "contradicted"],
            ["E13", "GV", "published", "undecided"],
            ["E13", "GV", "measured", "not testable"],
        ],
        columns=["claim", "paper", "side", "verdict"],
    )
    with style():
        figure = claims_figure(rows)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["SPLoss E1", "GV E13"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["published", "measured"]
    signs = {text.get_position(): text.get_text() for text in axes.texts}
    assert signs == {(0.5, 0.5): "+", (1.5, 0.5): "?", (0.5, 1.5): "\N{MULTIPLICATION SIGN}", (1.5, 1.5): ""}
    assert len({sign for sign, _ in VERDICTS.values()}) == len({colour for _, colour in VERDICTS.values()}) == 4


def test_the_scoreboard_prints_the_share_of_every_cell():
    rows = [["gv over l1", "PSNR Y", 0.75, 4], ["gv over l1", "LPIPS", 0.5, 4], ["tv over l1", "PSNR Y", 0.0, 2]]
    with style():
        figure = scoreboard_figure(pd.DataFrame(rows, columns=["loss", "measure", "share", "cells"]))
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["75", "50", "0"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["gv over l1 (4)", "tv over l1 (2)"]
