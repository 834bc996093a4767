import pickle
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from torch import nn

from sharploss.training.checkpoint import (
    alone,
    config_hash,
    load_checkpoint,
    load_weights,
    save_checkpoint,
    save_weights,
)
from sharploss.utils.errors import UserError

CPU = torch.device("cpu")


def test_the_newest_two_are_kept(tmp_path):
    for step in (10, 20, 30):
        save_checkpoint(tmp_path, {"step": step})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000020.pt", "step-000000030.pt"]
    assert load_checkpoint(tmp_path, CPU) == {"step": 30}


def test_nothing_there_gives_none(tmp_path):
    assert load_checkpoint(tmp_path / "nowhere", CPU) is None


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda _: b"", lambda _: b"garbage"])
def test_a_damaged_one_falls_back_to_the_one_before(tmp_path, damage, capsys):
    save_checkpoint(tmp_path, {"step": 10, "x": torch.ones(3)})
    newest = save_checkpoint(tmp_path, {"step": 20, "x": torch.ones(3)})
    newest.write_bytes(damage(newest.read_bytes()))
    state = load_checkpoint(tmp_path, CPU)
    assert state is not None
    assert state["step"] == 10
    assert "step-000000020" in capsys.readouterr().err


def test_a_flipped_bit_is_noticed(tmp_path):
    save_checkpoint(tmp_path, {"step": 10, "x": torch.ones(1000)})
    newest = save_checkpoint(tmp_path, {"step": 20, "x": torch.ones(1000)})
    data = bytearray(newest.read_bytes())
    data[data.index(torch.ones(8).numpy().tobytes()) + 5] ^= 1
    newest.write_bytes(data)
    state = load_checkpoint(tmp_path, CPU)
    assert state is not None
    assert state["step"] == 10


class Evil:
    def __reduce__(self):
        return (open, ("owned", "w"))


def test_a_malicious_pickle_is_not_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "step-000000001.pt").write_bytes(pickle.dumps({"step": Evil()}))
    assert load_checkpoint(tmp_path, CPU) is None
    assert not (tmp_path / "owned").exists()


def test_weights_come_back_with_their_metadata_whatever_the_memory_format(tmp_path):
    network = nn.Conv2d(3, 4, 3)
    metadata = {"key": "k", "status": "finished", "config": "{}", "more": "x"}
    save_weights(tmp_path / "a.safetensors", network, metadata)
    for _ in range(5):
        save_weights(tmp_path / "b.safetensors", network.to(memory_format=torch.channels_last), metadata)
        assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    other = nn.Conv2d(3, 4, 3)
    load_weights(tmp_path / "a.safetensors", other)
    assert torch.equal(other.weight, network.weight)
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        found = file.metadata()
    assert len(found.pop("sha256")) == 64
    assert found == metadata


@pytest.mark.parametrize(
    ("network", "told"),
    [
        (nn.Conv2d(3, 5, 3), r"size mismatch for weight: .*\[4, 3, 3, 3\].*\[5, 3, 3, 3\]"),
        (nn.Conv2d(3, 4, 3, bias=False), r'Unexpected key\(s\) .* "bias"'),
        (nn.Sequential(nn.Conv2d(3, 4, 3)), r'Missing key\(s\) .* "0.weight"'),
    ],
)
def test_weights_of_another_network_are_refused_naming_the_tensor(tmp_path, network, told):
    save_weights(tmp_path / "a.safetensors", nn.Conv2d(3, 4, 3), {})
    with pytest.raises(UserError, match=told):
        load_weights(tmp_path / "a.safetensors", network)


def test_missing_and_truncated_weights_are_named(tmp_path):
    with pytest.raises(UserError, match=r"a\.safetensors is missing"):
        load_weights(tmp_path / "a.safetensors", nn.Conv2d(3, 4, 3))
    save_weights(tmp_path / "a.safetensors", nn.Conv2d(3, 4, 3), {})
    (tmp_path / "a.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes()[:-4])
    with pytest.raises(UserError, match=r"a\.safetensors is damaged"):
        load_weights(tmp_path / "a.safetensors", nn.Conv2d(3, 4, 3))


def test_the_configurations_hash_ignores_the_order_of_keys_and_nothing_else():
    assert config_hash({"a": 1, "b": 2}) == config_hash({"b": 2, "a": 1}) != config_hash({"a": 1, "b": 3})


SCRIPT = """
import resource, sys, torch
from pathlib import Path
from torch import nn
from sharploss.utils.command import run_main
from sharploss.training.checkpoint import save_checkpoint, save_weights

folder = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "save",
    [
        "save_checkpoint(folder, {'step': 1, 'x': torch.ones(10000)})",
        "save_weights(folder / 'weights', nn.Linear(100, 100), {})",
    ],
)
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, save):
    command = [sys.executable, "-c", f"{SCRIPT}run_main(lambda: {save})", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: File too large ({tmp_path}/")
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_shares_a_tensor_is_saved_and_loaded(tmp_path):
    shared = nn.PReLU()
    network = nn.Sequential(nn.Conv2d(3, 3, 1), shared, nn.Conv2d(3, 3, 1), shared)
    save_weights(tmp_path / "shared.safetensors", network, {"status": "finished"})
    again = nn.Sequential(nn.Conv2d(3, 3, 1), other := nn.PReLU(init=0.9), nn.Conv2d(3, 3, 1), other)
    load_weights(tmp_path / "shared.safetensors", again)
    assert torch.equal(again[1].weight, shared.weight)


def test_two_trainings_of_one_run_at_once_are_refused_and_its_death_lets_go(tmp_path):
    scratch = tmp_path / "run-abc"
    with alone(scratch):
        with pytest.raises(UserError, match="run-abc is being trained by another process"), alone(scratch):
            pass
        with alone(scratch, claims=False), alone(tmp_path / "other-abc"):  # one of its own group, and another run
            pass
    with alone(scratch):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["weight", "bias"])
def test_weights_that_are_not_finite_are_refused(tmp_path, name, value):
    network = nn.Linear(3, 2)
    with torch.no_grad():
        getattr(network, name).view(-1)[-1] = value
    save_weights(tmp_path / "w.safetensors", network, {})
    with pytest.raises(UserError, match=rf"w\.safetensors is damaged \('{name}' has values that are not finite\)"):
        load_weights(tmp_path / "w.safetensors", nn.Linear(3, 2))
