"""Losses at matched PSNR: curves whose answer is known, and the first run recomputed without this project's code."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sharploss.analysis.stats.effect_sizes import Variance, assumed
from sharploss.analysis.stats.matched import ABOVE, BELOW, WITHIN, beside, matched

ALPHAS = np.array([0.0, 2.0, 4.0, 10.0])
PSNR = np.array([30.0, 30.2, 29.8, 29.0])  # rises, then falls
LPIPS = np.array([0.5, 0.4, 0.3, 0.2])
SPREADS = [(assumed("psnr"), assumed("lpips"))] * 5
ONE = Variance(0.0, np.inf)  # one training, which another would repeat


def images_of(mean, rng=None, n=40):
    """Scores of images whose mean is this one, (1, images, 1 seed)."""
    spread = np.linspace(-1, 1, n) if rng is None else rng.normal(size=n)
    return (mean + 0.1 * spread)[None, :, None]


def placed(psnr, value, metric="lpips", curve=LPIPS):
    true, score = (np.concatenate([images_of(mean) for mean in means]) for means in ([psnr, *PSNR], [value, *curve]))
    names = ("place", "end", "alpha", "reached", "value", "difference", "low", "high", "smallest")
    return dict(zip(names, beside(metric, true, score, ALPHAS, SPREADS), strict=True))


@pytest.mark.parametrize(
    ("psnr", "alpha", "reached"),
    [
        (30.2, 2, 0.4),  # at the top
        (30.0, 3, 0.35),  # the falling branch counts, not the rising one, where alpha 0 has this PSNR too
        (29.4, 7, 0.25),
        (29.0, 10, 0.2),
    ],
)
def test_the_curve_is_interpolated_along_its_falling_branch(psnr, alpha, reached):
    found = placed(psnr, 0.45)
    assert found["place"] == WITHIN
    assert found["alpha"] == pytest.approx(alpha)
    assert found["reached"] == pytest.approx(reached)
    assert found["difference"] == pytest.approx(0.45 - reached)
    assert found["low"] <= found["difference"] <= found["high"]


@pytest.mark.parametrize(("psnr", "place", "end"), [(30.3, ABOVE, 2), (28.9, BELOW, 10)])
def test_beyond_the_curve_there_is_no_number(psnr, place, end):
    found = placed(psnr, 0.45)
    assert (found["place"], found["end"]) == (place, end)
    assert np.isnan([found[name] for name in ("alpha", "reached", "difference", "low", "high")]).all()
    inside = placed(psnr + np.sign(30 - psnr) * 0.08, 0.45)  # within 0.03 dB of the end
    assert inside["place"] == WITHIN
    assert inside["alpha"] == end


def test_more_psnr_and_less_lpips_beats_the_interpolated_alpha():
    """Where the metric gets worse again, the best alpha is one with more PSNR than the loss."""
    found = placed(29.2, 0.45, curve=np.array([0.5, 0.4, 0.3, 0.6]))
    assert (found["alpha"], found["reached"]) == (4, pytest.approx(0.3))


def test_the_ratio_is_best_at_one():
    found = placed(29.0, 0.7, "gradient_variance_ratio", np.array([0.5, 0.8, 0.9, 1.2]))
    assert found["alpha"] == pytest.approx(6)
    assert found["reached"] == pytest.approx(1)
    assert found["difference"] == pytest.approx(-0.3)


def test_the_interval_holds_although_the_point_was_found_from_the_same_images():
    """A loss whose LPIPS follows its PSNR, image by image, as the curve's does: the difference is exactly known."""
    rng, hits, n = np.random.default_rng(0), 0, 300
    for _ in range(n):
        noise = rng.normal(size=(2, 30))  # of the loss's PSNR, shared by its LPIPS, and of its LPIPS alone
        psnr = np.stack([29.4 + 0.2 * noise[0], *np.repeat(PSNR[:, None], 30, 1)])[:, :, None]
        mine = 0.3 + 0.005 * noise[1]
        score = np.stack([mine, *np.repeat(LPIPS[:, None], 30, 1)])[:, :, None]
        low, high = beside("lpips", psnr, score, ALPHAS, [(ONE, ONE)] * 5)[-3:-1]
        hits += low <= 0.05 <= high  # 0.25 is what alpha 7 reaches at 29.4 dB
    assert 0.92 <= hits / n <= 0.99


def test_seeds_widen_the_interval_by_the_spread_of_the_loss_of_the_alphas_and_of_their_psnr():
    """At alpha 3, halfway between two, with 0.25 of LPIPS for a decibel: 1 + 2 / 4 trainings, of both metrics."""
    true, score = (
        np.concatenate([images_of(mean, n=1) for mean in means]) for means in ([30.0, *PSNR], [0.45, *LPIPS])
    )
    spreads = [(Variance(0.04, 1000), Variance(0.0001, 1000))] * 5
    *_, low, high, least = beside("lpips", true, score, ALPHAS, spreads)
    error = np.sqrt(1.5 * (0.0001 + 0.25**2 * 0.04))
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.01)
    assert least == pytest.approx(3 * error)


def test_the_first_run_recomputed_from_the_committed_file(repository, benchmark):
    """L1 + GV on EDSR and B100, in plain pandas: mean difference to the interpolated alpha, and which it is."""
    table = pd.read_csv(repository / "results/benchmark/scores/sr_x4-edsr.csv")
    table = table[table["dataset"] == "b100"].set_index("image")
    table = table.rename(columns=lambda name: name.removeprefix("sr_x4-edsr-").removesuffix("-h100-s0"))
    psnr = table[(table["metric"] == "psnr") & (table["protocol"] == "y")]
    lpips = table[table["metric"] == "lpips"]
    curve = {0: "sploss_a0", 1: "sploss_a1", 2: "sploss", **{a: f"sploss_a{a}" for a in (3, 4, 6, 8, 10)}}
    means, wanted = psnr[list(curve.values())].mean(), psnr["l1_gv"].mean()
    after = next(a for a in curve if a > 2 and means[curve[a]] < wanted)
    before = max(a for a in curve if a < after)
    share = (wanted - means[curve[before]]) / (means[curve[after]] - means[curve[before]])
    reached = (1 - share) * lpips[curve[before]] + share * lpips[curve[after]]
    rows = matched(benchmark).set_index(["network", "loss", "dataset", "metric"])
    found = rows.loc[("edsr", "l1_gv", "b100", "lpips")]
    assert means.idxmax() == "sploss_a1"
    assert found["alpha"] == pytest.approx(before + share * (after - before))
    assert found["difference"] == pytest.approx((lpips["l1_gv"] - reached).mean(), abs=1e-9)
    assert (found["images"], found["seeds"]) == (100, 1)
    assert rows.loc[("edsr", "ssim", "b100", "lpips"), "place"] == BELOW


def test_sploss_and_l1_have_no_row_and_l1_is_alpha_0_where_that_was_not_trained(benchmark):
    assert not matched(benchmark)["loss"].str.fullmatch("l1|sploss.*").any()
    without = benchmark.runs[benchmark.runs["loss"] != "sploss_a0"]
    scores = benchmark.scores[benchmark.scores["loss"] != "sploss_a0"]
    mean = scores[scores["loss"].isin(["l1"]) & (scores["network"] == "edsr")]
    low = replace(benchmark, runs=without, scores=pd.concat([scores, mean.assign(loss="twin", run="twin")]))
    twin = matched(low).query("loss == 'twin' and dataset == 'b100' and metric == 'lpips'").iloc[0]
    assert twin["place"] == WITHIN
    assert twin["difference"] > 0.02  # what alpha 3 saves at L1's PSNR


def test_seeds_are_those_that_the_loss_and_the_curve_share(benchmark):
    edsr = benchmark.scores["network"] == "edsr"
    again = benchmark.scores[edsr & benchmark.scores["loss"].isin(["l1", "sploss", "sploss_a4", "l1_gv"])]
    more = replace(benchmark, scores=pd.concat([benchmark.scores, again.assign(seed=1)]))
    rows = matched(more).query("network == 'edsr' and dataset == 'b100' and metric == 'lpips'").set_index("loss")
    assert rows.loc["l1_gv", "seeds"] == 2  # beside alpha 2 and 4, which have both seeds
    assert rows.loc["l1_tv", "seeds"] == 1  # beside every alpha
