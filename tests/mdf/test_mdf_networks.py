import pytest
import torch

from sharploss.mdf.networks import FEATURES, RECEPTIVE_FIELD, SinGANDiscriminator, SinGANGenerator, initialise


def images(height, width, seed=0):
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("width", "parameters"), [(32, 29_185), (64, 113_665), (128, 448_513)])
def test_the_discriminators_size_is_that_of_the_released_ones(width, parameters):
    assert count(SinGANDiscriminator(width)) == parameters


def test_features_are_after_the_first_layer_the_next_three_and_the_logits():
    network = SinGANDiscriminator(8).eval()
    found = dict(zip(FEATURES, network.features(images(20, 17)), strict=True))
    assert found["head"].shape == (2, 8, 18, 15)
    assert found["body"].shape == (2, 8, 12, 9)
    assert found["tail"].shape == (2, 1, 10, 7)
    assert torch.equal(found["tail"], network(images(20, 17)))


def test_a_logit_depends_on_11_pixels_and_no_more():
    network = SinGANDiscriminator(4).double().eval()
    initialise(network)
    image = images(17, 17).double().requires_grad_()
    network(image)[0, 0, 3, 3].backward()
    touched = image.grad[0].abs().sum(0) > 0
    assert touched[3:14, 3:14].all()
    assert touched.sum() == RECEPTIVE_FIELD**2
    with pytest.raises(RuntimeError):
        network(images(10, 10).double())


def test_the_generator_adds_at_most_1_to_its_input():
    network = SinGANGenerator(8)
    initialise(network)
    image = images(25, 31)
    made = network(image)
    assert made.shape == image.shape
    assert 0 < (made - image).detach().abs().max() <= 1


def test_initial_weights_are_drawn_as_singan_draws_them():
    torch.manual_seed(0)
    network = SinGANDiscriminator(64)
    initialise(network)
    assert network.body.block2.conv.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert network.head.norm.weight.mean().item() == pytest.approx(1.0, abs=0.02)
    assert network.head.norm.weight.std().item() == pytest.approx(0.02, rel=0.3)
    assert network.head.norm.bias.abs().max() == 0


@pytest.mark.parametrize("kind", [SinGANDiscriminator, SinGANGenerator])
@pytest.mark.parametrize("arguments", [{"width": 0}, {"width": 1.5}, {"channels": 0}])
def test_bad_arguments_are_refused(kind, arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        kind(**arguments)
