import pytest
import torch
import torch.nn.functional as F

from sharploss.networks import ESPCN


@pytest.mark.parametrize(
    ("channels", "scale", "count"),
    [(1, 2, 21_284), (1, 3, 22_729), (1, 4, 24_752), (3, 2, 26_796), (3, 3, 31_131), (3, 4, 37_200)],
)
def test_it_has_the_official_size(channels, scale, count):
    network = ESPCN(scale, channels=channels)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_the_sigmoid_keeps_the_output_between_0_and_1_and_comes_last():
    images = torch.rand(2, 3, 6, 5)
    network = ESPCN(3, width=8)
    torch.nn.init.normal_(network.last.weight, std=3)
    bare = ESPCN(3, width=8, sigmoid=False)
    bare.load_state_dict(network.state_dict())
    assert torch.equal(network(images), bare(images).sigmoid())
    assert bare(images).max() > 1
    assert 0 <= network(images).min() <= network(images).max() <= 1


def test_the_shuffle_fills_blocks_row_by_row_from_the_channels():
    network = ESPCN(2, width=4, channels=1, sigmoid=False)
    torch.nn.init.zeros_(network.last.weight)
    with torch.no_grad():
        network.last.bias.copy_(torch.arange(4.0))
    assert network(torch.rand(1, 1, 1, 2))[0, 0].tolist() == [[0, 1, 0, 1], [2, 3, 2, 3]]


def test_the_layers_are_tanh_tanh_linear():
    network, images = ESPCN(2, width=6, sigmoid=False), torch.rand(1, 3, 5, 5)
    features = torch.tanh(network.second(torch.tanh(network.first(images))))
    assert torch.equal(network(images), F.pixel_shuffle(network.last(features), 2))


def test_the_second_width_is_half_the_first_unless_given():
    assert ESPCN(width=10).second.out_channels == 5
    assert ESPCN(width=10, second_width=7).second.out_channels == 7
    assert ESPCN(width=1, second_width=1).second.out_channels == 1


@pytest.mark.parametrize(
    "parameters",
    [{"scale": 1}, {"scale": 5}, {"width": 0}, {"width": 1}, {"second_width": 0}, {"channels": 2}, {"sigmoid": "no"}],
)
def test_impossible_sizes_are_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        ESPCN(**parameters)
