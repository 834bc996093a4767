"""Ten effects and intervals of the first run, computed again from the committed scores with nothing of the project."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sharploss.analysis.claims.evaluate import evaluate_all
from sharploss.analysis.claims.sources import published_source
from sharploss.analysis.claims.spec import load_claims

ROOT = Path(__file__).parents[2]
SCORES = ROOT / "results" / "benchmark" / "scores"
FLOOR = {"psnr": 0.03, "ssim": 0.001, "lpips": 0.003, "gradient_variance_ratio": 0.01, "niqe": 0.1}
EDSR, ESPCN, SHARPEN = (
    ("sr_x4", "edsr", "h100"),
    ("sr_x4", "espcn", "h100_espcn"),
    ("sharpen", "resg", "h100_same_size"),
)
TEN = [
    (EDSR, "sploss", "b100", "psnr"),
    (EDSR, "sploss", "b100", "lpips"),
    (EDSR, "sploss_a10", "set5", "psnr"),
    (EDSR, "sploss_a10", "b100", "niqe"),
    (EDSR, "sploss_a0", "set14", "lpips"),
    (EDSR, "l1_gv", "set14", "gradient_variance_ratio"),
    (EDSR, "ssim", "b100", "ssim"),
    (ESPCN, "l2_gv", "set5", "ssim"),
    (ESPCN, "sploss_a4", "b100", "gradient_variance_ratio"),
    (SHARPEN, "sploss", "b100", "psnr"),
]


def values(trained, loss, dataset, metric):
    """Read a run's scores of a test set, an image each."""
    task, network, recipe = trained
    table = pd.read_csv(SCORES / f"{task}-{network}.csv")
    protocols = (table["protocol"] == "y") | ~table["metric"].isin(["psnr", "ssim"])
    rows = table[(table["dataset"] == dataset) & (table["metric"] == metric) & protocols]
    assert rows["protocol"].nunique() == 1
    return rows.set_index("image")[f"{task}-{network}-{loss}-{recipe}-s0"]


def by_hand(differences, floor, trainings=2):
    """Return mean, low, high of one seed: Satterthwaite's interval; two trainings lie apart as the floor says."""
    mean, n = np.mean(differences), len(differences)
    images, seeds = np.var(differences, ddof=1) / n, trainings * (floor / (3 * math.sqrt(2))) ** 2
    freedom = (images + seeds) ** 2 / (images**2 / (n - 1))
    reach = stats.t.ppf(0.975, freedom) * math.sqrt(images + seeds)
    return mean, mean - reach, mean + reach


@pytest.fixture
def study(benchmark):
    return benchmark


@pytest.mark.parametrize(("trained", "loss", "dataset", "metric"), TEN)
def test_an_effect_is_what_plain_pandas_finds(study, trained, loss, dataset, metric):
    change = values(trained, loss, dataset, metric) - values(trained, "l1", dataset, metric)
    found = study.compared
    names = ["task", "network", "recipe", "loss", "dataset", "metric"]
    for name, value in zip(names, (*trained, loss, dataset, metric), strict=True):
        found = found[found[name] == value]
    found = found[found["protocol"].isin(["y"])] if metric in ("psnr", "ssim") else found
    (row,) = found.to_dict("records")
    assert (row["difference"], row["low"], row["high"]) == pytest.approx(by_hand(change, FLOOR[metric]), abs=1e-9)
    assert (row["images"], row["spread"]) == (len(change), "assumed")


def test_the_effects_of_claims_are_what_plain_pandas_finds(study):
    """E27: two networks on two sets. E7: neighbours in alpha, the mean over three sets, of two networks."""
    claims = load_claims(ROOT).claims
    found = evaluate_all({key: claims[key] for key in ("E7", "E27")}, published_source(ROOT), study)
    nonbn = ("sharpen", "nonbn_resg", "h100_same_size")
    changes = [values(nonbn, "l1", data, "psnr") - values(SHARPEN, "l1", data, "psnr") for data in ("set14", "b100")]
    images = sum(np.var(one, ddof=1) / len(one) / 4 for one in changes)
    doubt = sum((np.var(one, ddof=1) / len(one) / 4) ** 2 / (len(one) - 1) for one in changes)
    total = images + 2 * 0.03**2 / 18  # a training is off by the same on both sets
    reach = stats.t.ppf(0.975, total**2 / doubt) * math.sqrt(total)
    mean, effect = np.mean([one.mean() for one in changes]), found["E27"]["measured"]["effects"]["psnr"]
    assert [effect[name] for name in ("change", "low", "high")] == pytest.approx(
        [mean, mean - reach, mean + reach], abs=1e-8
    )
    ends = [
        np.mean([values(net, loss, data, "psnr").mean() for data in ("set5", "set14", "b100")])
        for net in (EDSR, ESPCN)
        for loss in ("l1", "sploss_a10")
    ]
    steps = found["E7"]["measured"]
    assert steps["cells"]["total"] == 2 * 7
    assert steps["effects"]["psnr"]["change"] == pytest.approx((ends[1] - ends[0] + ends[3] - ends[2]) / 14, abs=1e-8)


def test_the_runs_that_do_not_qualify_are_espcns_with_ssim(study):
    psnr = {}
    for task, network in (("sr_x4", "edsr"), ("sr_x4", "espcn"), ("sharpen", "resg"), ("sharpen", "stackedg")):
        inputs = pd.read_csv(ROOT / "results" / "benchmark" / "input_baselines" / task / "scores.csv")
        both = pd.read_csv(SCORES / f"{task}-{network}.csv").merge(
            inputs, on=["dataset", "image", "metric", "protocol"]
        )
        both = both[(both["metric"] == "psnr") & (both["protocol"] == "y")]
        mean = both.drop(columns=["image", "metric", "protocol"]).groupby("dataset").mean()
        (start,) = [name for name in inputs.columns if name.startswith(task)]
        psnr |= {run: mean[run] - mean[start] for run in mean if run != start}
    bad = {run for run, gain in psnr.items() if (gain < 0).any() or gain.mean() < 0.3}
    assert bad == set(study.qualified.loc[study.qualified["reason"] != "", "run"])
    assert {run.split("-")[2] for run in bad} == {"ssim", "ssim_gv", "ssim_tv", "ssim_second_order"}
