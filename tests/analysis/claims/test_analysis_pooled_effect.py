import numpy as np
import pytest
from scipy import stats

from sharploss.analysis.claims import pooled_effect
from sharploss.analysis.claims.contrasts import CellKey, Contrast, Scored, Source
from sharploss.analysis.stats.effect_sizes import Variance

CELL = CellKey("mini", "sr_x4", "edsr", "set5", "psnr", "y", "a against b")
RNG = np.random.default_rng(3)


NONE = Variance(0.0, 1e6)
"""What trainings differ by where a test is of images alone."""


def pooled(found, *, exact, seeds=NONE):
    """Pool contrasts, each of all images, or of those that are not NaN; `seeds`: the spread of one training."""
    known = [(one, table, ~np.isnan(table).any(axis=1)) for one, table in found]
    parts = [(one, Scored(table[at], at, 0, 0, 1)) for one, table, at in known]
    spreads = {cell: seeds for one, _ in parts for _, cell in one.terms}
    return pooled_effect.pooled(parts, Source([], {}, spreads=spreads), exact=exact)


def student(values):
    return stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))


def contrast(**place):
    cell = CELL._replace(**place)
    return Contrast(cell, "a against b", ((1.0, cell._replace(loss="a")), (-1.0, cell._replace(loss="b"))), sense=1)


def test_one_cell_has_the_interval_of_its_mean():
    table = RNG.normal(0.2, 0.5, (60, 1))
    found = pooled([(contrast(), table)], exact=False)["psnr"]
    assert found["change"] == pytest.approx(table.mean())
    assert (found["low"], found["high"]) == pytest.approx(student(table[:, 0]))


def test_networks_share_their_images_so_their_errors_do_not_cancel():
    table = RNG.normal(0, 1, (50, 1))
    alone = pooled([(contrast(), table)], exact=False)["psnr"]
    twice = pooled([(contrast(), table), (contrast(network="vdsr"), table)], exact=False)["psnr"]
    apart = pooled([(contrast(), table), (contrast(dataset="set14"), table)], exact=False)["psnr"]
    assert twice["high"] - twice["low"] == pytest.approx(alone["high"] - alone["low"])
    assert apart["high"] - apart["low"] < 0.85 * (alone["high"] - alone["low"])


def test_tasks_share_the_images_of_a_test_set_too():
    table = RNG.normal(0, 1, (50, 1))
    alone = pooled([(contrast(), table)], exact=False)["psnr"]
    scales = pooled([(contrast(task=f"sr_x{scale}"), table) for scale in (2, 3, 4)], exact=False)["psnr"]
    assert (scales["low"], scales["high"]) == pytest.approx((alone["low"], alone["high"]))


def held(tables):
    """Share of samples, each a list of contrasts' values, whose pooled interval holds zero, the true mean."""
    found = [
        pooled([(contrast(dataset=str(place)), one) for place, one in enumerate(sample)], exact=False)["psnr"]
        for sample in tables
    ]
    return np.mean([one["low"] <= 0 <= one["high"] for one in found])


def test_few_images_are_covered():
    draw = np.random.default_rng(5).normal
    assert held([[draw(0, 1, (4, 1))] for _ in range(600)]) >= 0.93  # percentiles alone: 0.82
    assert held([[draw(0, 1, (4, 1)), draw(0, 1, (5, 1))] for _ in range(600)]) >= 0.93


def test_what_a_training_adds_it_adds_on_every_test_set():
    """Where trainings differ the mean over two sets of many images is no surer than one set."""
    one, two = ([(contrast(dataset=str(place)), RNG.normal(0, 1e-3, (50, 1))) for place in range(n)] for n in (1, 2))
    width = [np.ptp([found["low"], found["high"]]) for found in
             (pooled(part, exact=False, seeds=Variance(0.04, 6))["psnr"] for part in (one, two))]  # fmt: skip
    assert width[1] == pytest.approx(width[0], rel=0.01)
    assert width[0] == pytest.approx(2 * stats.t.ppf(0.975, 6) * 0.2 * np.sqrt(2), rel=0.01)


def test_a_baseline_that_all_contrasts_share_is_added_up_before_it_is_squared():
    table, spread = np.zeros((9, 1)) + RNG.normal(0, 1e-4, (9, 1)), Variance(0.04, 1e6)
    base = CELL._replace(loss="base")
    several = [Contrast(CELL, "", ((1.0, CELL._replace(loss=f"x{at}")), (-1.0, base)), sense=1) for at in range(4)]
    found = pooled([(one, table) for one in several], exact=False, seeds=spread)["psnr"]
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * 0.2 * np.sqrt(1 / 4 + 1), rel=0.01)


def test_three_seeds_are_covered():
    draw, trials = np.random.default_rng(6).normal, []
    for _ in range(600):
        seeds = draw(0, 1, (1, 3))  # of one training: the same for every test set
        sample = [draw(0, 0.3, (20, 1)) + seeds, draw(0, 0.3, (9, 1)) + seeds]
        parts = [(contrast(dataset=str(place)), one) for place, one in enumerate(sample)]
        found = pooled(parts, exact=False, seeds=Variance(float(seeds.var(ddof=1)) / 2, 2))["psnr"]
        trials.append(found["low"] <= 0 <= found["high"])
    assert 0.93 <= np.mean(trials) <= 0.975


def test_four_images_of_one_sign_have_an_interval_that_spans_zero():
    found = pooled([(contrast(), np.array([[0.01], [0.02], [0.03], [0.4]]))], exact=False)["psnr"]
    assert found["low"] < 0 < found["high"]


def test_one_image_in_a_set_leaves_the_pooled_effect_without_interval_unless_seeds_were_seen():
    tables = [(contrast(), RNG.normal(0, 1, (9, 1))), (contrast(dataset="one"), RNG.normal(0, 1, (1, 1)))]
    assert pooled(tables, exact=False)["psnr"]["low"] is None
    found = pooled(tables, exact=False, seeds=Variance(0.1, 4))["psnr"]
    assert found["low"] < found["high"]


def test_the_sign_is_the_metrics_and_not_the_claims():
    found = pooled([(contrast()._replace(sense=-1), np.full((4, 1), 0.3))], exact=False)["psnr"]
    assert found["change"] == pytest.approx(-0.3)
    assert (found["smallest"], found["largest"], found["contrasts"]) == (-0.3, -0.3, 1)


def test_printed_numbers_and_single_scores_have_no_interval():
    many, one = RNG.normal(0, 1, (5, 1)), np.array([[0.5]])
    assert pooled([(contrast(), many)], exact=True)["psnr"]["low"] is None
    assert pooled([(contrast(), one)], exact=False)["psnr"]["low"] is None


def test_metrics_are_kept_apart():
    found = pooled([(contrast(), np.ones((3, 1))), (contrast(metric="ssim"), np.zeros((3, 1)))], exact=False)
    assert {name: one["change"] for name, one in found.items()} == {"psnr": 1.0, "ssim": 0.0}


def without(table, *images):
    table = table.copy()
    table[list(images)] = np.nan
    return table


def test_contrasts_of_other_images_are_added_up_image_by_image():
    """What both have of an image stands together, though each lacks another one."""
    table = RNG.normal(0, 1, (30, 1))
    whole = pooled([(contrast(), table), (contrast(network="vdsr"), -table)], exact=False)["psnr"]
    assert (whole["low"], whole["high"]) == pytest.approx((0, 0), abs=1e-9)  # each image against itself
    parts = [(contrast(), without(table, 0)), (contrast(network="vdsr"), without(-table, 29))]
    found = pooled(parts, exact=False)["psnr"]
    alone = pooled(parts[:1], exact=False)["psnr"]
    assert found["high"] - found["low"] < 0.4 * (alone["high"] - alone["low"])
    assert found["change"] == pytest.approx((np.delete(table, 0).mean() - np.delete(table, 29).mean()) / 2)


def test_an_effect_without_some_images_has_the_interval_of_the_others():
    table = RNG.normal(0.3, 1, (40, 1))
    found = pooled([(contrast(), without(table, 3, 9, 11))], exact=False)["psnr"]
    left = np.delete(table, [3, 9, 11])
    assert found["change"] == pytest.approx(left.mean())
    assert (found["low"], found["high"]) == pytest.approx(student(left), abs=0.06)
