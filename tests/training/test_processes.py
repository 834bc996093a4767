"""One run on two processes (gloo, CPU) and in several parts, against the same run on one."""

import json
import multiprocessing
import os
import signal
import socket

import pytest
import torch

from sharploss.config.recipe import Recipe
from sharploss.data.pack import open_pack
from sharploss.data.patches import Patches
from sharploss.record.history import read_history
from sharploss.training.checkpoint import read_weights, save_weights
from sharploss.training.loop import train
from sharploss.training.processes import Gradients, ProcessGroup, join, micro_batches
from sharploss.utils.errors import UserError
from toy_training import typed

LEAST = {"steps": 1, "patch": 8, "learning_rate": 0.1}
CPU = torch.device("cpu")
OWN = ("running_mean", "running_var", "num_batches_tracked")
DISCRIMINATOR = {"weight": 0.01, "discriminator": "sharpgan", "width": 2, "size": 16}


@pytest.fixture(autouse=True)
def one_thread():
    """Sums come out in another order on another number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def stop_at(step):
    """Send SIGTERM to this process when the network's batch of `step` is asked for."""

    def stopping(self, asked, batch=Patches.batch):
        if asked == step and self.seed == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return batch(self, asked)

    return stopping


def run(config, packs, scratch, stop=None):
    """Train, and write down what came of it; `stop` names a process and the step at which it gets a signal."""
    with join() as group, pytest.MonkeyPatch.context() as patch:
        if stop and stop[0] == group.rank:
            patch.setattr(Patches, "batch", stop_at(stop[1]))
        result = train(typed(config), packs, scratch=scratch, device=CPU)
        (scratch / f"{group.rank}.json").write_text(json.dumps([result.status, result.step]))
        save_weights(scratch / f"{group.rank}.safetensors", result.network, {})
        if result.state.discriminator:
            save_weights(scratch / f"discriminator-{group.rank}.safetensors", result.state.discriminator, {})


def member(rank, port, config, folder, scratch, stop):
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    packs = {role: open_pack(folder / f"{role}.safetensors") for role in ("train", "validation")}
    run(config, packs, scratch, stop)


def run_on_two(config, packs, scratch, stop=None):
    scratch.mkdir(exist_ok=True)
    context = multiprocessing.get_context("forkserver")  # which imports torch once, for all that are forked from it
    context.set_forkserver_preload(["sharploss.training.loop", "torch.distributed"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = (port, config, packs["train"].path.parent, scratch, stop)
    members = [context.Process(target=member, args=(rank, *arguments)) for rank in range(2)]
    for process in members:
        process.start()
    for process in members:
        process.join(120)
    assert [process.exitcode for process in members] == [0, 0]


def run_on_one(config, packs, scratch, stop=None):
    scratch.mkdir(exist_ok=True)
    run(config, packs, scratch, stop)


def weights(scratch, name="0"):
    return read_weights(scratch / f"{name}.safetensors")


def same(left, right):
    """Equal bits, but for the running statistics of batch normalisation, which are those of a process's own parts."""
    return all(torch.equal(left[name], right[name]) for name in left | right if not name.endswith(OWN))


def losses(scratch):
    return [line["total"] for line in read_history(scratch / "history.jsonl") if line["event"] == "train"]


@pytest.mark.slow
def test_two_processes_compute_what_one_computes(config, packs, tmp_path):
    config["recipe"]["batch"] = 4
    run_on_one(config, packs, tmp_path / "one")
    run_on_two(config, packs, tmp_path / "two")
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-5)
    assert same(weights(tmp_path / "two", "0"), weights(tmp_path / "two", "1"))
    for name, tensor in weights(tmp_path / "one").items():
        torch.testing.assert_close(weights(tmp_path / "two")[name], tensor, rtol=1e-3, atol=1e-4)
    # It is the same up to rounding and no more than that: each process sees the other's half.
    half = {**config, "recipe": {**config["recipe"], "batch": 2}}
    run_on_one(half, packs, tmp_path / "half")
    assert losses(tmp_path / "half") != pytest.approx(losses(tmp_path / "one"), rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("term", [None, "ragan"])
def test_in_parts_the_bits_are_the_same_on_any_number_of_processes(config, packs, tmp_path, term):
    config["recipe"] |= {"batch": 8, "accumulate": 4, "clip_norm": 0.1, "average": 0.9}
    if term:
        config["loss"] = {"l1": 1, term: {**DISCRIMINATOR, "steps": 2, "r1": 1.0}}
    run_on_one(config, packs, tmp_path / "one")
    run_on_two(config, packs, tmp_path / "two")
    assert same(weights(tmp_path / "one"), weights(tmp_path / "two"))
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-6)
    if term:
        assert same(weights(tmp_path / "one", "discriminator-0"), weights(tmp_path / "two", "discriminator-0"))


@pytest.mark.slow
@pytest.mark.parametrize("first", [1, 2])
def test_a_resume_on_another_number_of_processes_is_exact(config, packs, tmp_path, first):
    config["recipe"] |= {"batch": 4, "accumulate": 2}
    config["loss"] = {"l1": 1, "gan": DISCRIMINATOR}
    run_on_one(config, packs, tmp_path / "whole")
    order = [run_on_one, run_on_two] if first == 1 else [run_on_two, run_on_one]
    # On two processes it is the second alone that is told to stop: both stop after the same step.
    order[0](config, packs, tmp_path / "parts", stop=(first - 1, 6))
    for rank in range(first):
        assert json.loads((tmp_path / f"parts/{rank}.json").read_text()) == ["stopped", 7]
    order[1](config, packs, tmp_path / "parts")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert same(weights(tmp_path / "whole", "discriminator-0"), weights(tmp_path / "parts", "discriminator-0"))
    assert losses(tmp_path / "parts") == pytest.approx(losses(tmp_path / "whole"), rel=1e-6)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_in_one_process_ends_both(config, packs, tmp_path):
    config["recipe"].update(optimizer="sgd", learning_rate=1e30, warmup=0)
    run_on_two(config, packs, tmp_path / "two")
    for rank in range(2):
        assert json.loads((tmp_path / f"two/{rank}.json").read_text())[0] == "diverged"
    assert read_history(tmp_path / "two/history.jsonl")[-1]["event"] == "diverged"


def test_parts_of_a_batch_are_one_batch(config, packs, tmp_path):
    config["recipe"]["batch"] = 8
    run_on_one(config, packs, tmp_path / "whole")
    run_on_one({**config, "recipe": {**config["recipe"], "accumulate": 4}}, packs, tmp_path / "parts")
    assert losses(tmp_path / "parts") == pytest.approx(losses(tmp_path / "whole"), rel=1e-5)
    assert not same(weights(tmp_path / "parts"), weights(tmp_path / "whole"))


def test_the_gradient_of_parts_is_that_of_the_batch():
    network = torch.nn.Linear(3, 1, dtype=torch.float64)
    images = torch.randn(8, 3, dtype=torch.float64)
    network(images).square().mean().backward()
    wanted = network.weight.grad.clone()
    gradients = Gradients(network, ProcessGroup(), 4, exact=True)
    gradients.clear()
    for (part,) in gradients.split(images):
        assert part.shape == (2, 3)
        gradients.add(network(part).square().mean())
    gradients.finish()
    torch.testing.assert_close(network.weight.grad, wanted)


@pytest.mark.parametrize(
    ("recipe", "world", "parts"),
    [
        ({"batch": 8}, 1, 1),
        ({"batch": 8}, 4, 4),
        ({"batch": 8, "accumulate": 4}, 1, 4),
        ({"batch": 8, "accumulate": 4}, 2, 4),
        ({"batch": 8, "accumulate": 4}, 4, 4),
    ],
)
def test_how_many_parts(recipe, world, parts):
    assert micro_batches(Recipe(**LEAST, **recipe), world) == parts


@pytest.mark.parametrize(
    ("recipe", "world", "message"),
    [
        ({"batch": 8, "accumulate": 4}, 3, "3 processes cannot share accumulate: 4 parts"),
        ({"batch": 6}, 4, "make it a multiple of 4"),
    ],
)
def test_parts_that_cannot_be_shared_are_refused(recipe, world, message):
    with pytest.raises(UserError, match=message):
        micro_batches(Recipe(**LEAST, **recipe), world)


def test_alone_nothing_is_exchanged():
    group = ProcessGroup()
    assert group.is_main
    assert group.any(True) is True
    values = torch.ones(2)
    assert group.mean(values) is values
    with join() as alone, alone.main_first():
        assert alone == group
