import pytest

from sharploss.cost import predict, step_flops
from sharploss.params import load_params, resolve_run
from sharploss.plan import expand


@pytest.fixture
def config(repository):
    params = load_params(repository / "studies/mini.yaml")
    run = {"task": "sr_x4", "network": "espcn", "loss": "l1", "recipe": "mini", "seed": 0}
    config = resolve_run(params, run)
    config["recipe"].update(batch=2, patch=16)
    return config


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


def test_the_prediction_lists_every_group_and_the_sum(repository, monkeypatch):
    monkeypatch.setenv("SHARPLOSS_DEVICE", "cpu")
    params = load_params(repository / "studies/mini.yaml")
    plan = expand(params)
    lines = predict(params, plan).splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == [*plan["groups"], "all"]
    assert lines[-2].split()[1] == str(len(plan["runs"]))
    assert float(lines[-2].split()[3]) > 0
