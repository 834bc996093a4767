import json

import pytest

from sharploss.analysis.stats.baselines import forms_of
from sharploss.analysis.stats.weight_sweep import COLUMNS, of_one_form, weight_sweep, weighted


def test_only_terms_beside_one_other_count_as_a_search():
    losses = {"l1": {"l1": 1.0}, "a": {"l1": 1.0, "tv": 0.1}, "b": {"l1": 1.0, "tv": 0.1, "gv": 1.0}}
    assert weighted(losses) == [("a", "l1", "tv", 0.1)]


def test_a_search_is_of_one_form_of_a_term():
    found = [("a", "l2", "tv", 0.1), ("code", "l2", "tv", 1e-8), ("b", "l2", "tv", 1.0), ("c", "l1", "tv", 0.1)]
    forms = {loss: {"tv": "{}"} for loss in "abc"} | {"code": {"tv": '{"reduction": "sum"}'}}
    assert of_one_form(found, forms) == [found[0], found[2], found[3]]


def test_forms_leave_the_weight_out_and_nothing_else(full):
    forms = forms_of(full)
    assert forms["mse_vgg_w0_01"] == forms["mse_vgg_w0_1"]
    assert json.loads(forms["mse_lpips_code"]["lpips"]) == {"normalise": False}
    assert forms["l1_tv"] == {"l1": "{}", "tv": "{}"}


def test_a_search_has_the_scores_of_every_weight_in_order(full):
    study, found = full, weight_sweep(full)
    assert list(found.columns) == COLUMNS
    vgg = found.query("term == 'vgg' and dataset == 'set5' and metric == 'lpips' and network == 'espcn'")
    assert list(vgg["weight"]) == [0.001, 0.01, 0.1]
    assert set(vgg["against"]) == {"l2"}
    scores = study.scores.query("network == 'espcn' and loss == 'mse_vgg_w0_1' and dataset == 'set5'")
    assert vgg["value"].iloc[2] == pytest.approx(scores.query("metric == 'lpips'")["value"].mean())
    assert (vgg["low"] <= vgg["value"]).all()
    assert (vgg["value"] <= vgg["high"]).all()


def test_one_weight_is_no_search(study):
    assert len(weight_sweep(study)) == 0
    assert set(weight_sweep(study, at_least=1)["term"]) == {"gv", "tv", "second_order"}


def test_sploss_is_searched_by_its_alpha_where_a_suite_searches_for_weights_too(full):
    found = weight_sweep(full).query("term == 'sploss' and dataset == 'set5' and metric == 'lpips'")
    assert list(zip(found["network"], found["loss"], found["weight"], found["against"], strict=True)) == [
        ("espcn", "sploss_a1", 1, "l1"),
        ("espcn", "sploss", 2, "l1"),
        ("espcn", "sploss_a4", 4, "l1"),
    ]  # and not EDSR's, which has the alpha sweep alone
