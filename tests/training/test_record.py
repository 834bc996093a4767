import contextlib
import importlib.metadata
import itertools
import math
import re

import pytest
import torch

import sharploss
from sharploss.data.patches import Patches
from sharploss.record.paths import paths
from sharploss.record.run import load_run, save_run, summarise
from sharploss.training import device, loop
from sharploss.training.checkpoint import load_checkpoint, save_weights
from sharploss.training.device import describe_processor
from sharploss.training.loop import not_trained, train
from sharploss.training.record import describe_start, make_record
from sharploss.training.state import make_network, save_state
from toy_training import typed

CPU = torch.device("cpu")
ABOUT = describe_start(CPU)


def test_what_a_finished_run_says_of_itself(config, packs, tmp_path):
    outcome = train(typed(config), packs, scratch=tmp_path, device=torch.device("cpu"))
    record = make_record("key", typed(config), outcome, ABOUT | {"identity": "abc"})
    result, origin = record.metrics, record.provenance
    assert (result.status, result.step) == ("finished", 12)
    assert set(result.terms) == {"l1", "gv"}
    assert result.validation["psnr_y"] > 0
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", origin.started)
    assert (origin.config, origin.identity) == (typed(config), "abc")
    assert origin.parameters == sum(p.numel() for p in outcome.network.parameters() if p.requires_grad)
    assert origin.versions["torch"] == torch.__version__
    assert {"python", "numpy", "pillow", "libjpeg"} < origin.versions.keys()
    assert origin.instruction_sets.split()[0] == torch.backends.cpu.get_cpu_capability()
    assert (origin.threads, origin.processor.split(",")[0]) == (torch.get_num_threads(), origin.hardware.split(",")[0])
    files = paths("mini", tmp_path).run("key")
    save_run(files, record)
    assert load_run(files, "key") == record


def test_a_diverged_run_says_so(config, packs, tmp_path):
    config["recipe"].update(optimizer="sgd", learning_rate=1e30, warmup=0)
    outcome = train(typed(config), packs, scratch=tmp_path, device=torch.device("cpu"))
    result = make_record("key", typed(config), outcome, ABOUT).metrics
    assert result.status == "diverged"
    assert result.diverged is not None


def test_a_run_that_was_not_trained_says_what_to_do(config, tmp_path):
    outcome = not_trained(typed(config), tmp_path, "a.pth is not here")
    assert make_record("key", typed(config), outcome, ABOUT).metrics.cure is None
    result = make_record("key", typed(config), outcome, ABOUT, cure="fetch it").metrics
    assert (result.status, result.reason, result.cure) == ("not_trained", "a.pth is not here", "fetch it")


def test_a_package_without_metadata_git_that_is_not_there_and_an_unknown_system_are_no_errors(monkeypatch, tmp_path):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(device, "CPUINFO", tmp_path / "none")
    found = describe_start(CPU)
    assert found["commit"] == "unknown"
    assert found["versions"]["sharploss"] == sharploss.__version__
    assert found["processor"]


# Three processors that give their machines one name, and one of another family.
NAME = "model name\t: AMD EPYC\n"
SYSTEMS = {
    "zen2": f"cpu family\t: 23\nmodel\t\t: 49\n{NAME}stepping\t: 0\nflags\t\t: fpu sse4_2 fma avx avx2\n",
    "zen3": f"cpu family\t: 25\nmodel\t\t: 1\n{NAME}stepping\t: 1\nflags\t\t: fpu sse4_2 fma avx avx2\n",
    "zen4": f"cpu family\t: 25\nmodel\t\t: 1\n{NAME}stepping\t: 1\nflags\t\t: fpu fma avx avx2 avx512f avx512_bf16\n",
    "arm": "processor\t: 0\nFeatures\t: fp asimd sve bf16 sve2\nCPU part\t: 0xd40\n",
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_processors_of_one_name_are_told_apart(monkeypatch, tmp_path, system):
    described = {}
    for name, text in SYSTEMS.items():
        (tmp_path / name).write_text(f"{text}\nprocessor\t: 1\nmodel name\t: another\nflags\t: avx10\n")
        monkeypatch.setattr(device, "CPUINFO", tmp_path / name)
        described[name] = (*describe_processor()[:2], tuple(describe_processor()[2]))
    assert len(set(described.values())) == len(SYSTEMS)
    name, _, sets = described[system]
    assert "another" not in name
    assert set(sets) == {
        word for word in SYSTEMS[system].split() if word.startswith(("avx", "fma", "sse", "asimd", "sve"))
    }


def _killed_after(stop):
    """What writes checkpoints, and has the process die after the one of step `stop`."""

    def save(state, *rest):
        save_state(state, *rest)
        if state.step >= stop:
            raise KeyboardInterrupt

    return save


@pytest.mark.parametrize(
    ("every", "stops"),
    [(4, [8]), (4, [8, 8]), (3, [3, 6]), (6, [12]), (6, [12, 12]), (4, [4, 12, 12]), (1, [1, 2, 3, 12])],
)
def test_the_speed_is_that_of_the_whole_training_however_often_it_was_resumed(
    config, packs, tmp_path, monkeypatch, every, stops
):
    """`stops` are the steps after which a process that trained the run was killed."""
    config["recipe"]["checkpoint_every"] = every
    clock, spent = itertools.count(1.0), 0.0
    # A clock that goes on by a second each time it is looked at.
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    for stop in stops:
        monkeypatch.setattr(loop, "save_state", _killed_after(stop))
        with contextlib.suppress(KeyboardInterrupt):  # none where the last step was done before
            train(typed(config), packs, scratch=tmp_path, device=CPU)
        spent = load_checkpoint(tmp_path, CPU)["seconds"]
    monkeypatch.setattr(loop, "save_state", save_state)
    outcome = train(typed(config), packs, scratch=tmp_path, device=CPU)
    provenance = make_record("key", typed(config), outcome, ABOUT).provenance
    assert provenance.seconds > spent > 0
    assert provenance.steps_per_second == pytest.approx(12 / provenance.seconds, abs=1e-3)
    assert provenance.patches_per_second == pytest.approx(24 / provenance.seconds, abs=0.1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_validation_that_is_no_number_ends_no_training(config, packs, tmp_path, monkeypatch, value):
    monkeypatch.setattr(loop, "validate", lambda *_, **__: value)
    outcome = train(typed(config), packs, scratch=tmp_path, device=CPU)
    record = make_record("key", typed(config), outcome, ABOUT)
    assert record.metrics.validation == {"psnr_y": None}
    save_run(paths("mini", tmp_path).run("key"), record)
    assert "validation not finite" in summarise(load_run(paths("mini", tmp_path).run("key"), "key"))


def test_images_and_weights_that_were_left_out_are_in_the_record(config, packs, tmp_path, monkeypatch):
    """A network for x2 that starts from one for x4 lacks its enlarging layers; one image is smaller than the patch."""
    first = make_network(typed(config | {"task": config["task"] | {"scale": 4}}))
    save_weights(tmp_path / "first.safetensors", first, {})
    left_out = {"toy/b": "its input is smaller than the patch of 8 pixels"}
    monkeypatch.setattr(loop, "Patches", lambda *about, **more: left(Patches(*about, **more), left_out))
    start = tmp_path / "first.safetensors"
    outcome = train(typed(config), packs, scratch=tmp_path / "scratch", device=CPU, start=start)
    provenance = make_record("key", typed(config), outcome, ABOUT).provenance
    assert provenance.left_out == left_out
    wanted = make_network(typed(config)).state_dict()
    unlike = {n for n, t in wanted.items() if n not in first.state_dict() or first.state_dict()[n].shape != t.shape}
    assert set(provenance.fresh) == unlike


def left(patches, names):
    patches.left_out = names
    return patches
