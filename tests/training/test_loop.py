import copy
import os
import signal

import pytest
import torch

from sharploss.data.patches import Patches
from sharploss.losses import TERMS, build_loss
from sharploss.networks import NLSN
from sharploss.record.history import read_history
from sharploss.training.loop import train
from sharploss.training.schedule import learning_rate
from sharploss.training.state import make_network, make_optimizer
from toy_training import configuration, typed

CPU = torch.device("cpu")


def same(left, right):
    return all(torch.equal(left.state_dict()[name], value) for name, value in right.state_dict().items())


def run(config, packs, scratch, **options):
    return train(typed(config), packs, scratch=scratch, device=CPU, **options)


def stop_after(step, signal_number=signal.SIGTERM):
    """Send a signal to this process when the batch of `step` is asked for."""
    batch = Patches.batch

    def stopping(self, asked):
        if asked == step:
            os.kill(os.getpid(), signal_number)
        return batch(self, asked)

    return stopping


def test_a_run_is_the_textbook_loop(config, packs, tmp_path):
    result = run(config, packs, tmp_path)
    torch.set_deterministic_debug_mode("error")
    network = make_network(typed(config)).to(memory_format=torch.channels_last)
    optimizer, loss = make_optimizer(network, typed(config).recipe), build_loss(config["loss"])
    patches = Patches(packs["train"], scale=2, patch=8, batch=2, seed=0)
    for step in range(12):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, typed(config).recipe, 12)
        input, target = (image.contiguous(memory_format=torch.channels_last) for image in patches.batch(step))
        optimizer.zero_grad()
        loss(network(input), target).backward()
        optimizer.step()
    assert same(result.network, network)
    assert result.status == "finished"
    assert result.step == 12


def test_twice_is_equal(config, packs, tmp_path, whole):
    again = run(config, packs, tmp_path)
    assert same(whole[0], again.network)
    assert whole[1] == (tmp_path / "history.jsonl").read_bytes()


def test_the_seed_matters(config, packs, tmp_path, whole):
    assert not same(whole[0], run({**config, "seed": 1}, packs, tmp_path).network)


@pytest.fixture(scope="module")
def whole(packs, tmp_path_factory):
    """A run of the configuration that was not stopped: its network and its record."""
    scratch = tmp_path_factory.mktemp("whole")
    return run(configuration(steps=12), packs, scratch).network, (scratch / "history.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("step", "number"), [*((step, signal.SIGTERM) for step in range(1, 12)), (5, signal.SIGINT), (6, signal.SIGINT)]
)
def test_stopped_anywhere_and_resumed_gives_the_same_bits(config, packs, tmp_path, monkeypatch, whole, step, number):
    with monkeypatch.context() as patch:
        patch.setattr(Patches, "batch", stop_after(step, number))
        stopped = run(config, packs, tmp_path / "parts")
    assert stopped.step == step + 1
    assert stopped.status == ("stopped" if step + 1 < 12 else "finished")
    resumed = run(config, packs, tmp_path / "parts")
    assert resumed.status == "finished"
    assert same(whole[0], resumed.network)
    assert whole[1] == (tmp_path / "parts/history.jsonl").read_bytes()


def test_a_crash_resumes_from_the_checkpoint_before_it(config, packs, tmp_path, monkeypatch, whole):
    def crash(self, step, batch=Patches.batch):
        if step == 9:
            raise KeyboardInterrupt
        return batch(self, step)

    with monkeypatch.context() as patch:
        patch.setattr(Patches, "batch", crash)
        with pytest.raises(KeyboardInterrupt):
            run(config, packs, tmp_path / "parts")
    assert [path.name for path in (tmp_path / "parts").glob("*.pt")] != []
    resumed = run(config, packs, tmp_path / "parts")
    assert same(whole[0], resumed.network)
    assert whole[1] == (tmp_path / "parts/history.jsonl").read_bytes()


def test_nlsn_draws_its_hashes_by_step_so_that_a_resume_gives_the_same_bits(config, packs, tmp_path, monkeypatch):
    config["network"] = {"network": "nlsn", "blocks": 1, "width": 8, "chunk": 8, "hashes": 2}
    whole = run(config, packs, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(Patches, "batch", stop_after(6))
        assert run(config, packs, tmp_path / "parts").status == "stopped"
    assert same(whole.network, run(config, packs, tmp_path / "parts").network)
    # Without the step, every step would hash as step 0 does, and other weights would come of it.
    with monkeypatch.context() as patch:
        patch.setattr(NLSN, "set_step", lambda *_: None)
        assert not same(whole.network, run(config, packs, tmp_path / "without").network)


def test_the_record_has_means_of_unweighted_terms_and_the_weighted_total(config, packs, tmp_path):
    run(config, packs, tmp_path)
    lines = read_history(tmp_path / "history.jsonl")
    assert [(line["event"], line["step"]) for line in lines] == [
        ("train", 5),
        ("validation", 6),
        ("train", 10),
        ("train", 12),
        ("validation", 12),
    ]
    for line in lines:
        if line["event"] == "train":
            assert line["total"] == pytest.approx(line["terms"]["l1"] + 0.01 * line["terms"]["gv"])
    assert lines[0]["lr"] == learning_rate(4, typed(config).recipe, 12)


def test_training_learns(config, packs, tmp_path):
    long = copy.deepcopy(config)
    long["recipe"].update(steps=80, learning_rate=0.005, validate_every=80)
    start = run({**long, "recipe": {**long["recipe"], "steps": 1}}, packs, tmp_path / "start")
    end = run(long, packs, tmp_path / "end")
    assert end.state.validation > start.state.validation + 3


def test_divergence_names_the_term_and_step_and_keeps_the_last_good_weights(config, packs, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Patches, "batch", stop_after(3))
        run(config, packs, tmp_path)

    def poisoned(self, step, batch=Patches.batch):
        input, target = batch(self, step)
        return input * float("inf" if step == 6 else 1), target

    with monkeypatch.context() as patch:
        patch.setattr(Patches, "batch", poisoned)
        result = run(config, packs, tmp_path)
    assert result.status == "diverged"
    assert result.diverged == {"term": "l1", "step": 6}
    assert result.step == 4
    assert all(parameter.isfinite().all() for parameter in result.network.parameters())
    assert read_history(tmp_path / "history.jsonl")[-1] == {"event": "diverged", "term": "l1", "step": 6}


def test_a_learning_rate_that_is_far_too_high_is_recorded_not_raised(config, packs, tmp_path):
    config["recipe"].update(optimizer="sgd", learning_rate=1e30, warmup=0)
    result = run(config, packs, tmp_path)
    assert result.status == "diverged"
    assert result.step == 0
    assert same(result.network, make_network(typed(config)))


def test_clipping_and_sgd(config, packs, tmp_path):
    config["recipe"].update(optimizer="sgd", learning_rate=1.0, momentum=0.0, clip_norm=1e-3, warmup=0, steps=1)
    before = make_network(typed(config))
    after = run(config, packs, tmp_path).network
    moved = [after.state_dict()[name] - value for name, value in before.named_parameters()]
    assert torch.stack([move.norm() for move in moved]).norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_the_running_mean_of_the_weights_is_what_is_kept(config, packs, tmp_path, monkeypatch):
    config["recipe"]["average"] = 0.75
    result = run(config, packs, tmp_path / "mean")
    assert same(result.network, result.state.average)
    mean = dict(make_network(typed(config)).named_parameters())
    for steps in range(1, 13):  # each goes on from the checkpoint of the one before
        stopped = run_until(config, packs, tmp_path / "parts", steps, monkeypatch)
        mean = {name: 0.75 * mean[name] + 0.25 * value for name, value in stopped.network.named_parameters()}
    for name, value in result.network.named_parameters():
        torch.testing.assert_close(value, mean[name])


def run_until(config, packs, scratch, steps, monkeypatch):
    """Return the state after so many steps of the whole schedule."""
    with monkeypatch.context() as patch:
        patch.setattr(Patches, "batch", stop_after(steps - 1))
        return run(config, packs, scratch).state


def test_a_mean_resumes_with_the_same_bits(config, packs, tmp_path, monkeypatch):
    config["recipe"]["average"] = 0.9
    whole = run(config, packs, tmp_path / "whole")
    run_until(config, packs, tmp_path / "parts", 7, monkeypatch)
    assert same(whole.network, run(config, packs, tmp_path / "parts").network)


def test_the_record_can_be_followed_from_the_first_step(config, packs, tmp_path):
    followed = []
    run(config, packs, tmp_path, on_start=lambda path: followed.append(path.exists()))
    assert followed == [True]


def test_pictures_change_no_bit_also_over_a_stop(config, packs, tmp_path, monkeypatch, whole):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(Patches, "batch", stop_after(7))
        assert run(config, packs, tmp_path / "shown", on_start=lambda _: pictures).status == "stopped"
    shown = run(config, packs, tmp_path / "shown", on_start=lambda _: pictures)
    assert same(whole[0], shown.network)
    assert whole[1] == (tmp_path / "shown/history.jsonl").read_bytes()
    assert sorted(path.name for path in pictures.iterdir()) == ["12--0--toy-d.npy", "6--0--toy-d.npy"]


class Root(torch.nn.Module):
    """A term that is finite at 0 and whose gradient is not."""

    def forward(self, output, target):
        return (output - output.detach()).square().sum().sqrt() * target.mean()


def test_a_term_whose_gradient_alone_is_not_finite_is_named(config, packs, tmp_path, monkeypatch):
    monkeypatch.setitem(TERMS, "root", Root)
    config["loss"] = {"l1": 1, "root": 1}
    result = run(config, packs, tmp_path)
    assert result.diverged == {"term": "gradient of root", "step": 0}
    assert result.status == "diverged"


def test_a_gradient_that_goes_bad_at_the_last_step_is_named_too(config, packs, tmp_path, monkeypatch):
    monkeypatch.setitem(TERMS, "root", Root)
    config["recipe"].update(steps=1, log_every=1)
    config["loss"] = {"root": 1, "l2": 1}
    assert run(config, packs, tmp_path).diverged == {"term": "gradient of root", "step": 0}


def test_the_record_has_the_norm_of_the_gradient(config, packs, tmp_path):
    config["recipe"].update(log_every=1, learning_rate=1e-12, warmup=0, steps=3)
    run(config, packs, tmp_path / "plain")
    network, loss = make_network(typed(config)), build_loss(config["loss"])
    input, target = Patches(packs["train"], scale=2, patch=8, batch=2, seed=0).batch(2)
    loss(network(input), target).backward()
    expected = torch.cat([parameter.grad.flatten() for parameter in network.parameters()]).norm().item()
    line = read_history(tmp_path / "plain" / "history.jsonl")[-2]
    assert line["gradient"] == pytest.approx(expected, rel=1e-4)
    config["recipe"].update(clip_norm=1e-3)
    run(config, packs, tmp_path / "clipped")
    assert read_history(tmp_path / "clipped" / "history.jsonl")[0]["gradient"] == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.slow
def test_fast_mode_learns_about_the_same(config, packs, tmp_path):
    config["recipe"].update(steps=40, learning_rate=0.005, validate_every=40)
    exact = run(config, packs, tmp_path / "exact")
    config["recipe"]["mode"] = "fast"
    fast = run(config, packs, tmp_path / "fast")
    assert fast.state.validation == pytest.approx(exact.state.validation, abs=1.0)
