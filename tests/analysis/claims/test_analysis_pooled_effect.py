import numpy as np
import pytest

from sharploss.analysis.claims import pooled_effect
from sharploss.analysis.claims.contrasts import Cell, Contrast, Scored
from sharploss.analysis.stats.intervals import mean_interval

CELL = Cell("mini", "sr_x4", "edsr", "set5", "psnr", "y", "a against b")
RNG = np.random.default_rng(3)


def pooled(found, *, exact):
    """Pool contrasts, each of all images, or of those that are not NaN."""
    known = [(one, table, ~np.isnan(table).any(axis=1)) for one, table in found]
    return pooled_effect.pooled([(one, Scored(table[at], at, 0, 0, 1)) for one, table, at in known], exact=exact)


def contrast(**place):
    return Contrast(CELL._replace(**place), "a against b", ((1.0, CELL), (-1.0, CELL)), sense=1)


def test_one_cell_has_about_the_interval_of_its_mean():
    table = RNG.normal(0.2, 0.5, (60, 1))
    found = pooled([(contrast(), table)], exact=False)["psnr"]
    mean, low, high = mean_interval(table)
    assert found["change"] == pytest.approx(mean)
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=0.02)


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


def test_three_seeds_are_covered():
    draw = np.random.default_rng(6).normal
    seeds = draw(0, 1, (600, 1, 3))  # of one training: the same for every test set
    assert held([[draw(0, 0.3, (20, 1)) + one, draw(0, 0.3, (9, 1)) + one] for one in seeds]) >= 0.93


def test_four_images_of_one_sign_have_an_interval_that_spans_zero():
    found = pooled([(contrast(), np.array([[0.01], [0.02], [0.03], [0.4]]))], exact=False)["psnr"]
    assert found["low"] < 0 < found["high"]


def test_one_image_in_a_set_leaves_the_pooled_effect_without_interval_unless_there_are_seeds():
    def both(seeds):
        tables = RNG.normal(0, 1, (9, seeds)), RNG.normal(0, 1, (1, seeds))
        return pooled([(contrast(), tables[0]), (contrast(dataset="one"), tables[1])], exact=False)["psnr"]

    assert both(1)["low"] is None
    assert both(3)["low"] < both(3)["high"]


def test_seeds_that_disagree_widen_the_interval():
    table = RNG.normal(0, 0.05, (30, 3))
    calm = pooled([(contrast(), table)], exact=False)["psnr"]
    torn = pooled([(contrast(), table + np.array([[-1.0, 0.0, 1.0]]))], exact=False)["psnr"]
    assert torn["high"] - torn["low"] > 5 * (calm["high"] - calm["low"])


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
    mean, low, high = mean_interval(np.delete(table, [3, 9, 11], axis=0))
    assert found["change"] == pytest.approx(mean)
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=0.06)
