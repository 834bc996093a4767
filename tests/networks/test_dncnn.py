import pytest
import torch
from torch import nn

from sharploss.networks import DnCNN


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ({"depth": 17, "channels": 1}, 557_057),
        ({"depth": 20, "channels": 1}, 668_225),
        ({}, 670_531),
        ({"batch_norm": False}, 668_227),
    ],
)
def test_every_published_variant_has_its_size(parameters, count):
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in DnCNN(**parameters).parameters()) == count


def test_it_takes_away_what_its_layers_find():
    network, images = DnCNN(width=4, depth=3).eval(), torch.rand(1, 3, 4, 5)
    nn.init.zeros_(network.model[-1].weight)
    nn.init.constant_(network.model[-1].bias, 0.25)
    torch.testing.assert_close(network(images), images - 0.25)
