import pandas as pd
import pytest

from sharploss.analysis import measures
from sharploss.analysis.load import load_study


def test_headings_tell_protocol_unit_and_direction():
    assert measures.heading(("psnr", "y")) == "PSNR Y (dB) ↑"
    assert measures.heading(("lpips", "alex_v0.1")).endswith("↓")
    assert measures.heading(("gradient_variance_ratio", "grey")).endswith("→1")


def test_columns_are_plain_names():
    assert measures.column(("lpips", "alex_v0.1")) == "lpips_alex_v0_1"


def test_numbers_are_rounded_as_the_metric_is_and_have_a_true_minus():
    assert measures.number("psnr", -0.126, sign=True) == "\N{MINUS SIGN}0.13"
    assert measures.number("ssim", 0.76543, sign=True) == "+0.7654"


@pytest.mark.parametrize(("metric", "best"), [("psnr", 2), ("niqe", 0), ("gradient_variance_ratio", 1)])
def test_the_best_value_is_the_least_bad(metric, best):
    values = pd.Series([0.5, 1.1, 1.8])
    assert measures.badness(metric, values).idxmin() == best
    assert all(measures.is_better(metric, values[best], other) for index, other in values.items() if index != best)


def test_an_unknown_metric_is_shown_under_its_own_name():
    assert measures.heading(("wavelet", "y")) == "wavelet Y ↑"


def test_metrics_that_were_not_measured_keep_their_place(sparse_root, study):
    assert load_study("mini", sparse_root).measures == study.measures
