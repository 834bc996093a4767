import pickle
import re

import pytest
import torch
import torch.nn.functional as F
from backbone import loaded, random_vgg

from sharploss.losses import TERMS, VGGLoss, build_loss
from sharploss.losses.vgg import PRESETS
from sharploss.losses.vgg_features import DEVIATION, MEAN, OXFORD_SCALE, VGGFeatures, divisors
from sharploss.utils.registry import construct


def pair(side=32):
    return torch.rand(2, 2, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def test_it_is_the_weighted_sum_of_mean_differences():
    output, target = pair()
    network = VGGFeatures(random_vgg(), ("conv2_2", "pool2"))
    first, second = network(output), network(target)
    squares = {layer: (first[layer] - second[layer]).square().mean() for layer in first}
    loss = loaded(VGGLoss({"conv2_2": 0.5, "pool2": 2}, criterion="l2"))
    torch.testing.assert_close(loss(output, target), 0.5 * squares["conv2_2"] + 2 * squares["pool2"])
    loss = loaded(VGGLoss({"pool2": 1}, criterion="l1"))
    torch.testing.assert_close(loss(output, target), (first["pool2"] - second["pool2"]).abs().mean())


def test_a_layer_of_weight_0_is_not_computed():
    assert loaded(VGGLoss({"conv1_2": 1, "pool5": 0})).network.layers == ("conv1_2",)


def test_the_targets_features_are_read_once_for_all_stages(monkeypatch):
    output, target = pair()
    loss = build_loss({"l1": 1})
    loss.losses["vgg"], loss.weights["vgg"] = loaded(VGGLoss({"pool1": 1})), 1.0
    read = []
    forward = VGGFeatures.forward
    monkeypatch.setattr(VGGFeatures, "forward", lambda self, images: read.append(images) or forward(self, images))
    loss.terms((output, output / 2, output / 3), target)
    assert len(read) == 4
    assert torch.equal(read[0], target)


def test_the_target_gets_no_gradient():
    output, target = (image.requires_grad_() for image in pair())
    loaded(VGGLoss({"pool1": 1}))(output, target).backward()
    assert output.grad is not None
    assert target.grad is None


def test_the_mdf_preset_is_the_mean_of_the_released_codes_four_blocks():
    # loss_modules/VGGPerceptualLoss.py without its resizing, its blocks run one after the other.
    output, target = pair()
    weights = random_vgg("vgg16")
    mean, deviation = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(DEVIATION).view(1, 3, 1, 1)
    x, y, total = (output - mean) / deviation, (target - mean) / deviation, 0
    for block, (first, last) in enumerate([(0, 4), (4, 9), (9, 16), (16, 23)]):
        for index in range(first, last):
            if f"features.{index}.weight" in weights:
                weight, bias = weights[f"features.{index}.weight"], weights[f"features.{index}.bias"]
                x, y = (F.conv2d(maps, weight, bias, padding=1) for maps in (x, y))
            elif block and index == first:
                x, y = F.max_pool2d(x, 2), F.max_pool2d(y, 2)
            else:
                x, y = F.relu(x), F.relu(y)
        total = total + F.mse_loss(x, y)
    found = loaded(VGGLoss(**PRESETS["mdf"]))(output, target)
    torch.testing.assert_close(found, total / 4, rtol=1e-5, atol=0)


def test_presets_are_the_layers_and_distances_of_their_papers():
    assert PRESETS["esrgan"] == {"layers": {"conv5_4": 1.0}, "criterion": "l1"}
    assert PRESETS["srgan_22"] == {"layers": {"conv2_2": 1.0}, "criterion": "l2"}
    assert PRESETS["srgan_54"] == {"layers": {"conv5_4": 1.0}, "criterion": "l2"}
    assert PRESETS["sharpgan"] == {"layers": {"pool2": 1.0, "pool5": 1.0}, "criterion": "l2", "ceil_mode": True}


def test_vgg16_comes_from_its_own_file():
    assert VGGLoss().assets == ("vgg19_torchvision", "vgg19")
    assert VGGLoss(**PRESETS["mdf"]).assets == ("vgg16_torchvision",)


@pytest.mark.parametrize(("name", "parameters"), PRESETS.items())
def test_presets_are_parameters_of_the_term(name, parameters):
    loss = loaded(construct("loss term", "vgg", TERMS, parameters))
    side = 24 if name == "sharpgan" else 32
    output, target = pair(side)
    assert loss(output, target) > 0


def test_rescaling():
    layers = {"conv1_1": 1.0, "pool5": 1.0}
    assert divisors("auto", "vgg19", layers) == {"conv1_1": OXFORD_SCALE["conv1_1"], "pool5": OXFORD_SCALE["pool5"]}
    assert divisors("auto", "vgg19_torchvision", layers) == {}
    assert divisors("none", "vgg19", layers) == {}
    assert divisors(12.75, "vgg19_torchvision", layers) == {"conv1_1": 12.75, "pool5": 12.75}


def test_a_scale_of_the_features_scales_the_loss():
    output, target = pair()
    plain, scaled = (loaded(VGGLoss({"pool1": 1}, criterion="l2", rescale=r))(output, target) for r in ("none", 12.75))
    torch.testing.assert_close(scaled, plain / 12.75**2)


def test_torchvisions_file_is_preferred_and_recorded(monkeypatch, tmp_path):
    whole = random_vgg() | {"classifier.0.bias": torch.zeros(3)}
    torch.save(whole, tmp_path / "vgg19.pth")
    monkeypatch.setattr("sharploss.assets.fetch.present", lambda _: None)
    monkeypatch.setattr("sharploss.assets.weights.locate", lambda _: [tmp_path / "vgg19.pth"])
    loss = build_loss({"l1": 1, "vgg": {"layers": {"conv1_2": 1}}})
    assert loss.backbones == {"vgg": "torchvision vgg19-dcbb9e9d"}
    output, target = pair()
    expected = loaded(VGGLoss({"conv1_2": 1}))(output, target)
    torch.testing.assert_close(loss.terms(output, target)["vgg"], expected)


def test_a_file_that_would_execute_code_is_refused(monkeypatch, tmp_path):
    torch.save({"features.0.weight": re.compile}, tmp_path / "vgg19.pth")
    monkeypatch.setattr("sharploss.assets.fetch.present", lambda _: None)
    monkeypatch.setattr("sharploss.assets.weights.locate", lambda _: [tmp_path / "vgg19.pth"])
    with pytest.raises(pickle.UnpicklingError, match=r"[Ww]eights.only"):
        VGGLoss().load()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"layers": {"conv5_5": 1}}, "There is no layer of VGG19 'conv5_5': did you mean 'conv5_4'?"),
        ({"network": "vgg11"}, "network must be one of 'vgg19', 'vgg16', not 'vgg11'"),
        ({"network": "vgg16"}, "There is no layer of VGG16 'conv5_4': did you mean 'conv5_3'?"),
        ({"layers": "conv5_4"}, "layers must be a mapping such as {conv5_4: 1}, not 'conv5_4'"),
        ({"layers": {}}, "layers must be a mapping"),
        ({"layers": {"pool1": -1}}, "the weight of layer pool1 must be a finite number of at least 0, not -1"),
        ({"layers": {"pool1": 0}}, "layers must give one of pool1 a weight above 0"),
        ({"criterion": "huber"}, "criterion must be one of 'l1', 'l2'"),
        ({"ceil_mode": 1}, "ceil_mode must be true or false"),
        ({"rescale": "oxford"}, "rescale must be 'auto', 'none' or a number, not 'oxford'"),
        ({"rescale": True}, "rescale must be a finite number"),
        ({"rescale": 0}, "rescale must be a finite number of at least 1e-06"),
    ],
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        VGGLoss(**parameters)
