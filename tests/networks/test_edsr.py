import pytest
import torch

from sharploss.networks import EDSR

MEAN = torch.tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1)


def small(**parameters):
    return EDSR(**{"blocks": 2, "width": 6, "res_scale": 1.0, **parameters})


def parameters_of(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("scale", "count"), [(2, 40_729_603), (3, 43_680_003), (4, 43_089_923)])
def test_the_defaults_are_the_papers_size(scale, count):
    with torch.device("meta"):
        assert parameters_of(EDSR(scale)) == count


@pytest.mark.parametrize(("scale", "count"), [(2, 1_369_859), (3, 1_554_499), (4, 1_517_571)])
def test_the_baseline_has_the_official_size(scale, count):
    with torch.device("meta"):
        assert parameters_of(EDSR(scale, blocks=16, width=64, res_scale=1)) == count


def test_the_mean_is_no_parameter_and_is_not_stored():
    network = small()
    torch.testing.assert_close(network.mean, MEAN)
    assert "mean" not in network.state_dict()


def test_without_a_last_layer_it_gives_the_mean_colour():
    network = small(scale=3)
    torch.nn.init.zeros_(network.tail[-1].weight)
    torch.nn.init.zeros_(network.tail[-1].bias)
    torch.testing.assert_close(network(torch.rand(2, 3, 4, 5)), MEAN.expand(2, 3, 12, 15))


def test_the_range_matters_to_biases_alone():
    wide, unit = small(rgb_range=255).double(), small(rgb_range=1).double()
    for name, parameter in wide.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.zeros_(parameter)
    unit.load_state_dict(wide.state_dict())
    images = torch.rand(1, 3, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(wide(images), unit(images))


def test_res_scale_0_takes_the_blocks_out():
    network, images = small(res_scale=0), torch.rand(1, 3, 5, 6)
    before = network(images)
    for block in network.body[:-1]:
        torch.nn.init.zeros_(block.layers[0].weight)
    assert torch.equal(network(images), before)


def test_a_block_adds_its_scaled_residual():
    block, features = small(width=4, res_scale=0.1).body[0], torch.randn(1, 4, 5, 5)
    first, _, second = block.layers
    torch.testing.assert_close(block(features), features + 0.1 * second(first(features).relu()))


@pytest.mark.parametrize(
    "parameters",
    [{"scale": 5}, {"blocks": 0}, {"width": 0}, {"width": 8.0}, {"res_scale": -1}, {"channels": 2}, {"rgb_range": 128}],
)
def test_impossible_sizes_are_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        EDSR(**parameters)
