import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sharploss.analysis.stats.effect_sizes import p_value
from sharploss.analysis.stats.intervals import base_losses, corrected, differences, mean_interval, pair

REFERENCES = ["l1", "mprnet_original", "esrgan"]


def frame(rows):
    columns = ["task", "network", "recipe", "loss", "seed", "dataset", "image", "metric", "protocol", "value"]
    return pd.DataFrame(
        [["t", "n", "r", loss, seed, "d", image, "psnr", "y", value] for loss, seed, image, value in rows],
        columns=columns,
    )


def test_equal_differences_have_an_interval_without_width():
    assert mean_interval(np.full((5, 1), 0.25)) == (0.25, 0.25, 0.25)


def test_one_number_has_no_interval():
    mean, low, high = mean_interval(np.array([0.5]))
    assert mean == 0.5
    assert np.isnan([low, high]).all()


def test_many_images_give_the_interval_of_the_t_distribution():
    values = np.random.default_rng(1).normal(0.3, 1.0, 400)
    low, high = stats.t.interval(0.95, 399, values.mean(), stats.sem(values))
    assert mean_interval(values)[1:] == pytest.approx((low, high), abs=0.01)


def test_it_reaches_as_far_as_the_wider_of_scipys_two_intervals():
    values = np.random.default_rng(2).lognormal(0, 1, 12)
    level = 1 - 2 * stats.norm.cdf(-np.sqrt(12 / 11) * stats.t.ppf(0.975, 11))
    theirs = stats.bootstrap((values,), np.mean, confidence_level=level, method="percentile", n_resamples=20000, rng=0)
    drawn, student = theirs.confidence_interval, stats.t.interval(0.95, 11, values.mean(), stats.sem(values))
    assert drawn.high > student[1] + 0.1  # skewed to the right: each end is another's
    assert drawn.low > student[0] + 0.1
    assert mean_interval(values)[1:] == pytest.approx((student[0], drawn.high), abs=0.06)


def test_four_images_can_lie_all_on_one_side_and_still_decide_nothing():
    values = np.array([0.01, 0.02, 0.03, 0.4])
    mean, low, high = mean_interval(values)
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 3, mean, stats.sem(values)))
    assert low < 0 < high
    assert p_value(values) > 0.05


def covered(samples):
    """Share of samples, (samples, images, seeds), whose interval holds zero, the true mean."""
    found = [mean_interval(sample) for sample in samples]
    return np.mean([low <= 0 <= high for _, low, high in found])


@pytest.mark.parametrize("images", [2, 3, 4, 5, 10])
def test_small_samples_are_covered(images):
    # A bootstrap over 2, 3, 4, 5 and 10 images holds the mean in 0.50, 0.75, 0.87, 0.92 and 0.94 of all samples.
    assert covered(np.random.default_rng(3).normal(0, 1, (800, images, 1))) >= 0.93


@pytest.mark.parametrize(("images", "seeds"), [(1, 3), (4, 3), (20, 3), (100, 3), (100, 5)])
def test_several_seeds_are_covered(images, seeds):
    # Seeds differ as images do; a bootstrap over both holds the mean in 0.75 of samples of 100 x 3, in 0.68 of 1 x 3.
    draw = np.random.default_rng(6).normal
    of_images = draw(0, images > 1, (1000, images, 1))  # one "image" is a whole set, as FID's: there is no other
    made = of_images + draw(0, 1, (1000, 1, seeds)) + draw(0, 1, (1000, images, seeds))
    assert 0.93 <= covered(made) < 1  # above 0.95: neither images nor seeds are all that varies, t is for the rarer


def test_skewed_samples_are_covered_less_which_the_documentation_says():
    skewed = np.random.default_rng(8).lognormal(0, 1, (800, 4, 1)) - np.exp(0.5)
    assert 0.76 < covered(skewed) < 0.88


def test_seeds_decide_where_they_differ_more_than_images():
    images = np.random.default_rng(7).normal(0, 0.02, (100, 1))
    table = images - images.mean() + np.array([[0.4, 0.1, 0.01]])
    _, low, high = mean_interval(table)
    assert low < 0 < high
    assert p_value(table) == pytest.approx(stats.ttest_1samp([0.4, 0.1, 0.01], 0).pvalue, abs=0.01)
    assert p_value(table[:, :1]) < 1e-50


def test_one_image_and_several_seeds_have_the_t_interval_of_the_seeds():
    values = np.array([[0.4, 0.1, 0.2]])
    assert mean_interval(values)[1:] == pytest.approx(stats.t.interval(0.95, 2, values.mean(), stats.sem(values[0])))


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_an_interval_that_excludes_zero_never_stands_beside_a_large_p(images, seeds, seed):
    values = np.random.default_rng(seed).exponential(1, (images, seeds)) - 0.3
    _, low, high = mean_interval(values)
    assert not (low > 0 or high < 0) or p_value(values) < 0.05


def test_seeds_that_disagree_widen_the_interval():
    images = np.random.default_rng(4).normal(0, 0.1, (10, 1))
    agreeing, disagreeing = images + np.zeros((1, 3)), images + np.array([[-1.0, 0.0, 1.0]])
    width = [high - low for _, low, high in (mean_interval(agreeing), mean_interval(disagreeing))]
    assert width[1] > 4 * width[0]


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=12))
@settings(max_examples=30, deadline=None)
def test_the_interval_holds_the_mean_and_moves_with_the_data(values):
    mean, low, high = mean_interval(np.array(values))
    assert low <= mean + 1e-9
    assert mean <= high + 1e-9
    assert mean_interval(np.array(values) + 2.0)[1:] == pytest.approx((low + 2, high + 2), abs=1e-6)


def test_the_same_data_give_the_same_interval():
    values = np.random.default_rng(5).normal(0, 1, (4, 2))
    assert mean_interval(values) == mean_interval(values.copy())


def test_differences_are_paired_by_image_and_seed():
    l1 = [("l1", 0, "a", 20.0), ("l1", 0, "b", 40.0), ("l1", 1, "a", 21.0), ("l1", 1, "b", 41.0)]
    scores = frame([*l1, *(("gv", seed, image, value + 0.5) for _, seed, image, value in l1)])
    (row,) = differences(scores, REFERENCES).to_dict(orient="records")
    assert (row["loss"], row["images"], row["seeds"], row["baseline"]) == ("gv", 2, 2, 30.5)
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((0.5, 0.5, 0.5))


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
    assert row["p"] == pytest.approx(stats.ttest_1samp(list(change.values()), 0).pvalue)


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
