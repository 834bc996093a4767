"""The forms of a training step. CUDA graphs are played by a class that computes anew whatever it has captured."""

import contextlib
import os
import signal
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from sharploss.assets.fetch import AssetMissingError
from sharploss.data.patches import Patches
from sharploss.losses import build_loss
from sharploss.networks import build_network
from sharploss.networks.layers import PixelShuffle, shuffle_channels_last
from sharploss.training import step as step_module
from sharploss.training.loop import train
from sharploss.training.optimizers import set_rate
from sharploss.training.step import Step, fuse, make_forward
from sharploss.utils.errors import UserError
from toy_training import optimisation, typed

CPU = torch.device("cpu")


class Graph:
    """What `capture` returns: a replay writes where the capture would, reading the same tensors."""

    made = ()

    def __init__(self, function, _stream):
        self.function, self.replays, self.read = function, 0, None
        step = function.__self__
        self.inputs = [tensor for pair in step.batches for tensor in pair]
        Graph.made = (*Graph.made, self)

    def replay(self):
        step = self.function.__self__
        now = [tensor for pair in step.batches for tensor in pair]
        assert all(one is other for one, other in zip(now, self.inputs, strict=True)), "a graph reads other tensors"
        self.replays += 1
        self.function()


@pytest.fixture(autouse=True)
def graphs(monkeypatch):
    Graph.made = ()
    monkeypatch.setattr(step_module, "side_stream", contextlib.nullcontext)
    monkeypatch.setattr(step_module, "capture", Graph)
    return monkeypatch


def run(config, packs, scratch, **options):
    return train(typed(config), packs, scratch=scratch, device=CPU, **options)


def same(left, right):
    return all(torch.equal(left.state_dict()[name], value) for name, value in right.state_dict().items())


def averaged(config):
    config["recipe"].update(average=0.9, clip_norm=1e-2, accumulate=2)


def sgd(config):
    config["recipe"].update(optimizer="sgd", momentum=0.9, learning_rate=0.01)


def adversarial(config):
    config["loss"] = {"l1": 1, "ragan": {"weight": 0.01, "discriminator": "sharpgan", "width": 4, "steps": 2}}
    config["loss"]["ragan"]["size"] = 16
    config["recipe"]["discriminator"] = optimisation(config["recipe"], learning_rate=0.001)


def nlsn(config):
    config["network"] = {"network": "nlsn", "blocks": 1, "width": 8, "chunk": 8, "hashes": 2}


def batch_norm(config):
    config["network"] = {"network": "srresnet", "blocks": 1, "width": 8}


def fast(config):
    config["recipe"]["mode"] = "fast"


CHANGES = [averaged, sgd, adversarial, nlsn, batch_norm]


@pytest.mark.parametrize("change", CHANGES)
def test_a_captured_training_has_the_bits_of_an_eager_one(config, packs, tmp_path, change):
    change(config)
    eager = run(config, packs, tmp_path / "eager", form="eager")
    captured = run(config, packs, tmp_path / "captured", form="captured")
    assert same(captured.network, eager.network)
    assert (tmp_path / "eager/history.jsonl").read_bytes() == (tmp_path / "captured/history.jsonl").read_bytes()
    assert (captured.form, captured.form_reason, captured.state.replays) == ("captured", "", 12)
    assert (eager.form, eager.state.replays) == ("eager", 0)


@pytest.mark.parametrize("change", [pytest.param(adversarial, marks=pytest.mark.slow), nlsn])
def test_a_captured_training_that_was_stopped_goes_on_with_the_same_bits(config, packs, tmp_path, monkeypatch, change):
    change(config)
    whole = run(config, packs, tmp_path / "whole", form="captured")
    fill = Patches.fill

    def stopping(self, asked, *images):
        if asked == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        fill(self, asked, *images)

    with monkeypatch.context() as patch:
        patch.setattr(Patches, "fill", stopping)
        assert run(config, packs, tmp_path / "parts", form="captured").status == "stopped"
    resumed = run(config, packs, tmp_path / "parts", form="captured")
    assert same(whole.network, resumed.network)
    assert (tmp_path / "whole/history.jsonl").read_bytes() == (tmp_path / "parts/history.jsonl").read_bytes()
    assert resumed.state.replays == 12
    assert Graph.made[-1].replays < 12


def test_fast_mode_captures_what_was_compiled(config, packs, tmp_path, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda network: compiled.append(network) or network)
    fast(config)
    assert run(config, packs, tmp_path / "captured", form="captured").form == "captured"
    assert len(compiled) == 1
    assert run(config, packs, tmp_path / "eager", form="eager").form == "eager"
    assert len(compiled) == 1


def refused(_function, _stream):
    raise RuntimeError("operation not permitted when stream is capturing")


class Idle(Graph):
    """A graph that holds nothing."""

    def replay(self):
        pass


class Off(Graph):
    """A graph whose results have other last bits."""

    def replay(self):
        super().replay()
        with torch.no_grad():
            next(self.function.__self__.state.network.parameters()).mul_(1 + 1e-6)


FAULTS = {
    refused: "captured: RuntimeError: operation not permitted when stream is capturing",
    Idle: "captured: RuntimeError: a replay of the graph is off by",
    Off: "captured: RuntimeError: a replay of the graph is off by",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_capture_that_fails_is_an_error_where_it_was_asked_for(config, packs, tmp_path, graphs, fault):
    graphs.setattr(step_module, "capture", fault)
    with pytest.raises(UserError, match=f"cannot be {FAULTS[fault]}.*: name another form, or none"):
        run(config, packs, tmp_path, form="captured")


@pytest.mark.parametrize("fault", [pytest.param(one, marks=[pytest.mark.slow] * (one is not Off)) for one in FAULTS])
def test_a_capture_that_fails_leaves_no_trace_but_its_reason(config, packs, tmp_path, graphs, fault, capsys):
    adversarial(config)
    config["recipe"]["steps"] = 6
    eager = run(config, packs, tmp_path / "eager")
    graphs.setattr(step_module, "capture", fault)
    graphs.setattr(Step, "_forms", lambda _: ("captured", "eager"))
    fallen = run(config, packs, tmp_path / "fallen")
    assert same(fallen.network, eager.network)
    assert (fallen.form, fallen.state.replays) == ("eager", 0)
    assert fallen.form_reason.startswith(FAULTS[fault])
    assert FAULTS[fault] in capsys.readouterr().err


def test_weights_that_cannot_be_had_are_no_fault_of_the_form(config, packs, tmp_path, graphs):
    def missing(_function, _stream):
        raise AssetMissingError("vgg16", "no weights")

    graphs.setattr(step_module, "capture", missing)
    graphs.setattr(Step, "_forms", lambda _: ("captured", "eager"))
    with pytest.raises(AssetMissingError):
        run(config, packs, tmp_path)


def test_a_graph_that_holds_nothing_is_noticed_in_fast_mode_too(config, packs, tmp_path, graphs):
    fast(config)
    graphs.setattr(torch, "compile", lambda network: network)
    graphs.setattr(step_module, "capture", Idle)
    with pytest.raises(UserError, match="a replay of the graph is off by"):
        run(config, packs, tmp_path, form="captured")
    graphs.setattr(step_module, "capture", Off)
    assert run(config, packs, tmp_path / "off", form="captured").form == "captured"


@pytest.mark.parametrize(
    ("device", "mode", "world", "forms", "reason"),
    [
        ("cpu", "exact", 1, ("eager",), ""),
        ("cpu", "fast", 1, ("compiled", "eager"), ""),
        ("cuda", "exact", 1, ("captured", "eager"), ""),
        ("cuda", "fast", 1, ("captured", "compiled", "eager"), ""),
        ("cuda", "fast", 2, ("compiled", "eager"), "captured: several processes share a batch"),
    ],
)
def test_which_forms_are_tried(device, mode, world, forms, reason):
    gradients = SimpleNamespace(group=SimpleNamespace(world=world))
    step = Step(SimpleNamespace(mode=mode), torch.device(device), None, None, None, gradients)
    assert (step._forms(), step.reason) == (forms, reason)


@pytest.mark.slow
def test_what_is_computed_pixel_by_pixel_is_compiled_and_that_can_be_undone(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, *_: compiled.append(type(self).__name__))
    ragan = {"weight": 0.005, "discriminator": "sharpgan", "size": 8, "width": 2}
    loss = build_loss({"l1": 1, "gv": 0.01, "ragan": ragan})
    fuse(loss, compiled=True)
    assert compiled == ["L1Loss", "GradientVarianceLoss"]
    monkeypatch.undo()
    fuse(loss, compiled=True)
    fuse(loss, compiled=False)
    assert all(term._compiled_call_impl is None for term in loss.losses.values())


def test_a_learning_rate_on_the_device_is_set_in_place():
    rate = torch.zeros(())
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))], lr=rate)
    set_rate(optimizer, 0.25)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate == 0.25


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_filling_writes_what_a_batch_is(packs, layout):
    patches = Patches(packs["train"], scale=2, patch=8, batch=3, seed=0)
    images = tuple(torch.empty_like(image, memory_format=layout) for image in patches.batch(0))
    for index in (7, 8, 300):
        patches.fill(index, *images)
        assert all(torch.equal(*pair) for pair in zip(images, patches.batch(index), strict=True))


@pytest.mark.parametrize("factor", [2, 3])
def test_the_channels_last_shuffle_is_torchs(factor):
    features = torch.rand(2, 5 * factor**2, 4, 3).contiguous(memory_format=torch.channels_last)
    shuffled = shuffle_channels_last(features, factor)
    assert torch.equal(shuffled, F.pixel_shuffle(features, factor))
    assert shuffled.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(PixelShuffle(factor)(features), shuffled)


@pytest.mark.slow
def test_what_was_compiled_for_a_network_serves_the_next_run_on_it(monkeypatch):
    from torch._dynamo.utils import counters

    compiler = torch.compile
    monkeypatch.setattr(torch, "compile", lambda network: compiler(network, backend="aot_eager"))
    graphs = []
    for seed in range(3):
        torch.manual_seed(seed)
        forward = make_forward(build_network("espcn", scale=2, width=4), CPU, fast=True, compiled=True)
        forward(torch.rand(1, 3, 8, 8)).float().sum().backward()
        graphs.append(counters["stats"]["unique_graphs"])
    assert len(set(graphs)) == 1
