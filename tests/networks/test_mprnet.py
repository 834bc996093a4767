import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sharploss.networks import MPRNet
from sharploss.networks.mprnet import double, halve

SMALL = {"width": 8, "unet": 4, "orsnet": 4, "blocks": 1}


@pytest.mark.parametrize(
    ("parameters", "count"),
    [({}, 20_127_073), ({"width": 80}, 15_741_025), ({"width": 40, "unet": 20, "orsnet": 16}, 3_637_249)],
)
def test_every_published_variant_has_its_size(parameters, count):
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in MPRNet(**parameters).parameters()) == count


def test_one_prelu_is_shared():
    assert sum(isinstance(module, nn.PReLU) for module in MPRNet(**SMALL).modules()) == 1


@pytest.mark.parametrize("size", [(2, 2), (4, 6), (8, 2)])
def test_resizing_is_bilinear_interpolation(size):
    features = torch.rand(2, 3, *size, dtype=torch.float64)
    for ours, factor in ((halve, 0.5), (double, 2)):
        expected = F.interpolate(features, scale_factor=factor, mode="bilinear", align_corners=False)
        torch.testing.assert_close(ours(features), expected)


def test_training_gives_three_stages_and_evaluation_the_last():
    network, images = MPRNet(**SMALL), torch.rand(1, 3, 16, 16)
    stages = network.train()(images)
    assert [stage.shape for stage in stages] == [images.shape] * 3
    assert torch.equal(network.eval()(images), stages[0])


def test_other_sizes_are_reflected_and_cropped():
    network, images = MPRNet(**SMALL).eval(), torch.rand(1, 3, 13, 22)
    whole = network(F.pad(images, (0, 2, 0, 3), mode="reflect"))
    assert torch.equal(network(images), whole[..., :13, :22])
