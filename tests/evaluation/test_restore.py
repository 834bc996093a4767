import json

import pytest
import torch
from torch import nn

from sharploss.config.run_config import RunConfig
from sharploss.evaluation.restore import load_network, restore
from sharploss.networks import build_network
from sharploss.training.checkpoint import save_weights
from sharploss.training.state import with_defaults
from sharploss.utils.errors import UserError

CPU = torch.device("cpu")
CONFIG = {
    "task": {"kind": "sr", "scale": 2, "train": ["t"], "validation": ["v"], "test": ["a"]},
    "network": {"network": "espcn", "width": 4},
    "loss": {"l1": 1, "gv": 0.01},
    "recipe": {"steps": 3, "batch": 1, "patch": 8, "learning_rate": 0.1},
    "seed": 0,
}


def run(config):
    return RunConfig.model_validate(config)


def stored(config):
    return json.dumps(with_defaults(run(config)).model_dump(mode="json"))


class Shift(nn.Module):
    """Adds a number to every pixel."""

    def __init__(self, by):
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by))

    def forward(self, image):
        return image + self.by


@pytest.fixture
def weights(tmp_path):
    network = build_network("espcn", scale=2, width=4)
    path = tmp_path / "run.safetensors"
    save_weights(path, network, {"key": "run", "status": "finished", "config": stored(CONFIG)})
    return path


def test_an_image_comes_back_as_it_would_be_saved():
    image = torch.arange(256, dtype=torch.uint8).view(1, 16, 16).repeat(3, 1, 1)
    assert torch.equal(restore(Shift(0.0), image), image)
    assert torch.equal(restore(Shift(0.4 / 255), image), image)
    brighter = restore(Shift(0.6 / 255), image)
    assert torch.equal(brighter.int(), (image.int() + 1).clamp(max=255))
    assert torch.equal(restore(Shift(-2.0), image), torch.zeros_like(image))
    assert brighter.dtype == torch.uint8
    assert brighter.is_contiguous()


def test_restored_images_are_those_of_the_trained_network(weights):
    network = load_network(weights, run(CONFIG), CPU)
    again = build_network("espcn", scale=2, width=4)
    again.load_state_dict(network.state_dict())
    image = torch.randint(0, 256, (3, 9, 11), dtype=torch.uint8)
    with torch.no_grad():
        expected = again(image[None] / 255)[0].clamp(0, 1) * 255
    output = restore(network, image)
    assert output.shape == (3, 18, 22)
    assert (output.float() - expected).abs().max() <= 0.51
    assert not network.training


def test_which_sets_are_scored_does_not_make_another_run(weights):
    task = {**CONFIG["task"], "test": ["a", "b"], "tune": ["c"]}
    assert load_network(weights, run({**CONFIG, "task": task}), CPU) is not None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 1}, "seed is 0 there and 1 in params.yaml"),
        ({"loss": {"l1": 1, "gv": 0.1}}, r"loss\.gv\.weight is 0\.01 there and 0\.1"),
        ({"loss": {"l2": 1}}, r"loss\.gv"),
        ({"network": {"network": "espcn", "width": 8}}, r"network\.width is 4 there and 8"),
        ({"task": {**CONFIG["task"], "scale": 4}}, r"task\.scale is 2 there and 4"),
        ({"recipe": {**CONFIG["recipe"], "steps": 9}}, r"recipe\.steps is 3 there and 9"),
    ],
)
def test_weights_of_another_configuration_are_refused_with_the_key_that_differs(weights, change, words):
    with pytest.raises(UserError, match=rf"run\.safetensors is a checkpoint of another configuration: {words}"):
        load_network(weights, run({**CONFIG, **change}), CPU)


def test_tensors_of_another_network_are_refused(tmp_path):
    network = build_network("espcn", scale=2, width=8)
    path = tmp_path / "run.safetensors"
    save_weights(path, network, {"status": "finished", "config": stored(CONFIG)})
    with pytest.raises(UserError, match=r"run\.safetensors is a checkpoint of another configuration"):
        load_network(path, run(CONFIG), CPU)


@pytest.mark.parametrize("status", ["diverged", "not_trained"])
def test_a_run_without_trained_weights_gives_no_network(tmp_path, status):
    path = tmp_path / "run.safetensors"
    save_weights(path, build_network("espcn", scale=2, width=4), {"status": status, "config": stored(CONFIG)})
    assert load_network(path, run(CONFIG), CPU) is None


def test_missing_damaged_and_nameless_weights_are_told_apart(weights, tmp_path):
    with pytest.raises(UserError, match=r"other\.safetensors is missing"):
        load_network(tmp_path / "other.safetensors", run(CONFIG), CPU)
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(UserError, match=r"run\.safetensors is damaged"):
        load_network(weights, run(CONFIG), CPU)
    save_weights(weights, build_network("espcn", scale=2, width=4), {})
    with pytest.raises(UserError, match="does not say which run"):
        load_network(weights, run(CONFIG), CPU)
