import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sharploss.analysis.stats import intervals
from sharploss.analysis.stats.effect_sizes import (
    Variance,
    assumed,
    combined,
    ends,
    of_images,
    of_mean,
    of_seeds,
    p_value,
    smallest,
)
from sharploss.analysis.stats.evidence import seed_spreads
from sharploss.analysis.stats.intervals import base_losses, corrected, pair

REFERENCES = ["l1", "mprnet_original", "esrgan"]


def differences(scores, baselines):
    return intervals.differences(scores, baselines, seed_spreads(scores, {}))


def frame(rows):
    columns = ["task", "network", "recipe", "loss", "seed", "dataset", "image", "metric", "protocol", "value"]
    return pd.DataFrame(
        [["t", "n", "r", loss, seed, "d", image, "psnr", "y", value] for loss, seed, image, value in rows],
        columns=columns,
    )


NO_SEEDS = Variance(0.0, math.inf)


def interval(table, seeds=NO_SEEDS):
    """Return the interval of a mean over (images, trainings) of one seed, beside a variance of seeds."""
    images = np.asarray(table).mean(axis=1)
    return ends(float(images.mean()), of_mean([of_images(images)], seeds))


def pooled(scores):
    """Pool the variance over seeds of (losses, images, seeds): of each loss's means about their mean."""
    means = scores.mean(axis=1)
    losses, seeds = means.shape
    return Variance(float(means.var(axis=1, ddof=1).mean()), losses * (seeds - 1))


def test_satterthwaites_degrees_of_freedom_are_those_of_welchs_test():
    draw = np.random.default_rng(1).normal
    one, other = draw(0, 1, 12), draw(1, 3, 7)
    variance = combined([of_images(one), of_images(other)])
    theirs = stats.ttest_ind(one, other, equal_var=False)
    assert variance.freedom == pytest.approx(theirs.df)
    assert p_value(one.mean() - other.mean(), variance) == pytest.approx(theirs.pvalue)
    low, high = theirs.confidence_interval(0.95)
    assert ends(one.mean() - other.mean(), variance) == pytest.approx((low, high))


def test_without_seeds_it_is_the_interval_of_the_t_distribution():
    values = np.random.default_rng(1).normal(0.3, 1.0, 40)
    theirs = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert interval(values[:, None]) == pytest.approx(theirs)


def test_known_variance_gives_the_normal_interval():
    assert ends(1.0, Variance(4.0, math.inf)) == pytest.approx(stats.norm.interval(0.95, 1, 2))


def test_equal_differences_have_an_interval_without_width():
    assert interval(np.full((5, 1), 0.25)) == (0.25, 0.25)


def test_one_number_has_no_interval_unless_seeds_were_seen():
    assert np.isnan(interval([[0.5]], assumed("psnr"))).all()
    assert interval([[0.4]], Variance(0.02, 4)) == pytest.approx(stats.t.interval(0.95, 4, 0.4, math.sqrt(0.02)))


def test_four_images_can_lie_all_on_one_side_and_still_decide_nothing():
    low, high = interval([[0.01], [0.02], [0.03], [0.4]])
    assert low < 0 < high


def covered(draw, images, seeds, losses=2, shared=0.0, spread=1.0, samples=1000):
    """Return the share of samples in which the interval of a loss minus the baseline, one of several, holds zero."""
    held = 0
    for _ in range(samples):
        trained = spread * (
            draw(0, math.sqrt(1 - shared), (losses, 1, seeds)) + draw(0, math.sqrt(shared), (1, 1, seeds))
        )
        scores = trained + draw(0, 1, (losses, images, 1)) + 0.3 * draw(0, 1, (losses, images, seeds))
        part = pooled(scores)
        change = scores[1] - scores[0]
        low, high = interval(change, of_seeds(part._replace(value=part.value / seeds) for _ in range(2)))
        held += low <= 0 <= high
    return held / samples


@pytest.mark.parametrize(
    ("images", "seeds", "losses", "spread"),
    [
        (4, 3, 2, 1.0),
        (4, 3, 6, 1.0),
        (5, 3, 6, 0.2),
        (14, 3, 6, 0.3),
        (100, 3, 6, 0.1),
        (100, 3, 2, 1.0),
        (4, 5, 4, 0.5),
    ],
)
def test_images_and_seeds_are_covered(images, seeds, losses, spread):
    """Images and seeds both vary: from four images and three seeds on it holds the true mean as often as it says."""
    share = covered(np.random.default_rng(images + losses).normal, images, seeds, losses, spread=spread)
    assert 0.93 <= share <= 0.975


def test_what_equal_seeds_share_makes_it_wider_than_needed_never_narrower():
    assert covered(np.random.default_rng(2).normal, 50, 3, 6, shared=0.5, spread=0.3) > 0.955


@pytest.mark.parametrize("images", [3, 4, 5, 10])
def test_one_seed_with_a_borrowed_variance_is_covered(images):
    """Only one seed of the loss; ten degrees of freedom come from others."""
    draw, held = np.random.default_rng(3).normal, 0
    for _ in range(1000):
        part = Variance(float(np.random.default_rng(int(abs(draw()) * 1e9)).chisquare(10)) / 10 * 0.09, 10)
        change = draw(0, 1, (images, 1)) + draw(0, 0.3 * math.sqrt(2))
        low, high = interval(change, of_seeds([part, part]))
        held += low <= 0 <= high
    assert 0.93 <= held / 1000 <= 0.975


def test_skewed_samples_are_covered_less_which_the_documentation_says():
    skewed = np.random.default_rng(8).lognormal(0, 1, (800, 4, 1)) - np.exp(0.5)
    assert 0.74 < np.mean([low <= 0 <= high for low, high in map(interval, skewed)]) < 0.86


def test_seeds_decide_where_they_differ_more_than_images():
    images = np.random.default_rng(7).normal(0, 0.02, (100, 1))
    table = images - images.mean() + np.array([[0.4, 0.1, 0.01]])
    low, high = interval(table, of_seeds([Variance(float(table.mean(axis=0).var(ddof=1)) / 3, 2)]))
    assert low < 0 < high
    low, high = interval(table[:, :1])
    assert low > 0


@given(st.integers(2, 6), st.floats(0, 2), st.integers(1, 20), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_an_interval_that_excludes_zero_never_stands_beside_a_large_p(images, spread, freedom, seed):
    values = np.random.default_rng(seed).exponential(1, images) - 0.3
    variance = of_mean([of_images(values)], Variance(spread, freedom))
    low, high = ends(float(values.mean()), variance)
    assert (low > 0 or high < 0) == (p_value(float(values.mean()), variance) < 0.05)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=12), st.floats(0, 3))
@settings(max_examples=30, deadline=None)
def test_the_interval_holds_the_mean_and_moves_with_the_data(values, spread):
    table, mean = np.array(values)[:, None], np.mean(values)
    low, high = interval(table, Variance(spread, math.inf))
    assert low <= mean + 1e-9
    assert mean <= high + 1e-9
    assert interval(table + 2.0, Variance(spread, math.inf)) == pytest.approx((low + 2, high + 2), abs=1e-6)


@given(st.floats(1e-6, 3), st.floats(1e-6, 3), st.integers(1, 30), st.integers(1, 30))
def test_degrees_of_freedom_lie_between_the_rarer_and_the_sum(one, other, n, m):
    found = combined([Variance(one, n), Variance(other, m)])
    assert found.value == pytest.approx(one + other)
    assert min(n, m) - 1e-9 <= found.freedom <= n + m + 1e-9


def test_the_smallest_effect_is_three_deviations_of_a_difference():
    assert smallest("psnr", assumed("psnr")) == 0.03
    one = assumed("psnr").value
    assert 3 * math.sqrt(2 * one) == pytest.approx(0.03)
    assert smallest("psnr", of_seeds([Variance(0.04 / 3, 4)] * 2)) == pytest.approx(3 * 0.2 * math.sqrt(2 / 3))
    assert smallest("psnr", of_seeds([Variance(1e-8, 4)] * 2)) == 0.03
    assert smallest("fid", assumed("fid")) == 0.0


def test_differences_are_paired_by_image_and_seed():
    l1 = [("l1", 0, "a", 20.0), ("l1", 0, "b", 40.0), ("l1", 1, "a", 21.0), ("l1", 1, "b", 41.0)]
    scores = frame([*l1, *(("gv", seed, image, value + 0.5) for _, seed, image, value in l1)])
    (row,) = differences(scores, REFERENCES).to_dict(orient="records")
    assert (row["loss"], row["images"], row["seeds"], row["baseline"]) == ("gv", 2, 2, 30.5)
    assert row["difference"] == pytest.approx(0.5)
    assert row["spread"] == "own"


def test_only_images_and_seeds_that_both_have_are_compared():
    scores = frame(
        [("l1", 0, "a", 20.0), ("l1", 0, "b", 30.0), ("l1", 1, "a", 1.0), ("gv", 0, "a", 21.0), ("gv", 0, "b", 33.0)]
    )
    (row,) = differences(scores, REFERENCES).to_dict(orient="records")
    assert (row["images"], row["seeds"], row["difference"], row["baseline"]) == (2, 1, 2.0, 25.0)


def test_without_a_baseline_there_is_no_difference():
    assert differences(frame([("gv", 0, "a", 21.0)]), REFERENCES).empty
    assert pair(frame([("l1", 0, "a", 21.0)]), REFERENCES).empty


def recipes(rows):
    return pd.concat([frame(part).assign(recipe=recipe) for recipe, part in rows.items()], ignore_index=True)


def test_the_baseline_is_that_of_the_same_recipe():
    long = [("l1", 0, "a", 30.0), ("gan", 0, "a", 29.0)]
    scores = recipes({"short": [("l1", 0, "a", 20.0), ("gv", 0, "a", 21.0)], "long": long})
    table = differences(scores, REFERENCES).set_index(["recipe", "loss"])
    assert table.loc[("short", "gv"), "difference"] == 1.0
    assert table.loc[("long", "gan"), "difference"] == -1.0
    assert len(table) == 2


def test_a_network_without_l1_is_compared_with_its_own_original_loss():
    scores = frame([("mprnet_sploss", 0, "a", 30.5), ("mprnet_original", 0, "a", 30.0)])
    (row,) = differences(scores, REFERENCES).to_dict(orient="records")
    assert (row["loss"], row["against"], row["difference"]) == ("mprnet_sploss", "mprnet_original", 0.5)
    assert set(base_losses(scores, REFERENCES)["against"]) == {"mprnet_original"}
    both = pd.concat([scores, frame([("l1", 0, "a", 29.0)])])
    assert set(differences(both, REFERENCES)["against"]) == {"l1"}


def test_effects_come_with_the_differences():
    base = [("l1", 0, name, 20.0 + place) for place, name in enumerate("abcd")]
    change = dict(zip("abcd", (0.1, 0.2, 0.3, -0.2), strict=True))
    scores = frame([*base, *(("gv", 0, name, value + change[name]) for _, _, name, value in base)])
    (row,) = differences(scores, REFERENCES).to_dict(orient="records")
    assert row["improvement"] == 0.75
    assert row["effect"] == pytest.approx(np.mean(list(change.values())) / np.std(list(change.values()), ddof=1))
    assert row["spread"] == "assumed"
    error = math.sqrt(np.var(list(change.values()), ddof=1) / 4 + 2 * 0.03**2 / 18)
    freedom = error**4 / ((np.var(list(change.values()), ddof=1) / 4) ** 2 / 3)
    assert row["p"] == pytest.approx(2 * stats.t.sf(row["difference"] / error, freedom))
    assert (row["low"], row["high"]) == pytest.approx(stats.t.interval(0.95, freedom, row["difference"], error))


def row_of(p, dataset="d", measure=("psnr", "y")):
    return {"task": "t", "dataset": dataset, "metric": measure[0], "protocol": measure[1], "p": p}


def test_each_table_is_corrected_by_itself():
    rows = [row_of(0.01), row_of(0.04), row_of(0.04, "e")]
    assert corrected(pd.DataFrame(rows))["p_holm"].tolist() == pytest.approx([0.02, 0.04, 0.04])


def test_what_no_table_shows_is_not_tested_with_it():
    rows = [row_of(0.01), row_of(0.001, measure=("psnr", "rgb")), row_of(0.04, measure=("lpips", "alex_v0.1"))]
    adjusted = corrected(pd.DataFrame(rows))
    assert adjusted["p_holm"].tolist() == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    assert adjusted["p"].tolist() == [0.01, 0.001, 0.04]
