"""Initial weights as the official codes start them; each line was read there (commits: test_official_outputs)."""

import math

import pytest
import torch
from torch import nn

from sharploss.networks import build_discriminator, build_network
from sharploss.networks.layers import normal_fan_out, scaled_kaiming

# EDSR-PyTorch, NLSN, MPRNet, leftthomas's ESPCN and BasicSR's discriminator leave torch's defaults; the SRGAN paper and
# SharpGAN's say nothing of it, so those do too.
DEFAULTS = [
    lambda: build_network("edsr", blocks=2, width=32),
    lambda: build_network("nlsn", blocks=2, width=32),
    lambda: build_network("mprnet", width=32, unet=8, orsnet=8, blocks=1),
    lambda: build_network("espcn"),
    lambda: build_network("srresnet", blocks=2, width=32),
    lambda: build_network("stackedg", blocks=2, width=32),
    lambda: build_network("resg", blocks=2, width=32),
    lambda: build_network("nonbn_resg", blocks=2, width=32),
    lambda: build_discriminator("vgg128", size=32, width=16),
    lambda: build_discriminator("srgan", size=32, width=16),
    lambda: build_discriminator("sharpgan", width=16),
]


def convolutions(network):
    return {name: layer for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)}


def fan_in(layer):
    return layer.weight[0].numel()


@pytest.mark.parametrize("build", DEFAULTS)
def test_weights_start_as_torch_starts_them(build):
    torch.manual_seed(0)
    for name, layer in convolutions(build()).items():
        bound = 1 / math.sqrt(fan_in(layer))
        assert layer.weight.abs().max() <= bound, name
        if layer.weight.numel() > 2000:
            assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05), name
        if layer.bias is not None:
            assert 0 < layer.bias.abs().max() <= bound, name


def test_msrresnet_and_the_dense_blocks_of_rrdbnet_start_at_a_tenth_of_kaiming():
    torch.manual_seed(0)
    msrresnet = convolutions(build_network("srresnet", blocks=2, width=32, batch_norm=False))
    rrdbnet = convolutions(build_network("rrdbnet", blocks=1, width=32, growth=16))
    dense = {name: layer for name, layer in rrdbnet.items() if "rdb" in name}
    assert len(dense) == 15
    for name, layer in [*msrresnet.items(), *dense.items()]:
        assert layer.weight.std().item() == pytest.approx(0.1 * math.sqrt(2 / fan_in(layer)), rel=0.1), name
        assert layer.bias.abs().max() == 0, name
    for name in rrdbnet.keys() - dense.keys():
        assert rrdbnet[name].weight.abs().max() <= 1 / math.sqrt(fan_in(rrdbnet[name])), name


def test_dncnn_starts_orthogonal_times_a_fifth():
    torch.manual_seed(0)
    layers = [*build_network("dncnn", depth=4, width=16).model]
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            rows = layer.weight.flatten(1)
            torch.testing.assert_close(rows @ rows.mT, 0.04 * torch.eye(len(rows)), rtol=0, atol=1e-6)
            assert layer.bias.abs().max() == 0
        if isinstance(layer, nn.BatchNorm2d):
            assert 0.1 <= layer.weight.min() < 0.4
            assert 0.7 < layer.weight.max() <= 1
            assert layer.bias.abs().max() == 0


@pytest.mark.parametrize("bias", [True, False])
def test_the_two_rules(bias):
    torch.manual_seed(0)
    layer = nn.Conv2d(40, 30, (3, 5), bias=bias)
    scaled_kaiming(layer, 0.5)
    assert layer.weight.std().item() == pytest.approx(0.5 * math.sqrt(2 / 600), rel=0.05)
    normal_fan_out(layer)
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / 450), rel=0.05)
    assert not bias or layer.bias.abs().max() == 0
