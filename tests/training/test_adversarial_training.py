import copy
import os
import signal

import pytest
import torch

from sharploss.data.patches import Patches
from sharploss.networks import build_discriminator
from sharploss.record.history import read_history
from sharploss.training.checkpoint import save_weights
from sharploss.training.discriminator import LOGGED, DiscriminatorTrainer, make_discriminator_trainer
from sharploss.training.loop import not_trained, train
from sharploss.training.processes import ProcessGroup
from sharploss.training.schedule import learning_rate
from sharploss.training.state import (
    APART,
    LAST_SEED,
    State,
    last_good,
    make_loss,
    make_network,
    make_optimizer,
    save_state,
    start_from,
)
from sharploss.utils.errors import UserError
from toy_training import optimisation, typed

CPU = torch.device("cpu")


@pytest.fixture
def adversarial(config):
    """A tiny GAN: SharpGAN's discriminator on patches of 16x16."""
    term = {"weight": 0.01, "discriminator": "sharpgan", "width": 2, "size": 16}
    return {**config, "loss": {"l1": 1, "ragan": term}}


def run(config, packs, scratch, **options):
    return train(typed(config), packs, scratch=scratch, device=CPU, **options)


def same(left, right):
    return all(torch.equal(left.state_dict()[name], value) for name, value in right.state_dict().items())


@pytest.mark.parametrize("steps", [1, 2])
def test_a_run_is_the_textbook_gan(adversarial, packs, tmp_path, steps):
    adversarial["loss"]["ragan"]["steps"] = steps
    adversarial["recipe"]["steps"] = 6
    result = run(adversarial, packs, tmp_path)
    torch.set_deterministic_debug_mode("error")
    recipe, layout = typed(adversarial).recipe, torch.channels_last
    network = make_network(typed(adversarial)).to(memory_format=layout)
    loss = make_loss(typed(adversarial)).to(memory_format=layout)
    term = loss.losses["ragan"]
    optimizer, other = make_optimizer(network, recipe), make_optimizer(term.discriminator, recipe)
    patches = Patches(packs["train"], scale=2, patch=8, batch=2, seed=0)
    more = Patches(packs["train"], scale=2, patch=8, batch=2, seed=APART)
    for step in range(6):
        for group in (*optimizer.param_groups, *other.param_groups):
            group["lr"] = learning_rate(step, recipe, 6)
        input, target = (image.contiguous(memory_format=layout) for image in patches.batch(step))
        optimizer.zero_grad()
        output = network(input)
        loss(output, target).backward()
        optimizer.step()
        for index in range(steps):
            if index:
                input, target = more.batch(step)
                output = network(input)
            other.zero_grad()
            term.discriminator_loss(output, target)[0].backward()
            other.step()
    assert same(result.network, network)
    assert same(result.state.discriminator, term.discriminator)


@pytest.mark.slow
def test_stopped_and_resumed_gives_the_same_bits_on_both_sides(adversarial, packs, tmp_path, monkeypatch):
    """Stopped three times: before the first checkpoint, at one, and between a checkpoint and a validation."""
    adversarial["loss"]["ragan"] |= {"steps": 2, "r1": 1.0}
    whole, batch = run(adversarial, packs, tmp_path / "whole"), Patches.batch

    def stop_at(step):
        def stopping(self, asked):
            if asked == step and self.seed == 0:
                os.kill(os.getpid(), signal.SIGTERM)
            return batch(self, asked)

        return stopping

    with monkeypatch.context() as patch:
        for step in (1, 4, 7):
            patch.setattr(Patches, "batch", stop_at(step))
            assert run(adversarial, packs, tmp_path / "parts").status == "stopped"
    resumed = run(adversarial, packs, tmp_path / "parts")
    assert same(whole.network, resumed.network)
    assert same(whole.state.discriminator, resumed.state.discriminator)
    assert (tmp_path / "whole/history.jsonl").read_bytes() == (tmp_path / "parts/history.jsonl").read_bytes()


def test_the_record_has_both_networks(adversarial, packs, tmp_path):
    adversarial["recipe"]["steps"] = 5
    run(adversarial, packs, tmp_path)
    line = read_history(tmp_path / "history.jsonl")[0]
    assert set(line["terms"]) == {"l1", "ragan"}
    assert line["total"] == pytest.approx(line["terms"]["l1"] + 0.01 * line["terms"]["ragan"])
    assert tuple(line["discriminator"]) == (*LOGGED, "lr")
    assert line["discriminator"]["gradient"] > 0
    assert line["gradient"] > 0
    step = line["step"] - 1
    assert line["discriminator"]["lr"] == learning_rate(step, typed(adversarial).recipe, 5) == line["lr"]


def test_the_discriminators_own_schedule_is_recorded(adversarial, packs, tmp_path):
    own = optimisation(adversarial["recipe"], learning_rate=0.01, schedule="constant", warmup=0)
    adversarial["recipe"].update(discriminator=own, steps=5)
    run(adversarial, packs, tmp_path)
    line = read_history(tmp_path / "history.jsonl")[0]
    assert line["discriminator"]["lr"] == 0.01 != line["lr"]


def test_further_steps_of_the_discriminator_leave_the_networks_statistics_alone(adversarial, packs, tmp_path):
    adversarial["network"] = {"network": "srresnet", "blocks": 1, "width": 4}
    adversarial["recipe"]["steps"] = 4
    counts = []
    for steps in (1, 3):
        adversarial["loss"]["ragan"]["steps"] = steps
        network = run(adversarial, packs, tmp_path / str(steps)).network
        counts.append({name: int(value) for name, value in network.named_buffers() if name.endswith("tracked")})
    assert set(counts[0].values()) == {4}
    assert counts[0] == counts[1]


@pytest.mark.slow
def test_the_discriminator_learns_when_the_network_hardly_does(adversarial, packs, tmp_path):
    adversarial["recipe"].update(steps=40, learning_rate=1e-9, log_every=10, warmup=0, schedule="constant")
    adversarial["recipe"]["discriminator"] = optimisation(adversarial["recipe"], learning_rate=0.01)
    run(adversarial, packs, tmp_path)
    lines = [line for line in read_history(tmp_path / "history.jsonl") if line["event"] == "train"]
    assert lines[-1]["discriminator"]["loss"] < 0.5 * lines[0]["discriminator"]["loss"]
    assert lines[-1]["discriminator"]["real"] > lines[-1]["discriminator"]["fake"] + 1


def test_a_discriminator_that_diverges_is_named(adversarial, packs, tmp_path):
    adversarial["recipe"]["discriminator"] = optimisation(adversarial["recipe"], learning_rate=1e30, optimizer="sgd")
    result = run(adversarial, packs, tmp_path)
    assert result.status == "diverged"
    assert result.diverged["term"] in {"ragan", "discriminator loss", "discriminator weights"}


def test_several_adversarial_terms_are_refused(adversarial, packs, tmp_path):
    adversarial["loss"]["gan"] = adversarial["loss"]["ragan"]
    with pytest.raises(UserError, match=r"one adversarial term, not several \(ragan, gan\)"):
        run(adversarial, packs, tmp_path)


@pytest.fixture
def trained(config, packs, tmp_path):
    path = tmp_path / "earlier.safetensors"
    save_weights(path, run(config, packs, tmp_path / "earlier").network, {"status": "finished", "config": "{}"})
    return path


def test_a_run_starts_from_anothers_weights(config, packs, tmp_path, trained):
    later = copy.deepcopy(config)
    later["recipe"].update(learning_rate=1e-9, warmup=0)
    started = run(later, packs, tmp_path / "later", start=trained).state.validation
    assert started == pytest.approx(run(config, packs, tmp_path / "earlier").state.validation, abs=1e-3)


def test_a_run_that_started_and_diverged_at_once_keeps_what_it_started_from(config, packs, tmp_path, trained):
    config["recipe"].update(optimizer="sgd", learning_rate=1e30, warmup=0)
    result = run(config, packs, tmp_path / "later", start=trained)
    wanted = make_network(typed(config))
    start_from(wanted, trained)
    assert result.status == "diverged"
    assert same(result.network, wanted)


def test_x4_starts_from_x2_except_for_the_enlarging_layers(config, tmp_path):
    config["network"]["blocks"] = 4
    small, large = (
        make_network(typed(config)),
        make_network(typed({**config, "seed": 5, "task": {**config["task"], "scale": 4}})),
    )
    save_weights(tmp_path / "x2.safetensors", small, {})
    left = start_from(large, tmp_path / "x2.safetensors")
    assert left
    assert all(name.startswith("tail") for name in left)
    assert torch.equal(small.state_dict()["head.weight"], large.state_dict()["head.weight"])


def test_weights_that_do_not_fit_are_refused(config, tmp_path):
    other = make_network(typed({**config, "network": {**config["network"], "width": 12}}))
    save_weights(tmp_path / "other.safetensors", other, {})
    with pytest.raises(UserError, match=r"other\.safetensors fits only \d+% of the network"):
        start_from(make_network(typed(config)), tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"missing\.safetensors is missing: run 'make repro'"):
        start_from(make_network(typed(config)), tmp_path / "missing.safetensors")


def test_a_run_that_cannot_be_trained_says_why(config, tmp_path):
    result = not_trained(typed(config), tmp_path, "the weights are not here")
    assert result.status == "not_trained"
    assert read_history(tmp_path / "history.jsonl")[-1]["reason"] == "the weights are not here"


@pytest.fixture
def adversary(adversarial, packs):
    """A discriminator with three updates a step, without a training around it."""
    adversarial["loss"]["ragan"]["steps"] = 3
    patches = Patches(packs["train"], scale=2, patch=8, batch=2, seed=0)
    return make_discriminator_trainer(make_loss(typed(adversarial)), typed(adversarial), patches, ProcessGroup())


def test_a_discriminators_gradient_is_clipped(adversarial, packs, tmp_path):
    adversarial["recipe"]["discriminator"] = optimisation(adversarial["recipe"], clip_norm=1e-4)
    run(adversarial, packs, tmp_path)
    lines = [line for line in read_history(tmp_path / "history.jsonl") if line["event"] == "train"]
    assert [line["discriminator"]["gradient"] for line in lines] == pytest.approx([1e-4] * len(lines), rel=1e-2)
    assert all(line["gradient"] > 1e-3 for line in lines)  # the network's is not


def test_the_last_of_several_updates_is_logged(adversary, adversarial, monkeypatch):
    calls = []

    def step(*arguments):
        calls.append(arguments)
        return torch.full((4,), float(len(calls)))

    monkeypatch.setattr(DiscriminatorTrainer, "_step", step)
    network = make_network(typed(adversarial))
    output, target = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    draws = adversary.draws(5)
    assert [step for _, step in draws] == [10, 11]
    logged = adversary.update(network, network, output, target, [patches.batch(step) for patches, step in draws])
    assert logged.tolist() == [3, 3, 3, 3]
    assert calls[0][1] is output
    assert len(calls) == 3


def test_the_networks_gradient_is_logged_as_it_is(adversarial, packs, tmp_path):
    adversarial["recipe"].update(steps=1, log_every=1)
    run(adversarial, packs, tmp_path)
    network, loss = make_network(typed(adversarial)), make_loss(typed(adversarial))
    input, target = Patches(packs["train"], scale=2, patch=8, batch=2, seed=0).batch(0)
    loss(network(input), target).backward()
    norm = torch.cat([parameter.grad.flatten() for parameter in network.parameters()]).norm().item()
    assert read_history(tmp_path / "history.jsonl")[0]["gradient"] == pytest.approx(norm, rel=1e-4)


def test_a_discriminators_weights_that_are_no_numbers_at_the_end_are_noticed(adversarial, packs, tmp_path, monkeypatch):
    """After its last update nothing looks at its logits any more."""
    steps = []

    def broken(self, *arguments, step=DiscriminatorTrainer._step):
        logged = step(self, *arguments)
        steps.append(logged)
        if len(steps) == 12:
            next(self.term.discriminator.parameters()).data.fill_(float("nan"))
        return logged

    monkeypatch.setattr(DiscriminatorTrainer, "_step", broken)
    result = run(adversarial, packs, tmp_path)
    assert result.status == "diverged"
    assert result.diverged == {"term": "discriminator weights", "step": 11}


@pytest.mark.parametrize("seed", [0, 7, LAST_SEED])
def test_a_discriminator_is_initialised_apart_from_the_network(adversarial, seed):
    """Drawn from another stream: else its first layer would begin with the network's own numbers."""
    spec, adversarial["seed"] = {"size": 16, "width": 2}, seed
    drawn = []
    for stream in (LAST_SEED - seed, seed):
        torch.manual_seed(stream)
        drawn.append(build_discriminator("sharpgan", **spec))
    found = make_loss(typed(adversarial)).losses["ragan"].discriminator
    assert same(found, drawn[0])
    assert not same(found, drawn[1])


def test_what_is_kept_after_divergence_is_the_average(adversarial, tmp_path):
    """As in a run that ends well: the mean of the weights, of the newest checkpoint."""
    recipe = adversarial["recipe"]
    recipe["average"] = 0.9
    network = make_network(typed(adversarial))
    mean = make_network(typed({**adversarial, "seed": 5}))
    window = torch.zeros(recipe["log_every"], 7)
    state = State(network, make_optimizer(network, typed(adversarial).recipe), window, average=mean, step=4)
    save_state(state, tmp_path, 0)
    kept, step = last_good(typed(adversarial), tmp_path)
    assert step == 4
    assert same(kept, mean)
    assert not same(kept, network)


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_the_optimiser_of_a_recipe_has_its_settings(config, decay):
    network = make_network(typed(config))
    recipe = typed(config).recipe.model_copy(update={"momentum": 0.7, "weight_decay": decay, "betas": (0.5, 0.9)})
    (descent,) = make_optimizer(network, recipe.model_copy(update={"optimizer": "sgd"})).param_groups
    assert (descent["momentum"], descent["weight_decay"]) == (0.7, decay)
    (adam,) = make_optimizer(network, recipe).param_groups
    assert (adam["betas"], adam["weight_decay"]) == ((0.5, 0.9), decay)
