import torch
import torch.nn.functional as F
from torch import nn

from sharploss.networks import SRResNet


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_both_variants_have_the_published_sizes():
    with torch.device("meta"):
        assert count(SRResNet()) == 1_549_462
        assert count(SRResNet(batch_norm=False)) == 1_517_571


def test_the_papers_has_batch_norm_and_prelu_of_one_parameter():
    kinds = {type(module) for module in SRResNet(blocks=1, width=4).modules()}
    assert {nn.BatchNorm2d, nn.PReLU} <= kinds
    kinds = {type(module) for module in SRResNet(blocks=1, width=4, batch_norm=False).modules()}
    assert not {nn.BatchNorm2d, nn.PReLU} & kinds


def test_without_batch_norm_it_corrects_the_bilinear_interpolation():
    network, images = SRResNet(3, blocks=1, width=4, batch_norm=False), torch.rand(1, 3, 4, 5)
    nn.init.zeros_(network.tail[-1].weight)
    assert torch.equal(network(images), F.interpolate(images, scale_factor=3, mode="bilinear"))
