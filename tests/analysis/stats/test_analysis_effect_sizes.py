import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sharploss.analysis.stats.effect_sizes import Variance, cohens_d, holm, improvement, of_images, p_value


def test_the_share_of_better_scores_follows_the_metrics_direction():
    values, baseline = np.array([[30.0], [31.0], [32.0], [33.0]]), np.array([[29.0], [31.0], [33.0], [30.0]])
    assert improvement("psnr", values, baseline) == (2 + 0.5) / 4
    assert improvement("lpips", values, baseline) == (1 + 0.5) / 4


def test_a_ratio_is_better_the_closer_it_is_to_one():
    assert improvement("gradient_variance_ratio", np.array([[1.1], [0.7]]), np.array([[0.8], [0.9]])) == 0.5
    assert improvement("gradient_variance_ratio", np.array([[1.3]]), np.array([[0.8]])) == 0.0


@given(st.lists(st.floats(-3, 3), min_size=3, max_size=20).filter(lambda values: np.std(values) > 1e-3))
@settings(max_examples=30, deadline=None)
def test_p_is_that_of_scipys_t_test(values):
    assert p_value(np.mean(values), of_images(np.array(values))) == pytest.approx(
        stats.ttest_1samp(values, 0).pvalue, rel=1e-6, abs=1e-12
    )


def test_effect_size_is_the_mean_in_standard_deviations():
    assert cohens_d(np.array([1.0, 2.0, 3.0])) == pytest.approx(2.0)
    assert cohens_d(np.array([-1.0, -2.0, -3.0])) == pytest.approx(-2.0)


def test_differences_without_spread_are_certain_or_nothing():
    assert cohens_d(np.full(3, -0.1)) == -math.inf
    assert p_value(-0.1, of_images(np.full(3, -0.1))) == 0.0
    assert cohens_d(np.zeros(3)) == 0.0
    assert p_value(0.0, of_images(np.zeros(3))) == 1.0
    assert math.isnan(p_value(1.0, Variance(math.nan, 0)))
    assert math.isnan(cohens_d(np.ones(1)))


def test_holms_example():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=15))
def test_holm_never_lowers_a_p_value_and_lies_below_bonferroni(values):
    p = np.array(values)
    adjusted = holm(p)
    assert (adjusted >= p - 1e-12).all()
    assert (adjusted <= np.minimum(1, p * len(p)) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= -1e-12).all()


def test_what_was_not_tested_does_not_count():
    adjusted = holm(np.array([0.02, math.nan, 0.5]))
    assert adjusted[0] == pytest.approx(0.04)
    assert math.isnan(adjusted[1])
    assert math.isnan(holm(np.array([math.nan]))[0])
