import json
import re

import pytest
import torch

from sharploss.assets.fetch import AssetMissingError
from sharploss.config.loss_spec import ADVERSARIAL, parse_loss
from sharploss.losses import TERMS, GradientVarianceLoss, L1Loss, build_loss, min_patch, required_assets, resolve_loss
from sharploss.utils.errors import UserError

# Adversarial terms are for images of one size: test_adversarial.py.
PLAIN = [name for name, term in TERMS.items() if not hasattr(term, "assets") and name not in ADVERSARIAL]


def test_builds_weights_and_parameters(wave_pair):
    loss = build_loss({"l1": 1, "gv": {"weight": 0.01, "patch": 5}})
    assert loss.weights == {"l1": 1.0, "gv": 0.01}
    expected = L1Loss()(*wave_pair) + 0.01 * GradientVarianceLoss(5)(*wave_pair)
    torch.testing.assert_close(loss(*wave_pair), expected)


def test_the_weight_is_1_unless_given():
    assert build_loss({"sploss": {"alpha": 4}}).weights == {"sploss": 1.0}


def test_the_spec_spells_out_the_defaults():
    assert build_loss({"l1": 1, "sploss": {"alpha": 3, "weight": 0.5}}).spec.model_dump() == {
        "l1": {"weight": 1.0},
        "sploss": {
            "weight": 0.5,
            "alpha": 3,
            "kernel": "4-neighbour",
            "data_range": 1.0,
            "channels": "rgb",
            "border": "replicate",
        },
    }


@pytest.mark.parametrize("name", PLAIN)
def test_the_spec_builds_the_same_loss_again(name, wide_pair):
    loss = build_loss({name: 0.25})
    again = build_loss(loss.spec)
    assert again.spec == loss.spec
    assert torch.equal(again(*wide_pair), loss(*wide_pair))


def test_the_given_spec_stays_as_it_is():
    spec = {"gv": {"weight": 0.01, "patch": 8}}
    build_loss(spec)
    assert spec == {"gv": {"weight": 0.01, "patch": 8}}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "A loss is a mapping of terms to weights"),
        (None, "A loss is a mapping of terms to weights"),
        (["l1"], "A loss is a mapping of terms to weights"),
        ({"charbonier": 1}, "There is no loss term 'charbonier': did you mean 'charbonnier'?"),
        ({1: 1}, "There is no loss term '1'"),
        ({"sploss": {"alfa": 2}}, "loss term 'sploss': There is no parameter 'alfa': did you mean 'alpha'?"),
        ({"l1": {"reduction": "sum"}}, "loss term 'l1': There is no parameter 'reduction'"),
        ({"sploss": {"alpha": -1}}, "loss term 'sploss': alpha must be a finite number of at least 0, not -1."),
        ({"gv": {"patch": 0}}, "loss term 'gv': patch must be an integer of at least 2, not 0."),
        ({"l1": -1}, "l1.weight is -1; the minimum is 0."),
        ({"l1": "one"}, "l1.weight is 'one'; input should be a "),
        ({"l1": "1e-8"}, "(text: in YAML write 1e-08)"),
        ({"l1": True}, "l1.weight is True; input should be a "),
        ({"l1": None}, "l1.weight is None; input should be a "),
        ({"l1": float("nan")}, "l1.weight is nan; input should be a "),
        ({"l1": float("inf")}, "l1.weight is inf; input should be a "),
        ({"gv": {"weight": [1]}}, "gv.weight is [1]; input should be a "),
        ({"l1": 0, "l2": 0.0}, "All terms of the loss have weight 0 (l1, l2): give one a weight above 0."),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(spec, message):
    for build in (build_loss, resolve_loss, required_assets, min_patch):
        with pytest.raises(UserError, match=re.escape(message)):
            build(spec)


@pytest.mark.parametrize("name", TERMS)
def test_a_spec_is_checked_and_spelt_out_without_loading_weights(name, monkeypatch):
    def refuse(*_):
        raise AssertionError("weights were looked for")

    monkeypatch.setattr("sharploss.assets.weights.locate", refuse)
    spec = resolve_loss({name: 0.25})
    assert spec.weights == {name: 0.25}
    assert resolve_loss(spec) == spec
    plain = spec.model_dump(mode="json")
    assert parse_loss(json.loads(json.dumps(plain))) == spec
    assert plain[name] == {"weight": 0.25, **spec.terms[name].parameters}


def test_the_spec_is_a_copy():
    spec = resolve_loss({"vgg": 1})
    spec.terms["vgg"].parameters["layers"]["conv1_1"] = 5
    assert resolve_loss({"vgg": 1}).terms["vgg"].parameters["layers"] == {"conv5_4": 1.0}


def test_required_assets_are_named_that_a_term_can_do_with():
    assert required_assets({"l1": 1, "vgg": 0.1}) == (("vgg19_torchvision", "vgg19"),)
    assert required_assets({"l1": 1, "gv": 1}) == ()


def test_weights_that_cannot_be_had_are_named_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path))
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    told = (
        r"weights/vgg19-dcbb9e9d\.pth of asset 'vgg19_torchvision' is missing \(looked in .*SHARPLOSS_OFFLINE\)\): "
        r"download https://\S+/vgg19-dcbb9e9d\.pth and save it as \S+/weights/vgg19-dcbb9e9d\.pth, or set "
        r"SHARPLOSS_MIRROR .* In its place weights/vgg19_features_fp16\.safetensors \('vgg19'\) will do\."
    )
    with pytest.raises(AssetMissingError, match=told):
        build_loss({"l1": 1, "vgg": 1})


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            {"vgg": {"layers": {"pool55": 1}}},
            "loss term 'vgg': There is no layer of VGG19 'pool55': did you mean 'pool5'?",
        ),
        ({"vgg": {"criterion": "l3"}}, "loss term 'vgg': criterion must be one of 'l1', 'l2', not 'l3'."),
        ({"ssim": {"window": "vald"}}, "window must be one of 'valid', 'same', not 'vald': did you mean 'valid'?"),
        ({"mdf": {"layers": ["heads"]}}, "did you mean 'head'?"),
    ],
)
def test_messages_name_the_nearest_and_end_as_one_sentence(spec, told):
    with pytest.raises(UserError) as error:
        build_loss(spec)
    assert str(error.value).endswith(told)


def test_the_smallest_patch_is_that_of_the_most_demanding_term():
    assert min_patch({"l1": 1}) == 1
    assert min_patch({"l1": 1, "gv": {"patch": 9}}) == 9
    assert min_patch({"ssim": 1, "gv": {"patch": 9}}) == 11
    assert min_patch({"vgg": {"layers": {"pool5": 1, "pool2": 1}}}) == 32
