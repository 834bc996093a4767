import pandas as pd

from sharploss.analysis.plotting.matrix import VERDICTS, claims_figure
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
    assert len({sign for sign, _ in VERDICTS.values()}) == len({colour for _, colour in VERDICTS.values()}) == 6
