import os
import time

import pytest
from torch import nn

from sharploss import cost
from sharploss.cost import loss_flops, network_flops, predict, step_flops, step_seconds
from sharploss.losses import TERMS
from sharploss.params import Params, load_params, resolve_run
from sharploss.plan import expand

MPRNET = {"network": "mprnet", "width": 8, "unet": 4, "orsnet": 4, "blocks": 1}


@pytest.fixture(autouse=True)
def cpu(monkeypatch):
    monkeypatch.setenv("SHARPLOSS_DEVICE", "cpu")
    for cached in (cost._count_network, cost._count_loss, cost._network_seconds, cost._timed_loss, cost.measure_speed):
        cached.cache_clear()


@pytest.fixture
def config(repository):
    params = load_params(repository / "studies/mini.yaml")
    run = {"task": "sr_x4", "network": "espcn", "loss": "l1", "recipe": "mini", "seed": 0}
    config = resolve_run(params, run)
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
        assert all(step_flops(resolve_run(params, run)) > 0 for run in plan["runs"].values()), path.name


def test_hundreds_of_runs_are_predicted_from_a_few_counts(repository, monkeypatch):
    params = big(repository, seeds=14)
    plan = expand(params)
    assert len(plan["runs"]) >= 500
    built = []
    make = cost.make_network
    monkeypatch.setattr(cost, "make_network", lambda config: built.append(config) or make(config))
    monkeypatch.setattr(cost, "_fastest", lambda *_: 1e-3)
    start = time.process_time()
    predict(params, plan)
    assert len(built) == 4  # networks, however many runs
    assert time.process_time() - start < 30
