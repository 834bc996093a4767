"""The rules of evidence of docs/study.md, as verdicts follow them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from invented_cells import BASE, CELL, HIGHER, RNG, parsed, source

from sharploss.analysis.claims.contrasts import Source, contrasts
from sharploss.analysis.claims.evaluate import examine, verdict
from sharploss.analysis.stats.effect_sizes import Variance


def spread_of(value, freedom=4):
    """What seeds show of each loss."""
    return {CELL._replace(loss=loss): Variance(value, freedom) for loss in ("l1", "gv")}


def test_seeds_that_disagree_leave_a_claim_open():
    change = np.array([[0.5, 0.1]]) + RNG.normal(0, 0.01, (40, 2))
    place = source(l1=BASE + np.zeros((1, 2)), gv=BASE + change)
    assert verdict([HIGHER], place, {}, exact=False)["cells"]["for"] == 1
    torn = replace(place, spreads=spread_of(0.08))
    assert verdict([HIGHER], torn, {}, exact=False)["cells"]["open"] == 1


@pytest.mark.parametrize(
    ("seeds", "spread", "scope"), [(1, None, "preliminary, one seed"), (1, 0.01, "one seed in part"), (2, 0.01, "")]
)
def test_a_verdict_says_how_its_seeds_are_known(seeds, spread, scope):
    place = source(l1=BASE + np.zeros((1, seeds)), gv=BASE + 5 + np.zeros((1, seeds)))
    place = replace(place, spreads={} if spread is None else spread_of(spread))
    found = verdict([HIGHER], place, {}, exact=False)
    assert (found["verdict"], found["scope"], found["seeds"]) == ("supported", scope, seeds)


def test_seeds_raise_the_smallest_effect():
    """Two trainings lie 0.1 dB apart, so that 0.2 dB is nothing, however many images agree."""
    place = replace(source(l1=BASE, gv=BASE + 0.2), spreads=spread_of(0.01, 1000))
    (one,) = (examine([one], place, exact=False) for one in contrasts(HIGHER, place))
    assert one.least == pytest.approx(3 * 0.1 * math.sqrt(2))
    assert one.outcome == "open"


def budgets(gains, **more):
    """The verdict on gains at other steps: recipe -> (steps, gain)."""
    values = {}
    for block, (_, gain) in gains.items():
        cell = CELL._replace(block=block)
        values |= {cell._replace(loss="l1"): BASE, cell._replace(loss="gv"): BASE + gain}
    steps = {block: steps for block, (steps, _) in gains.items()}
    return verdict([HIGHER], Source(list(values), values, steps=steps, **more), {}, exact=False)


def test_a_verdict_is_of_most_steps_and_holds_beyond_where_four_times_as_many_moved_nothing():
    seed = "preliminary, one seed; "
    found = budgets({"s1k": (1000, -0.5), "s5k": (5000, 0.2), "s20k": (20000, 0.5)})
    assert (found["verdict"], found["cells"]["total"]) == ("supported", 1)
    assert found["scope"] == seed + "at 20,000 steps"
    assert found["by"]["block"].keys() == {"s20k"}
    calm = {"s5k": (5000, 0.51), "s20k": (20000, 0.5)}
    assert budgets(calm)["scope"] == seed + "at 20,000 steps and beyond"
    assert budgets({"s10k": (10000, 0.5), "s20k": (20000, 0.5)})["scope"] == seed + "at 20,000 steps"
    assert budgets(calm, short=frozenset({("s20k", *CELL[1:3])}))["scope"] == seed + "at 20,000 steps"


def test_runs_that_do_not_qualify_are_in_no_cell_and_are_counted():
    other = CELL._replace(network="vdsr")
    values = {cell._replace(loss=loss): BASE + at for cell in (CELL, other) for at, loss in enumerate(("l1", "gv"))}
    place = Source(list(values), values, unqualified=frozenset({(*other[:3], "gv")}))
    found = verdict([HIGHER], place, {}, exact=False)
    assert (found["cells"]["total"], found["unqualified"], found["verdict"]) == (1, 1, "supported")
    assert found["why"] == "The 1 cell agrees. 1 more cell is not counted: a run does not qualify."
    place = replace(place, unqualified=frozenset({(*one[:3], "l1") for one in (CELL, other)}))
    found = verdict([HIGHER], place, {}, exact=False)
    assert (found["verdict"], found["cells"]["total"]) == ("undecided", 0)
    assert found["why"] == "None of its 2 cells are counted: a run of each does not qualify."


def test_what_is_planned_and_has_no_results_is_not_trained_yet():
    cells = [CELL._replace(loss=loss) for loss in ("l1", "gv")]
    found = verdict([HIGHER], Source([], {}, absent=cells), {}, exact=False)
    assert (found["verdict"], found["seeds"]) == ("not trained yet", None)
    half = Source(cells[:1], {cells[0]: BASE}, absent=cells[1:])
    assert verdict([HIGHER], half, {}, exact=False)["verdict"] == "not trained yet"


def test_niqe_counts_on_large_sets_alone():
    values = {
        CELL._replace(metric="niqe", dataset=data, loss=loss): BASE
        for data in ("set5", "b100")
        for loss in ("l1", "gv")
    }
    test = parsed(kind="direction", metrics=["niqe"], sense="lower", pairs=[["gv", "l1"]])
    assert [one.cell.dataset for one in contrasts(test, Source(list(values), values))] == ["b100"]


def sets(first, second):
    """Gains on a set of 40 images and on one of 10."""
    values = {}
    for data, images, gain in (("set5", BASE, first), ("b100", BASE[:10], second)):
        values |= {
            CELL._replace(dataset=data, loss="l1"): images,
            CELL._replace(dataset=data, loss="gv"): images + gain,
        }
    return Source(list(values), values)


def test_where_the_paper_prints_means_over_sets_they_are_one_cell():
    apart, test = sets(0.5, -0.1), HIGHER.model_copy(update={"mean_over_sets": True})
    assert verdict([HIGHER], apart, {}, exact=False)["cells"]["total"] == 2
    found = verdict([test], apart, {}, exact=False)
    assert (found["cells"]["total"], found["verdict"]) == (1, "supported")
    (one,) = [examine(contrasts(test, apart), apart, exact=False)]
    assert one.mean == pytest.approx(0.2)
    assert one.contrast.cell.dataset == "mean of 2 sets"


def test_steps_are_between_neighbours_of_what_was_planned():
    losses = ["l1", "sploss_a1", "sploss", "sploss_a4"]
    test = parsed(kind="monotone", metrics=["psnr"], sense="lower", losses=losses)
    place = source(l1=BASE, sploss=BASE - 1, sploss_a4=BASE - 2)
    assert [one.label for one in contrasts(test, place)] == ["sploss against l1", "sploss_a4 against sploss"]
    assert verdict([test], place, {}, exact=False)["verdict"] == "supported"
    assert contrasts(test, source(l1=BASE, sploss=BASE - 1)) == []
