import pytest
import torch
import torch.nn.functional as F

from sharploss.networks import RRDBNet
from sharploss.networks.rrdbnet import enlarge


def test_the_default_is_the_papers_size():
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in RRDBNet().parameters()) == 16_697_987


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_enlarge_is_nearest_neighbour(factor):
    features = torch.rand(2, 3, 4, 5)
    assert torch.equal(enlarge(features, factor), F.interpolate(features, scale_factor=factor, mode="nearest"))


def test_dense_blocks_start_small_and_without_bias():
    torch.manual_seed(0)
    layer = RRDBNet(blocks=1).body[0].rdb1.conv1
    torch.testing.assert_close(layer.weight.std().item(), 0.1 * (2 / (64 * 9)) ** 0.5, rtol=0.02, atol=0)
    assert layer.bias.abs().sum() == 0


@pytest.mark.parametrize("scale", [1, 2])
def test_sizes_that_cannot_be_folded_are_padded(scale):
    network = RRDBNet(scale, blocks=1, width=4, growth=2)
    images = torch.rand(1, 3, 8, 8)
    whole = network(F.pad(images[..., :6, :7], (0, 1, 0, {1: 2, 2: 0}[scale]), mode="replicate"))
    assert torch.equal(network(images[..., :6, :7]), whole[..., : 6 * scale, : 7 * scale])
