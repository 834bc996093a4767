import pytest
import torch
from torch import nn

from sharploss.metrics import psnr
from sharploss.training.validation import validate


def test_it_is_the_mean_psnr_on_luma_and_leaves_the_network_in_training_mode(packs):
    network = nn.Upsample(scale_factor=2).train()
    pack = packs["validation"]
    value = validate(network, pack, border=2, device=torch.device("cpu"))
    input, target = pack.input(0)[None].float() / 255, pack.target(0)[None].float() / 255
    assert value == pytest.approx(psnr(network(input), target, protocol="y", border=2).item())
    assert network.training
