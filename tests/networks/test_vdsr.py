import math

import pytest
import torch
import torch.nn.functional as F

from sharploss.networks import VDSR


@pytest.mark.parametrize(
    ("channels", "bias", "count"), [(1, False, 664_704), (1, True, 665_921), (3, False, 667_008), (3, True, 668_227)]
)
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_it_has_the_official_size_at_every_scale(scale, channels, bias, count):
    with torch.device("meta"):
        network = VDSR(scale, channels=channels, bias=bias)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_with_weights_of_0_it_is_the_bicubic_interpolation(scale):
    network, images = VDSR(scale, width=4, depth=3), torch.rand(2, 3, 5, 7)
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    bicubic = F.interpolate(images, size=(5 * scale, 7 * scale), mode="bicubic", align_corners=False)
    assert torch.equal(network(images), bicubic)


def test_at_scale_1_with_weights_of_0_it_is_the_identity():
    network, images = VDSR(1, width=4, depth=2), torch.rand(1, 3, 5, 7)
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    assert torch.equal(network(images), images)


def test_the_input_is_left_as_it_was():
    network, images = VDSR(1, width=4, depth=3), torch.rand(1, 3, 5, 7)
    before = images.clone()
    network(images)
    assert torch.equal(images, before)


def test_depth_counts_the_convolutions():
    layers = VDSR(2, width=4, depth=7).layers
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in layers) == 7
    assert sum(isinstance(layer, torch.nn.ReLU) for layer in layers) == 6


def test_initial_weights_have_the_official_spread():
    torch.manual_seed(0)
    network = VDSR(2, width=64, depth=3, bias=True)
    hidden, last = network.layers[2], network.layers[4]
    assert hidden.weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 64)), rel=0.02)
    assert last.weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 3)), rel=0.1)
    assert hidden.bias.abs().max() == 0


@pytest.mark.parametrize(
    "parameters", [{"scale": 5}, {"scale": 2.5}, {"width": 0}, {"depth": 1}, {"channels": 4}, {"bias": 1}]
)
def test_impossible_sizes_are_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        VDSR(**parameters)
