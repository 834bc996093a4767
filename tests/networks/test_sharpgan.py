import pytest
import torch
from torch import nn

from sharploss.networks import NonBNResG, ResG, StackedG


def kinds(network):
    return {type(module) for module in network.modules()}


def test_the_three_steps_of_the_ablation():
    stacked, res, nonbn = (kind(width=4) for kind in (StackedG, ResG, NonBNResG))
    assert nn.BatchNorm2d not in kinds(stacked) | kinds(nonbn)
    assert nn.BatchNorm2d in kinds(res)
    assert nn.PReLU in kinds(nonbn)
    assert [len(network.blocks) for network in (stacked, res, nonbn)] == [5, 5, 5]


def test_they_differ_little_in_size():
    counts = [sum(p.numel() for p in kind().parameters()) for kind in (StackedG, ResG, NonBNResG)]
    assert max(counts) / min(counts) < 1.01


@pytest.mark.parametrize("kind", [ResG, NonBNResG])
def test_the_input_is_added_to_the_output(kind):
    network, images = kind(width=4).eval(), torch.rand(1, 3, 5, 6)
    nn.init.zeros_(network.tail.weight)
    nn.init.zeros_(network.tail.bias)
    assert torch.equal(network(images), images)


def test_stacked_has_no_skip():
    network = StackedG(width=4)
    nn.init.zeros_(network.tail.weight)
    nn.init.zeros_(network.tail.bias)
    assert network(torch.rand(1, 3, 5, 6)).abs().sum() == 0


def test_the_skips_are_nested():
    """With blocks that pass everything on, each of the two long skips doubles what has come so far."""
    network = NonBNResG(width=4, global_skip=False)
    network.blocks = nn.ModuleList(nn.Identity() for _ in range(5))
    network.head, network.tail = nn.Identity(), nn.Identity()
    images = torch.rand(1, 3, 5, 6)
    torch.testing.assert_close(network(images), 3 * images)


@pytest.mark.parametrize("kind", [StackedG, ResG, NonBNResG])
def test_kernels_can_be_larger(kind):
    network = kind(width=4, kernel=5)
    assert {layer.kernel_size for layer in network.modules() if isinstance(layer, nn.Conv2d)} == {(5, 5)}
    assert network(torch.rand(1, 3, 5, 6)).shape == (1, 3, 5, 6)
    with pytest.raises(ValueError, match="kernel must be an odd integer"):
        kind(kernel=2)


@pytest.mark.parametrize("kind", [StackedG, ResG, NonBNResG])
def test_the_activation_of_the_blocks_can_be_another(kind):
    """And the weights drawn are then the same, so that two trainings differ in the activation alone."""
    blocks = {}
    for name, layer in (("relu", nn.ReLU), ("leaky_relu", nn.LeakyReLU)):
        torch.manual_seed(0)
        network = kind(width=4, activation=name)
        found = kinds(network.blocks) & {nn.ReLU, nn.LeakyReLU, nn.PReLU}
        assert found == {layer}
        blocks[name] = network.state_dict()
    assert all(torch.equal(blocks["relu"][name], value) for name, value in blocks["leaky_relu"].items())
    with pytest.raises(ValueError, match="did you mean 'leaky_relu'"):
        kind(activation="leaky")


def test_each_generator_has_an_activation_of_its_own():
    found = [kinds(kind(width=4).blocks) & {nn.ReLU, nn.LeakyReLU, nn.PReLU} for kind in (StackedG, ResG, NonBNResG)]
    assert found == [{nn.LeakyReLU}, {nn.ReLU}, {nn.PReLU}]
