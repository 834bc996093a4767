"""Which runs count, and the spread of seeds that contrasts borrow."""

import numpy as np
import pandas as pd
import pytest

from sharploss.analysis.stats.evidence import qualified, seed_spreads
from sharploss.analysis.stats.smallest import SMALLEST, counts

COLUMNS = ["task", "network", "recipe", "loss", "run", "seed", "dataset", "image", "metric", "protocol", "value"]
INPUT = {"set5": 28.0, "b100": 26.0}


def scores(gains, metric="psnr"):
    """Return scores of runs by what each gains on set5 and b100, two images a set, and of their input."""
    rows = [
        ["t", "n", "r", "l1", run, 0, data, image, metric, "y", INPUT[data] + gain + off]
        for run, mine in gains.items()
        for data, gain in zip(INPUT, mine, strict=True)
        for image, off in (("a", -1.0), ("b", 1.0))
    ]
    rows += [["t", "", "", "bicubic", "in", -1, data, image, metric, "y", value + off]
             for data, value in INPUT.items() for image, off in (("a", -1.0), ("b", 1.0))]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def reasons(gains, **failures):
    runs = pd.DataFrame([[run, failures.get(run, "")] for run in [*gains, *failures]], columns=["run", "failure"])
    found = qualified(runs, scores(gains))
    return dict(zip(found["run"], found["reason"], strict=True))


def test_a_run_counts_that_is_nowhere_below_its_input_and_well_above_on_average():
    found = reasons({"good": (0.6, 0.0), "below": (2.0, -0.07), "weak": (0.3, 0.28), "enough": (0.3, 0.3001)})
    assert found == {
        "good": "",
        "below": "0.07 dB below its input on b100",
        "weak": "only 0.29 dB above its input on average",
        "enough": "",
    }


def test_what_did_not_finish_is_told_with_its_own_reason():
    assert reasons({"a": (1.0, 1.0)}, b="diverged")["b"] == "diverged"


def test_without_an_input_nothing_is_judged():
    runs = pd.DataFrame([["a", ""]], columns=["run", "failure"])
    table = scores({"a": (-3.0, -3.0)})
    assert list(qualified(runs, table[table["run"] == "a"])["reason"]) == [""]


def test_niqe_counts_on_large_sets_alone():
    assert [name for name in ("set5", "set14", "b100", "urban100") if counts("niqe", name)] == ["b100", "urban100"]
    assert all(counts(metric, "set5") for metric in SMALLEST if metric != "niqe")


def trainings(seeds_of, seed=0):
    """Return scores of losses with so many seeds each, three images, at random."""
    draw = np.random.default_rng(seed).normal
    rows = [
        ["t", "n", "r", loss, f"{loss}{one}", one, "set5", image, "psnr", "y", 30 + draw()]
        for loss, seeds in seeds_of.items()
        for one in range(seeds)
        for image in "abc"
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def cell(loss):
    return ("t", "n", "r", loss, "set5", "psnr", "y")


def test_seeds_are_pooled_over_a_base_loss_and_what_has_it_as_baseline():
    table = trainings({"l1": 3, "gv": 2, "tv": 1, "l2": 4, "l2_gv": 1})
    found = seed_spreads(table, {"gv": "l1", "tv": "l1", "l2": "l1", "l2_gv": "l2"})
    mean = table.groupby(["loss", "seed"])["value"].mean()
    var = {loss: np.var(mean[loss], ddof=1) for loss in ("l1", "gv", "l2")}
    pool = (2 * var["l1"] + var["gv"] + 3 * var["l2"]) / 6
    for loss in ("l1", "gv", "tv", "l2"):
        assert found[cell(loss)] == pytest.approx((pool, 6))
    assert found[cell("l2_gv")] == pytest.approx((var["l2"], 3))


def test_where_no_second_seed_exists_there_is_nothing_to_borrow():
    assert seed_spreads(trainings({"l1": 1, "gv": 1}), {"gv": "l1"}) == {}


def test_networks_and_test_sets_do_not_lend_to_each_other():
    here = trainings({"l1": 3})
    found = seed_spreads(pd.concat([here, here.assign(network="m", value=here["value"] * 2)]), {})
    assert found[("t", "m", "r", "l1", "set5", "psnr", "y")].value == pytest.approx(4 * found[cell("l1")].value)
