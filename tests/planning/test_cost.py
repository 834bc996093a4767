import os
import time

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.module_tracker import ModuleTracker

from sharploss.config.params import Params, load_params
from sharploss.config.run_config import resolve_run
from sharploss.data.pack import open_pack, write_pack
from sharploss.data.patches import Patches
from sharploss.losses import TERMS, build_loss
from sharploss.planning import cost
from sharploss.planning.cost import discriminator_flops, loss_flops, network_flops, predict, step_flops, step_seconds
from sharploss.planning.plan import expand
from sharploss.training.discriminator import make_discriminator_trainer
from sharploss.training.processes import ProcessGroup

MPRNET = {"network": "mprnet", "width": 8, "unet": 4, "orsnet": 4, "blocks": 1}


@pytest.fixture(autouse=True)
def cpu(monkeypatch):
    monkeypatch.setenv("SHARPLOSS_DEVICE", "cpu")
    for function in vars(cost).values():
        if hasattr(function, "cache_clear"):
            function.cache_clear()


@pytest.fixture
def config(repository):
    params = load_params(repository / "studies/mini.yaml")
    run = {"task": "sr_x4", "network": "espcn", "loss": "l1", "recipe": "mini", "seed": 0}
    config = resolve_run(params, run).model_dump(mode="json")
    config["recipe"].update(batch=2, patch=16)
    return config


def big(repository, seeds=1):
    """The mini study's losses on networks of the papers' sizes, several seeds each."""
    content = load_params(repository / "studies/mini.yaml").model_dump()
    content["networks"] = {name: {"network": name} for name in ("edsr", "nlsn", "rrdbnet", "srresnet")}
    content["recipes"]["mini"].update(batch=16, patch=48)
    content["suites"] = {"all": {**content["suites"]["pairings"], "networks": [*content["networks"]]}}
    content["seeds"] = [*range(seeds)]
    return Params.model_validate(content)


def test_operations_are_those_of_the_convolutions(config):
    # ESPCN x4, 3 channels: 5x5 3-64, 3x3 64-32, 3x3 32-48 on 16x16 inputs; the backward pass costs twice the forward
    # pass, but nothing flows back into the image.
    first, second, third = 25 * 3 * 64, 9 * 64 * 32, 9 * 32 * 48
    forward = 2 * (first + second + third)
    backward = 2 * (first + 2 * second + 2 * third)
    assert step_flops(config) == (forward + backward) * 2 * 16 * 16


def test_operations_grow_with_batch_and_patch(config):
    one = step_flops(config)
    config["recipe"].update(batch=4, patch=32)
    assert step_flops(config) == 8 * one


def test_grey_networks_are_counted_on_grey_images(config):
    config["network"]["channels"] = 1
    first, second, third = 25 * 64, 9 * 64 * 32, 9 * 32 * 16
    assert step_flops(config) == 2 * (2 * first + 3 * second + 3 * third) * 2 * 16 * 16


class Features(nn.Module):
    """A loss with a network of its own: one 3x3 convolution from 3 to 5 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 5, 3, padding=1).requires_grad_(False)

    def forward(self, output, target):
        return (self.layer(output) - self.layer(target)).abs().mean()


class Fickle(nn.Module):
    """A loss whose values decide what it computes, which a tensor without values cannot."""

    def forward(self, output, target):
        return (output - target).abs().mean() * (2 if output.max() > 1 else 1)


def test_the_network_of_a_loss_is_counted_once_for_every_stage(config, monkeypatch):
    monkeypatch.setitem(TERMS, "features", Features)
    config["loss"] = {"l1": 1, "features": 0.1}
    pixels = 2 * 64 * 64
    assert loss_flops(config) == 3 * 2 * 27 * 5 * pixels  # both images forward, one backward
    assert step_flops(config) == network_flops(config) + loss_flops(config)
    config["network"], config["task"]["scale"] = MPRNET, 1
    assert loss_flops(config) == 3 * 3 * 2 * 27 * 5 * 2 * 16 * 16


GAN = {"weight": 0.01, "discriminator": "sharpgan", "width": 4, "size": 64}


@pytest.mark.parametrize(("steps", "r1"), [(1, 0.0), (3, 0.0), (1, 1.0), (2, 1.0)])
def test_a_discriminators_updates_are_counted_as_training_makes_them(config, tmp_path, monkeypatch, steps, r1):
    """Against the operations that torch counts while a real update computes."""
    config["loss"] = {"l1": 1, "gan": {**GAN, "steps": steps, "r1": r1}}
    config["recipe"]["discriminator"] = None
    picture = torch.randint(256, (3, 64, 64), dtype=torch.uint8)
    pair = ("toy/a", picture, picture[:, ::4, ::4].contiguous())
    write_pack(tmp_path / "train.safetensors", [pair], role="train", sets=["toy"], parameters={}, missing={})
    pack = open_pack(tmp_path / "train.safetensors")
    network, loss = cost._build(config), build_loss(config["loss"])
    adversary = make_discriminator_trainer(
        loss, config, Patches(pack, scale=4, patch=16, batch=2, seed=0), ProcessGroup()
    )
    target = torch.rand(2, 3, 64, 64)
    loss(network(torch.rand(2, 3, 16, 16)), target).backward()
    predicted = discriminator_flops(config)
    # What tells the modules apart fails with R1's second derivative.
    monkeypatch.setattr(ModuleTracker, "__enter__", lambda self: self)
    monkeypatch.setattr(ModuleTracker, "__exit__", lambda *_: None)
    with FlopCounterMode(display=False) as counter:
        adversary.update(network, network, torch.rand(2, 3, 64, 64), target, 0)
    assert predicted == pytest.approx(counter.get_total_flops(), rel=0.01)
    assert step_flops(config) == network_flops(config) + loss_flops(config) + discriminator_flops(config)


def test_more_updates_cost_more_and_other_losses_none(config):
    config["loss"] = {"l1": 1}
    assert discriminator_flops(config) == 0
    plain = step_seconds(config, 1e9)
    config["loss"] = {"l1": 1, "gan": {**GAN, "weight": 0}}
    one, once = discriminator_flops(config), step_seconds(config, 1e9)
    config["loss"]["gan"]["steps"] = 2
    assert discriminator_flops(config) > 2 * one > 0  # the network restores patches for the second
    config["loss"]["gan"]["steps"] = 20
    assert step_seconds(config, 1e9) > once > plain > 0


def test_long_updates_are_predicted_and_not_run(config, monkeypatch):
    config["loss"] = {"l1": 1, "ragan": {"discriminator": "vgg128", "size": 128}}
    config["recipe"].update(batch=16, patch=32)
    monkeypatch.setattr(cost, "_fastest", lambda *_: pytest.fail("a discriminator of the paper's size was run"))
    assert cost._discriminator_seconds(config, 1e9) == discriminator_flops(config) / 1e9 > 10


def test_a_loss_that_cannot_be_counted_counts_as_nothing(config, monkeypatch):
    monkeypatch.setitem(TERMS, "fickle", Fickle)
    config["loss"] = {"fickle": 1}
    assert loss_flops(config) == 0
    assert step_seconds(config, 1e9) > 0


@pytest.mark.parametrize("name", TERMS)
def test_every_loss_of_this_package_can_be_counted(config, name):
    config["loss"] = {name: 1}
    assert loss_flops(config) >= 0


@pytest.mark.skipif(not os.environ.get("SHARPLOSS_MIRROR"), reason="SHARPLOSS_MIRROR is not set: no discriminators")
def test_mdf_is_counted_the_first_time_too(config, monkeypatch, tmp_path):
    """The first use converts the released files."""
    config["loss"] = {"mdf": {"weights": "sisr"}}
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path))
    first = loss_flops(config)
    cost._count_loss.cache_clear()
    assert first == loss_flops(config) > 100 * network_flops(config)


def test_long_steps_are_predicted_and_not_run(config, monkeypatch):
    config["network"] = {"network": "edsr"}
    config["recipe"].update(batch=16, patch=48)

    def run(*_):
        raise AssertionError("a network of the paper's size was run")

    monkeypatch.setattr(cost, "_fastest", run)
    key = cost._network_key(config)
    assert cost._network_seconds(key, 1e9) == network_flops(config) / 1e9 > 1e4


@pytest.mark.slow
@pytest.mark.parametrize("study", ["mini", "gpu"])
def test_the_prediction_lists_every_group_and_the_sum(repository, study):
    params = load_params(repository / f"studies/{study}.yaml")
    plan = expand(params)
    lines = predict(params, plan).splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == [*plan["groups"], "all"]
    assert lines[-2].split()[1] == str(len(plan["runs"]))
    assert all(float(number) > 0 for line in lines[1:-1] for number in line.split()[1:])


def test_every_study_is_covered(repository):
    for path in (repository / "studies").glob("*.yaml"):
        params = load_params(path)
        plan = expand(params)
        assert all(step_flops(resolve_run(params, run).model_dump(mode="json")) > 0 for run in plan["runs"].values()), (
            path.name
        )


def test_hundreds_of_runs_are_predicted_from_a_few_counts(repository, monkeypatch):
    params = big(repository, seeds=14)
    plan = expand(params)
    assert len(plan["runs"]) >= 500
    built = []
    make = cost._build
    monkeypatch.setattr(cost, "_build", lambda config: built.append(config) or make(config))
    monkeypatch.setattr(cost, "_fastest", lambda *_: 1e-3)
    start = time.process_time()
    predict(params, plan)
    assert len(built) == 4  # networks, however many runs
    assert time.process_time() - start < 30
