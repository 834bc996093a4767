import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from invented_cells import BASE, CELL, HIGHER, RNG, parsed, source
from scipy import stats

from sharploss.analysis.claims.contrasts import Source, contrasts
from sharploss.analysis.claims.evaluate import evaluate_all, evaluate_claims, examine, verdict
from sharploss.analysis.claims.sources import published_source
from sharploss.analysis.stats.effect_sizes import Variance
from sharploss.utils.errors import UserError

ROOT = Path(__file__).parents[3]

# What facts.md, section E, found by another script of the first 32: verdict, cells for the claim, cells in all.
PUBLISHED = {
    "E1": ("supported", 17, 17),
    "E2": ("supported", 17, 17),
    "E3": ("contradicted", 11, 12),
    "E4": ("supported", 12, 12),
    "E5": ("supported", 16, 16),
    "E6": ("supported", 3, 3),
    "E7": ("supported", 7, 7),
    "E8": ("supported", 7, 7),
    "E9": ("contradicted", 6, 7),
    "E10": ("supported", 7, 7),
    "E11": ("contradicted", 45, 46),
    "E13": ("contradicted", 30, 36),
    "E14": ("contradicted", 35, 36),
    "E15": ("contradicted", 10, 12),
    "E16": ("supported", 2, 2),
    "E17": ("supported", 12, 12),
    "E18": ("contradicted", 5, 6),
    "E19": ("supported", 4, 4),
    "E25": ("supported", 3, 3),
    "E27": ("supported", 2, 2),
    "E28": ("supported", 2, 2),
    "E29": ("supported", 2, 2),
}


@pytest.fixture(scope="module")
def print_source():
    return published_source(ROOT)


@pytest.fixture(scope="module")
def published(print_source, real_claims):
    source, found = print_source, {}
    for key, claim in real_claims.items():
        found[key] = verdict(claim.published, source, found, exact=True)
    return found


@pytest.mark.parametrize("key", PUBLISHED)
def test_published_cells_are_counted_as_by_hand(published, key):
    found = published[key]
    assert (found["verdict"], found["cells"]["for"], found["cells"]["total"]) == PUBLISHED[key]


def test_all_others_have_no_published_cells(published):
    counted_by_hand = list(published)[:32]
    untested = {key for key in counted_by_hand if published[key]["verdict"] == "not testable"}
    assert untested == set(counted_by_hand) - set(PUBLISHED)


def test_the_counts_come_by_table_and_network(published):
    tables = published["E1"]["by"]["block"]
    assert [(name, one["for"], one["total"]) for name, one in tables.items()] == [
        ("sploss_table1", 16, 16),
        ("sploss_table2", 1, 1),
    ]
    networks = {name: (one["for"], one["total"]) for name, one in published["E13"]["by"]["network"].items()}
    assert networks == {"vdsr": (12, 12), "espcn": (12, 12), "edsr": (6, 12)}
    networks = {name: (one["for"], one["total"]) for name, one in published["E15"]["by"]["network"].items()}
    assert networks == {"vdsr": (4, 4), "edsr": (4, 4), "espcn": (2, 4)}


def exceptions(found):
    return {
        (one["network"], one["dataset"], one["task"]): (one["outcome"], one["change"]) for one in found["exceptions"]
    }


def test_exceptions_are_named_with_their_size(published):
    assert exceptions(published["E3"]) == {("edsr", "set14", "sr_x4"): ("equal", 0.0)}
    assert exceptions(published["E9"]) == {("nlsn", "mean4", "sr_x4"): ("against", pytest.approx(1e-4))}
    assert exceptions(published["E14"]) == {("edsr", "div2k_val", "sr_x3"): ("against", pytest.approx(-6e-4))}
    assert exceptions(published["E18"]) == {("vdsr", "div2k_val", "sr_x2"): ("against", pytest.approx(-0.001985))}
    assert exceptions(published["E13"]) == {
        ("edsr", "set14", "sr_x4"): ("against", pytest.approx(-0.02)),
        ("edsr", "set5", "sr_x3"): ("against", pytest.approx(-0.01)),
        ("edsr", "set5", "sr_x4"): ("against", pytest.approx(-0.07)),
        ("edsr", "urban100", "sr_x4"): ("against", pytest.approx(-0.07)),
        ("edsr", "div2k_val", "sr_x3"): ("against", pytest.approx(-0.06)),
        ("edsr", "div2k_val", "sr_x4"): ("against", pytest.approx(-0.05)),
    }


def test_effects_are_those_of_the_tables(published):
    lpips = published["E1"]["effects"]["lpips"]
    assert (lpips["smallest"], lpips["largest"]) == pytest.approx((-0.0243, -0.0035))
    assert lpips["low"] is None
    assert published["E27"]["effects"]["psnr"]["change"] == pytest.approx(2.72)
    assert published["E28"]["effects"]["ssim"]["change"] == pytest.approx(0.086)
    assert published["E29"]["effects"]["psnr"]["change"] == pytest.approx(-0.15)


@pytest.mark.parametrize(
    ("change", "word", "outcome"),
    [
        (RNG.normal(0.5, 0.2, (40, 1)), "supported", "for"),
        (RNG.normal(-0.5, 0.2, (40, 1)), "contradicted", "against"),
        (RNG.normal(0.0, 0.5, (40, 1)), "undecided", "open"),
        (np.zeros((40, 1)), "no material difference", "equal"),
        (np.full((40, 1), 0.005), "no material difference", "equal"),
        (np.full((40, 1), 0.1), "supported", "for"),
    ],
)
def test_a_verdict_follows_the_interval(change, word, outcome):
    found = verdict([HIGHER], source(l1=BASE, gv=BASE + change), {}, exact=False)
    assert found["verdict"] == word
    assert found["cells"][outcome] == 1
    effect = found["effects"]["psnr"]
    assert effect["low"] <= effect["change"] <= effect["high"]
    assert effect["change"] == pytest.approx(change.mean())


def test_what_could_not_be_measured_leaves_a_claim_undecided():
    found = verdict([HIGHER], source(l1=BASE, gv=None), {}, exact=False)
    assert (found["verdict"], found["why"]) == ("undecided", "1 of 1 cell has no scores.")


def test_without_runs_a_claim_is_undecided_and_says_so():
    found = verdict([HIGHER], source(l1=BASE), {}, exact=False)
    assert (found["verdict"], found["why"]) == ("undecided", "This study has no such runs or measures.")


def test_one_image_decides_nothing():
    assert verdict([HIGHER], source(l1=BASE[:1], gv=BASE[:1] + 9), {}, exact=False)["verdict"] == "undecided"


def test_a_chance_finding_among_many_contradicts_nothing():
    """Twenty equal cells, one of which looks bad enough by itself."""
    cells = [CELL._replace(dataset=f"set{number}") for number in range(20)]
    values = {}
    for number, cell in enumerate(cells):
        change = RNG.normal(0, 1, (30, 1))
        change += (-0.45 if number == 0 else 0.0) - change.mean()
        values |= {cell._replace(loss="l1"): BASE[:30], cell._replace(loss="gv"): BASE[:30] + change}
    found = verdict([HIGHER], Source(list(values), values), {}, exact=False)
    assert (found["cells"]["against"], found["verdict"]) == (0, "undecided")
    assert "may be chance" in found["why"]
    alone = verdict([HIGHER.model_copy(update={"datasets": ["set0"]})], Source(list(values), values), {}, exact=False)
    assert (alone["cells"]["against"], alone["verdict"]) == (1, "contradicted")


def test_the_tolerance_widens_what_counts_as_no_difference():
    loose = HIGHER.model_copy(update={"tolerance": 0.1})
    found = verdict([loose], source(l1=BASE, gv=BASE + 0.05), {}, exact=False)
    assert found["cells"]["equal"] == 1
    lenient = loose.model_copy(update={"or_equal": True})
    assert verdict([lenient], source(l1=BASE, gv=BASE - 0.05), {}, exact=False)["verdict"] == "supported"


def outcomes(test, **losses):
    place = source(**losses)
    return [examine([one], place, exact=False).outcome for one in contrasts(parsed(metrics=["psnr"], **test), place)]


def test_each_kind_of_claim_looks_at_its_contrasts():
    steps = {"a": BASE, "b": BASE + 1, "c": BASE + 0.5}
    order = {"kind": "direction", "pairs": [["b", "a"], ["c", "b"]]}
    assert outcomes(order | {"sense": "higher"}, **steps) == ["for", "against"]
    assert outcomes(order | {"sense": "worse"}, **steps) == ["against", "for"]
    best = {"kind": "direction", "sense": "better", "pairs": [["b", "a"], ["b", "c"]]}
    assert outcomes(best, **steps) == ["for", "for"]
    assert outcomes({"kind": "equals", "pairs": [["b", "a"]], "expected": 1.0, "tolerance": 0.03}, **steps) == ["for"]
    assert outcomes({"kind": "equals", "pairs": [["c", "a"]], "expected": 1.0, "tolerance": 0.1}, **steps) == [
        "against"
    ]
    assert outcomes({"kind": "bound", "losses": ["a"], "above": 20}, **steps) == ["for"]
    assert outcomes({"kind": "bound", "losses": ["a"], "at_most": 20}, **steps) == ["against"]


def test_a_trade_off_gains_in_one_metric_and_pays_in_another():
    first, second = CELL._replace(metric="ssim"), CELL
    values = {
        first._replace(loss="l1"): BASE,
        first._replace(loss="gan"): BASE + 1,
        second._replace(loss="l1"): BASE,
        second._replace(loss="gan"): BASE - 1,
    }
    tests = [
        parsed(kind="direction", metrics=[metric], sense=sense, pairs=[["gan", "l1"]])
        for metric, sense in (("ssim", "better"), ("psnr", "worse"))
    ]
    assert verdict(tests, Source(list(values), values), {}, exact=False)["verdict"] == "supported"


def test_lower_is_better_where_the_metric_says_so():
    cell = CELL._replace(metric="lpips", protocol="alex_v0.1")
    values = {cell._replace(loss="l1"): BASE, cell._replace(loss="gv"): BASE - 0.1}
    test = parsed(kind="direction", metrics=["lpips"], sense="better", pairs=[["gv", "l1"]])
    found = verdict([test], Source(list(values), values), {}, exact=False)
    assert found["verdict"] == "supported"
    assert found["effects"]["lpips"]["change"] == pytest.approx(-0.1)


def test_claims_join_and_several_tests_must_all_hold():
    join = [parsed(kind="all_of", claims=["A", "B"])]
    parts = {
        name: verdict([HIGHER], source(l1=BASE, gv=BASE + change), {}, exact=False)
        for name, change in (("A", 1), ("B", 0))
    }
    assert verdict(join, source(), parts, exact=False)["verdict"] == "undecided"
    assert verdict(join, source(), parts | {"B": parts["A"]}, exact=False)["verdict"] == "supported"
    lower = HIGHER.model_copy(update={"sense": "lower", "pairs": [("sp", "l1")]})
    both = verdict([HIGHER, lower], source(l1=BASE, gv=BASE + 1, sp=BASE + 1), {}, exact=False)
    assert both["verdict"] == "contradicted"
    assert set(both["effects"]) == {"psnr: gv against l1", "psnr: sp against l1"}


def test_everything_is_written_and_the_same_every_time(evaluated, real_claims):
    root, found = evaluated
    written = json.loads((root / "results" / "mini" / "claims.json").read_text())
    assert written == json.loads(json.dumps(found))
    assert written["claims"].keys() == real_claims.keys()
    assert len(written["anomalies"]) >= 11
    files = {path.name: path.read_bytes() for path in (root / "reports" / "mini" / "claims").iterdir()}
    tables = {f"{name}.{kind}" for name in ("claims", "anomalies") for kind in ("csv", "md")}
    assert set(files) == tables | {f"{name}.md" for name in written["papers"].values()}
    evaluate_claims("mini", root)
    assert {path.name: path.read_bytes() for path in (root / "reports" / "mini" / "claims").iterdir()} == files


def test_the_invented_world_is_judged_as_it_was_made(study, real_claims, print_source):
    """There, SPLoss costs 0.06 dB for each unit of alpha, and sharper is better by LPIPS."""
    found = evaluate_all({key: real_claims[key] for key in ("E4", "E7", "E32")}, print_source, study)
    assert found["E4"]["measured"]["effects"]["psnr"]["change"] == pytest.approx(-0.12, abs=0.05)
    assert found["E4"]["measured"]["verdict"] == "supported"
    assert found["E7"]["measured"]["effects"]["psnr"]["change"] < 0
    assert not any(math.isnan(one["change"]) for one in found["E32"]["measured"]["effects"].values())


def test_a_damaged_claims_file_is_told(own_root):
    path = own_root / "claims.yaml"
    path.write_text(f"{path.read_text().split('claims:')[0]}claims: {{E1: {{paper: x}}}}")
    with pytest.raises(UserError, match=r"claims\.E1\.where is missing"):
        evaluate_claims("mini", own_root)


def test_a_claim_is_not_supported_by_the_seeds_that_survived():
    """Two of three trainings diverged; the one that is left would support the claim."""
    table = BASE + 1 + np.zeros((1, 3))
    table[:, 1:] = np.nan
    found = verdict([HIGHER], source(l1=BASE + np.zeros((1, 3)), gv=table), {}, exact=False)
    assert (found["verdict"], found["cells"]["missing"]) == ("undecided", 1)
    assert found["why"] == "1 of 1 cell lacks scores (1 of them those of some planned seeds, up to 2 of 3)."
    assert found["effects"] == {}


def test_a_seed_that_was_not_planned_is_not_missed():
    table = BASE + 1 + np.zeros((1, 3))
    table[:, 1:] = np.nan
    place = source(l1=BASE + np.zeros((1, 3)), gv=table)
    planned = {CELL._replace(loss="l1"): frozenset({0, 1, 2}), CELL._replace(loss="gv"): frozenset({0})}
    found = verdict([HIGHER], Source(place.cells, place.values, planned), {}, exact=False)
    assert (found["verdict"], found["cells"]["missing"]) == ("supported", 0)


def test_the_fewest_seeds_behind_a_claim_are_told():
    """One cell has three seeds, another one: the claim stands on one."""
    other = CELL._replace(dataset="set14")
    values = {cell._replace(loss="l1"): BASE + np.zeros((1, 3)) for cell in (CELL, other)}
    values |= {cell._replace(loss="gv"): value + 1 for cell, value in [(CELL, BASE + np.zeros((1, 3))), (other, BASE)]}
    values[other._replace(loss="l1")] = BASE
    found = verdict([HIGHER], Source(list(values), values), {}, exact=False)
    assert (found["seeds"], found["verdict"]) == (1, "supported")
    several = verdict([HIGHER.model_copy(update={"datasets": ["set5"]})], Source(list(values), values), {}, exact=False)
    assert several["seeds"] == 3
    join = [parsed(kind="all_of", claims=["A", "B", "C"])]
    nothing = verdict([parsed(kind="not_testable", reason="why")], source(), {}, exact=False)
    assert nothing["seeds"] is None
    assert verdict(join, source(), {"A": several, "B": nothing, "C": found}, exact=False)["seeds"] == 1


def test_what_was_never_trained_has_no_seeds():
    cell = CELL._replace(network="", block="")
    values = {cell._replace(loss="bicubic"): BASE}
    bound = parsed(kind="bound", metrics=["psnr"], losses=["bicubic"], above=1)
    assert verdict([bound], Source(list(values), values), {}, exact=False)["seeds"] is None


def test_of_several_contrasts_in_one_cell_the_cell_is_counted_once():
    """What GV gains is larger at x3 and at x4 than at x2: two contrasts, one cell."""
    gains = {"sr_x2": 0.1, "sr_x3": 0.5, "sr_x4": 0.6}
    values = {}
    for task, gain in gains.items():
        cell = CELL._replace(task=task)
        values |= {cell._replace(loss="l1"): BASE, cell._replace(loss="gv"): BASE + RNG.normal(gain, 0.01, (40, 1))}
    test = {"kind": "largest_at", "metrics": ["psnr"], "pairs": [["gv", "l1"]], "at": "sr_x2", "others": [*gains][1:]}
    found = verdict([parsed(**test)], Source(list(values), values), {}, exact=False)
    assert found["verdict"] == "contradicted"
    assert found["why"].startswith("1 of 1 cell ")


@pytest.mark.parametrize("side", [1, -1])
def test_the_p_value_of_a_size_is_that_of_the_edge_of_the_tolerance(side):
    """Off the size by 0.13 where 0.1 is allowed: far from the size itself, and barely from the edge."""
    change = RNG.normal(0, 0.1, (40, 1))
    change += 1 + side * 0.13 - change.mean()
    place = source(l1=BASE, gv=BASE + change)
    place = replace(place, spreads=dict.fromkeys(place.cells, Variance(1e-12, 1e6)))
    test = {"kind": "equals", "metrics": ["psnr"], "pairs": [["gv", "l1"]], "expected": 1.0, "tolerance": 0.1}
    (one,) = (examine([one], place, exact=False) for one in contrasts(parsed(**test), place))
    p = stats.ttest_1samp(change[:, 0], 1 + side * 0.1).pvalue
    assert one.p == pytest.approx(p)
    assert p > 0.01 > stats.ttest_1samp(change[:, 0], 1.0).pvalue


def test_a_size_within_the_tolerance_has_no_small_p_value():
    change = RNG.normal(0, 0.1, (40, 1))
    change += 1.08 - change.mean()
    place = source(l1=BASE, gv=BASE + change)
    test = {"kind": "equals", "metrics": ["psnr"], "pairs": [["gv", "l1"]], "expected": 1.0, "tolerance": 0.2}
    (one,) = (examine([one], place, exact=False) for one in contrasts(parsed(**test), place))
    assert (one.outcome, one.p) == ("for", pytest.approx(1.0))


def test_a_claim_can_join_those_further_down(study, real_claims, print_source):
    later = {key: real_claims[key] for key in ("E11", "E3", "E2", "E1")}
    places = print_source, study
    found, usual = evaluate_all(later, *places), evaluate_all(dict(reversed(later.items())), *places)
    assert list(found) == list(later)
    assert found == usual
    assert found["E11"]["published"]["cells"]["total"] == 46


def size_claim(claim, gain, block):
    """E16 on invented cells of one recipe: VDSR and EDSR on Set5 at x2, both gaining the same."""
    values = {}
    for network, first, second in (("vdsr", "l2_gv", "l2"), ("edsr", "l1_gv", "l1")):
        cell = CELL._replace(block=block[network], task="sr_x2", network=network)
        values |= {cell._replace(loss=second): BASE, cell._replace(loss=first): BASE + gain[network]}
    return verdict(claim.measured, Source(list(values), values), {}, exact=False)


def test_a_size_at_the_papers_budget_is_tested_on_runs_of_that_budget_alone(real_claims):
    """At 200 steps VDSR gains nothing: that says nothing of what the paper's 100,000 gained."""
    claim = real_claims["E16"]
    small = size_claim(claim, {"vdsr": 0.0, "edsr": 0.0}, {"vdsr": "mini", "edsr": "mini"})
    assert (small["verdict"], small["cells"]["total"], small["effects"]) == ("not testable", 0, {})
    assert small["why"] == "It is about the paper's own budget (recipes: paper, vdsr_x2); this study has no such runs."
    whole = {"vdsr": "vdsr_x2", "edsr": "paper"}
    assert size_claim(claim, {"vdsr": 0.8, "edsr": 0.4}, whole)["verdict"] == "supported"
    assert size_claim(claim, {"vdsr": 0.0, "edsr": 0.4}, whole)["cells"] == {
        "total": 2, "for": 1, "against": 1, "equal": 0, "open": 0, "missing": 0
    }  # fmt: skip
    mixed = size_claim(claim, {"vdsr": 0.8, "edsr": 0.0}, {"vdsr": "vdsr_x2", "edsr": "mini"})
    assert (mixed["verdict"], mixed["cells"]["total"]) == ("supported", 1)
