import itertools
import re

import pytest
import torch
from torch import nn

from sharploss.networks import DISCRIMINATORS, build_discriminator
from sharploss.networks.discriminators import min_batch
from sharploss.utils.errors import UserError

SMALL = {"vgg128": {"size": 32, "width": 2}, "srgan": {"size": 32, "width": 2, "hidden": 4}, "sharpgan": {"width": 2}}


def test_every_discriminator_is_here():
    assert SMALL.keys() == DISCRIMINATORS.keys()


def test_the_default_is_that_of_esrgan():
    with torch.device("meta"):
        assert sum(p.numel() for p in build_discriminator("vgg128").parameters()) == 14_499_401


def test_the_discriminator_of_srgan_has_the_layers_of_its_figure():
    """Eight convolutions with bias, seven normalisations, 512 x 6 x 6 to 1024 to 1."""
    widths = [3, 64, 64, 128, 128, 256, 256, 512, 512]
    convolutions = sum(9 * before * after + after for before, after in itertools.pairwise(widths))
    count = convolutions + 2 * sum(widths[2:]) + (512 * 36 + 1) * 1024 + 1025
    with torch.device("meta"):
        assert sum(p.numel() for p in build_discriminator("srgan").parameters()) == count


@pytest.mark.parametrize("name", SMALL)
def test_it_gives_one_logit_an_image_and_learns(name):
    network = build_discriminator(name, **SMALL[name])
    logits = network(torch.rand(4, 3, network.size, network.size))
    assert logits.shape == (4, 1)
    logits.square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_every_second_layer_of_srgan_halves_the_size():
    network = build_discriminator("srgan", **SMALL["srgan"])
    assert [layer.stride for layer in network.layers if isinstance(layer, nn.Conv2d)] == [(1, 1), (2, 2)] * 4


def test_a_layer_of_sharpgan_is_convolution_activation_normalisation():
    network = build_discriminator("sharpgan", **SMALL["sharpgan"])
    assert [type(layer) for layer in network.layers] == [nn.Conv2d, nn.LeakyReLU, nn.BatchNorm2d] * 8


def test_what_the_paper_of_sharpgan_leaves_open_can_be_chosen():
    network = build_discriminator("sharpgan", width=2, kernel=5, strides=[2, 1, 1, 1, 1, 1, 1, 2])
    assert network.layers[0].kernel_size == (5, 5)
    assert network(torch.rand(2, 3, 24, 24)).shape == (2, 1)


@pytest.mark.parametrize("name", SMALL)
def test_another_size_is_told(name):
    network = build_discriminator(name, **SMALL[name])
    with pytest.raises(ValueError, match=re.escape(f"patches of {network.size}x{network.size} pixels, not 20x16")):
        network(torch.rand(1, 3, 16, 20))


def test_other_channels_are_told_of_a_discriminator():
    network = build_discriminator("sharpgan", width=2, channels=1)
    with pytest.raises(ValueError, match=re.escape("the discriminator was built for images (N, 1, h, w), not (2, 3, ")):
        network(torch.rand(2, 3, 24, 24))


@pytest.mark.parametrize(
    ("name", "size", "least"), [("srgan", 16, 2), ("srgan", 32, 1), ("sharpgan", 8, 2), ("sharpgan", 24, 1)]
)
def test_the_smallest_batch_is_what_torch_can_normalise(name, size, least):
    parameters = {"size": size, "width": 2}
    with torch.device("meta"):
        assert min_batch(build_discriminator(name, **parameters)) == least
    network = build_discriminator(name, **parameters)
    network(torch.rand(least, 3, size, size))
    if least > 1:
        with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
            network(torch.rand(1, 3, size, size))


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("vgg128", {"size": 96}, "size must be one of 32, 64, 128, 256, not 96"),
        ("srgan", {"size": 40}, "size must be a multiple of 16, not 40"),
        ("sharpgan", {"size": 4}, "size must be an integer of at least 8, not 4"),
        ("vgg128", {"size": 64.0}, "size must be an integer of at least 1, not 64.0"),
        ("vgg128", {"channels": 0}, "channels must be one of 1, 3, not 0"),
        ("srgan", {"channels": "3"}, "channels must be one of 1, 3, not '3'"),
        ("srgan", {"hidden": 0}, "hidden must be an integer of at least 1, not 0"),
        ("sharpgan", {"kernel": 4}, "kernel must be an odd integer of at least 1, not 4"),
        ("sharpgan", {"strides": [1, 2]}, "strides must be a list of eight, each 1 or 2, not [1, 2]"),
        ("sharpgan", {"strides": [3] * 8}, "strides must be one of 1, 2, not 3"),
        ("sharpgan", {"strides": [2] * 8}, "size must be an integer of at least 256, not 24"),
        ("vgg", {}, "did you mean 'vgg128'"),
    ],
)
def test_what_cannot_be_is_refused(name, parameters, message):
    with pytest.raises(UserError, match=re.escape(message)):
        build_discriminator(name, **parameters)


def test_vgg128_agrees_with_the_official_code():
    """BasicSR's VGGStyleDiscriminator(3, 2), in evaluation, weights by tests_rule, gave 0.026244012."""
    from tests_rule import picture, weights

    network = build_discriminator("vgg128", size=128, width=2).double().eval()
    names = official_names(network)
    network.load_state_dict({key: weights(names[key], value.shape) for key, value in network.state_dict().items()})
    output = network(picture(128, 128)).item()
    assert output == pytest.approx(0.026244012, abs=1e-8)


def official_names(network):
    """Our tensor names -> the official ones: conv<pair>_<0 or 1>, bn<pair>_<0 or 1>, linear1, linear2."""
    names, position, last = {}, -1, None
    for key in network.state_dict():
        part, number, tensor = key.split(".")
        if part == "classifier":
            names[key] = f"linear{1 if number == '0' else 2}.{tensor}"
            continue
        is_conv = network.layers[int(number)].__class__.__name__ == "Conv2d"
        if is_conv and number != last:
            position, last = position + 1, number
        names[key] = f"{'conv' if is_conv else 'bn'}{position // 2}_{position % 2}.{tensor}"
    return names
