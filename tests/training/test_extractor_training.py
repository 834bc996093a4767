"""Training MDF's discriminators: exact, resumable, recorded, and learning something."""

import math
import os
import signal
from functools import cache

import pytest
import torch
from extraction import TASKS, picture
from torch import nn

from sharploss.config.extractors import Extractor
from sharploss.mdf.loss import features
from sharploss.mdf.networks import SinGANDiscriminator, initialise
from sharploss.mdf.pyramid import distorted_input, load_image, make_pyramid, random_numbers
from sharploss.record.history import read_history
from sharploss.training.extractor import LOGGED, critic_terms, train_extractor, width
from sharploss.utils.errors import UserError

CPU = torch.device("cpu")


def settings(**changes):
    tiny = {"min_size": 12, "max_size": 30, "scales": 3, "width": 4, "iterations": 4, "log_every": 3, "steps": 2}
    return Extractor(task="t", image="a/b", **{**tiny, **changes})


def train(scratch, kind="denoise", **changes):
    return train_extractor(settings(**changes), TASKS[kind], picture(6), scratch=scratch, device=CPU, title="toy")


def same(one, other):
    first, second = (extraction.discriminators.state_dict() for extraction in (one, other))
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def kill_after(monkeypatch, count):
    """Send SIGTERM to this process at one of the discriminator's steps."""
    calls = []

    def counting(*arguments):
        calls.append(None)
        if len(calls) == count:
            os.kill(os.getpid(), signal.SIGTERM)
        return critic_terms(*arguments)

    monkeypatch.setattr("sharploss.training.extractor.critic_terms", counting)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A function of the kind of task that trains once: what came of it, and its folder."""

    @cache
    def once(kind):
        scratch = tmp_path_factory.mktemp(kind)
        return train(scratch, kind), scratch

    return once


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind != "sr")) for kind in TASKS])
def test_twice_is_the_same_to_the_bit(tmp_path, trained, kind):
    (one, scratch), other = trained(kind), train(tmp_path, kind)
    assert one.status == "finished"
    assert len(one.discriminators) == 3
    assert same(one, other)
    assert (scratch / "history.jsonl").read_bytes() == (tmp_path / "history.jsonl").read_bytes()


def test_the_scale_of_super_resolution_is_in_no_number(tmp_path, trained, monkeypatch):
    one, _ = trained("sr")
    monkeypatch.setitem(TASKS, "sr", TASKS["sr"].model_copy(update={"scale": 2}))
    assert same(one, train(tmp_path, "sr"))


def test_another_seed_gives_other_discriminators(tmp_path, trained):
    assert not same(trained("denoise")[0], train(tmp_path, seed=1))


def test_a_stopped_training_ends_with_the_same_bits(tmp_path, trained, monkeypatch):
    whole, scratch = trained("denoise")
    # 8 calls a scale: the 11th is in the second iteration of the second scale.
    kill_after(monkeypatch, 11)
    stopped = train(tmp_path / "again")
    assert stopped.status == "stopped"
    assert len(stopped.discriminators) == 1
    monkeypatch.undo()
    resumed = train(tmp_path / "again")
    assert resumed.status == "finished"
    assert same(whole, resumed)
    assert (scratch / "history.jsonl").read_bytes() == (tmp_path / "again/history.jsonl").read_bytes()


def test_a_finished_training_is_not_done_again(trained, monkeypatch):
    whole, scratch = trained("denoise")
    monkeypatch.setattr("sharploss.training.extractor.critic_terms", lambda *_: pytest.fail("trained again"))
    assert same(whole, train(scratch))


def test_the_global_random_state_neither_matters_nor_changes(tmp_path, trained):
    one, _ = trained("denoise")
    torch.manual_seed(123)
    before = torch.get_rng_state()
    assert same(one, train(tmp_path / "other"))
    assert torch.equal(before, torch.get_rng_state())


def test_the_record_tells_both_sides(tmp_path):
    train(tmp_path, iterations=7, steps=1)
    lines = read_history(tmp_path / "history.jsonl")
    assert [(line["scale"], line["iteration"]) for line in lines] == [(k, i) for k in range(3) for i in (3, 6, 7)]
    assert all(math.isfinite(lines[-1][name]) for name in LOGGED)
    assert all(line["event"] == "extract" and line["reconstruction"] > 0 for line in lines)


def test_the_rate_falls_at_the_milestone(tmp_path):
    train(tmp_path, iterations=2, milestone=1, learning_rate=1e-3, log_every=1)
    rates = [line["lr"] for line in read_history(tmp_path / "history.jsonl")]
    assert rates == pytest.approx([1e-3, 1e-4] * 3)


def test_discriminators_see_12_images_an_iteration_and_inherit_from_the_scale_before(tmp_path):
    # As the counters in the authors' files say: 12,000 more each scale, from the start again where the width changes.
    done = train(tmp_path, steps=3, scales=5, iterations=1)
    counted = [int(one.head.norm.num_batches_tracked) for one in done.discriminators]
    assert counted == [12, 24, 36, 48, 12]
    assert [one.tail.in_channels for one in done.discriminators] == [4, 4, 4, 4, 8]


def test_widths_are_those_of_the_authors_files():
    official = settings(width=32)
    assert [width(index, official) for index in range(13)] == [32] * 4 + [64] * 4 + [128] * 5


def test_what_is_trained_is_frozen_and_can_serve_as_a_loss(trained):
    done, _ = trained("denoise")
    assert not any(module.training for module in done.discriminators.modules())
    assert not any(parameter.requires_grad for parameter in done.discriminators.parameters())
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    torch.cat([part.flatten() for part in features(image, done.discriminators, ["tail"], "[0,1]")]).sum().backward()
    assert image.grad.abs().sum() > 0


def test_a_diverging_training_stops_with_a_word(tmp_path):
    with pytest.raises(UserError, match=r"'toy' has diverged: \w+ is not finite at scale 0, iteration \d+: lower its"):
        train(tmp_path, learning_rate=1e30, iterations=30)


def test_the_penalty_is_0_where_every_gradient_has_length_1():
    class Sum(nn.Module):
        def forward(self, images):
            return images.sum(1, keepdim=True) / 3**0.5

    real, fake = torch.rand(1, 3, 5, 6), torch.rand(1, 3, 5, 6)
    d_real, d_fake, penalty = critic_terms(Sum(), real, fake, 0.3)
    assert penalty.item() == pytest.approx(0, abs=1e-12)
    assert d_real.item() == pytest.approx(real.sum().item() / 3**0.5 / 30, rel=1e-5)
    assert d_fake.item() == pytest.approx(fake.sum().item() / 3**0.5 / 30, rel=1e-5)
    double = critic_terms(lambda images: 2 * Sum()(images), real, fake, 0.3)
    assert double[2].item() == pytest.approx(1, rel=1e-5)


def separation(network, real, fake):
    """How far apart the mean logits are, in standard deviations of the real image's."""
    with torch.no_grad():
        logits = network(real)
        return ((logits.mean() - network(fake).mean()) / logits.std()).item()


def untrained(like):
    """A discriminator with initial weights; its normalisations know the image, so that only learning differs."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = SinGANDiscriminator(32).train()
        initialise(network)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        network(like)
    return network.eval()


@pytest.mark.slow
def test_discriminators_tell_a_photograph_they_never_saw_from_a_restored_one(tmp_path):
    """After the mini training for denoising: real above restored at every scale, more so than before training.

    For super-resolution this does not hold after so short a training: there the generator, which gets no noise, learns
    the one small image by heart, and little is left for the discriminator to tell.
    """
    mini = Extractor(task="t", image="skimage_train/coffee", scales=2, max_size=40, iterations=30, log_every=20)
    image, _ = load_image(mini.image, {})
    done = train_extractor(mini, TASKS["denoise"], image, scratch=tmp_path, device=CPU, title="mini")
    other = make_pyramid(load_image("skimage_test/astronaut", {})[0], TASKS["denoise"], mini, CPU)
    for index, network in enumerate(done.discriminators):
        real = other.scales[index].real
        with torch.no_grad():
            restored = done.generators[index](distorted_input(other, done.generators[:index], random_numbers(5)))
        found = separation(network, real, restored)
        assert found > max(0, separation(untrained(real), real, restored))
