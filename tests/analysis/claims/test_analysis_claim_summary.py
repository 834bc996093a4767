import pytest

from sharploss.analysis.claims.summary import MOST, VERDICTS, brief, claims, tally
from sharploss.analysis.measures import MINUS


def side(verdict, **changes):
    counts = {"total": 3, "for": 1, "against": 1, "equal": 0, "open": 1, "missing": 0}
    effect = {"change": 0.123, "low": 0.05, "high": 0.2, "smallest": -0.1, "largest": 0.3, "contrasts": 3}
    cell = {"block": "mini", "task": "t", "network": "edsr", "dataset": "set5", "metric": "psnr", "protocol": "y"}
    told = {
        **cell,
        "what": "gv against l1",
        "outcome": "against",
        "change": -0.1,
        "low": -0.2,
        "high": -0.05,
        "p": 0.01,
    }
    one = {
        "verdict": verdict,
        "why": "So.",
        "seeds": 1,
        "scope": "preliminary, one seed; at 60 steps",
        "unqualified": 0,
        "cells": counts,
        "by": {"network": {"edsr": counts, "vdsr": counts}, "metric": {"psnr": counts}},
        "effects": {"psnr: gv against l1": effect},
        "exceptions": [told],
    }
    return one | changes


def claim(paper, published, measured):
    return {
        "paper": paper,
        "where": "Table 1",
        "statement": "It is.",
        "note": "",
        "published": published,
        "measured": measured,
    }


@pytest.fixture
def found():
    empty = side("not testable", cells=dict.fromkeys(side("")["cells"], 0), by={}, effects={}, exceptions=[])
    many = side("contradicted", exceptions=side("")["exceptions"] * (MOST + 3))
    return claims({"E1": claim("GV", side("supported"), many), "E2": claim("SOG", side("undecided"), empty)})


def texts(table):
    return [[cell.text.replace(MINUS, "-") for cell in row] for row in table.rows]


def test_a_side_holds_effects_counts_and_exceptions(found):
    ours = found[0].measured
    assert (ours.title, ours.verdict, ours.cells) == ("Measured", "contradicted", "1 of 3 cells")
    effects, groups, exceptions = ours.tables
    assert texts(effects) == [["PSNR (gv against l1)", "+0.12 [+0.05, +0.20]", "-0.10", "+0.30", "3"]]
    # A group of one member says nothing that the total does not say.
    assert texts(groups) == [["network", name, "1", "1", "0", "1", "0"] for name in ("EDSR", "VDSR")]
    assert texts(exceptions)[0][4:] == ["PSNR", "-0.10 [-0.20, -0.05]", "0.010", "the other way round"]


def test_a_verdict_is_told_with_its_budget_and_seeds(found):
    assert brief(found[0].measured)[0].text == "contradicted (preliminary, one seed; at 60 steps)"
    assert brief(found[0].measured._replace(scope=""))[0].text == "contradicted"


def test_of_many_exceptions_the_first_are_listed_and_the_others_counted(found):
    table = found[0].measured.tables[2]
    assert len(table.rows) == MOST
    assert table.notes == ["And 3 more, in claims.json."]
    assert found[0].published.tables[2].notes == []


def test_a_side_without_cells_has_no_tables(found):
    assert (found[1].measured.cells, found[1].measured.effect, found[1].measured.tables) == ("", "", [])


def test_the_tally_counts_every_verdict_once(found):
    table = tally(found)
    assert table.columns[2:] == [f"{name}: {word}" for name in ("published", "measured") for word in VERDICTS]
    assert texts(table) == [
        ["GV", "1", "1", "·", "·", "·", "·", "·", "·", "1", "·", "·", "·", "·"],
        ["SOG", "1", "·", "·", "·", "1", "·", "·", "·", "·", "·", "·", "·", "1"],
        ["all", "2", "1", "·", "·", "1", "·", "·", "·", "1", "·", "·", "·", "1"],
    ]


def test_every_real_claim_can_be_laid_out(evaluated):
    verdicts = evaluated[1]["claims"]
    found = claims(verdicts)
    assert [one.key for one in found] == list(verdicts)
    for one in found:
        for table in (*one.published.tables, *one.measured.tables):
            assert {len(row) for row in table.rows} == {len(table.columns)}
    totals = [int(cell.text) if cell.text != "·" else 0 for cell in tally(found).rows[-1][1:]]
    assert totals[0] == sum(totals[1:7]) == sum(totals[7:]) == len(verdicts)
