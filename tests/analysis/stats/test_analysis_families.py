import pytest

from sharploss.analysis.stats.families import COLUMNS, LossFamily, families, weight_sweep
from sharploss.config.loss_spec import parse_loss


def test_losses_that_differ_in_one_weight_or_alpha_are_a_family():
    losses = {
        "l1": {"l1": 1},
        "strong": {"l1": 1, "gv": 1},
        "weak": {"l1": 1, "gv": {"weight": 0.1}},
        "patch": {"l1": 1, "gv": {"weight": 0.1, "patch": 4}},
        "sp": {"sploss": {"alpha": 2}},
        "sp4": {"sploss": {"alpha": 4, "weight": 1}},
        "mdf": {"mdf": {"weights": "a"}},
        "mdf_b": {"mdf": {"weights": "b"}},
    }
    found = families({name: parse_loss(spec) for name, spec in losses.items()})
    assert [family.name for family in found] == ["l1", "l1 + gv", "patch", "sploss", "mdf", "mdf_b"]
    assert found[1] == LossFamily("l1 + gv", "gv", "weight", {"weak": 0.1, "strong": 1.0})
    assert found[3] == LossFamily("sploss", "sploss", "alpha", {"sp": 2.0, "sp4": 4.0})
    assert found[0].parameter == found[2].parameter == ""


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


def test_sploss_is_searched_by_its_alpha_where_a_suite_searches_for_weights_too(full):
    found = weight_sweep(full).query("term == 'sploss' and dataset == 'set5' and metric == 'lpips'")
    assert "code" not in "".join(set(weight_sweep(full)["loss"]))  # another form of LPIPS is no weight of this one
    assert list(zip(found["network"], found["loss"], found["weight"], found["against"], strict=True)) == [
        ("espcn", "sploss_a1", 1, "l1"),
        ("espcn", "sploss", 2, "l1"),
        ("espcn", "sploss_a4", 4, "l1"),
    ]  # and not EDSR's, which has the alpha sweep alone
