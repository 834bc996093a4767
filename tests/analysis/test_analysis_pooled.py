import numpy as np
import pytest

from sharploss.analysis.contrasts import Cell, Contrast
from sharploss.analysis.pooled import pooled
from sharploss.analysis.statistics import mean_interval

CELL = Cell("mini", "sr_x4", "edsr", "set5", "psnr", "y", "a against b")
RNG = np.random.default_rng(3)


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
