"""kill -9 at 10 moments of a training, then the same command again: the bits of a run that was never killed."""

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from toy_training import write_packs

MOMENTS = [*["any"] * 4, *["checkpoint"] * 3, *["validation"] * 3]


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packs")
    write_packs(folder)
    return folder


@pytest.fixture(scope="module")
def train(packs):
    """A function that trains in a process of its own: train(kind, folder, kill) -> what the driver answers."""
    command = [sys.executable, str(Path(__file__).with_name("driver.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as driver:

        def ask(kind, folder, kill=None):
            paths = {"packs": str(packs), "scratch": str(folder / "scratch"), "weights": str(folder / "weights")}
            driver.stdin.write(json.dumps({"kind": kind, "kill": kill, **paths}).encode() + b"\n")
            driver.stdin.flush()
            return json.loads(driver.stdout.readline())

        yield ask
        driver.stdin.close()


def made(folder):
    """What a run leaves: weights (of both sides where there are two) and the record, as bytes."""
    names = ["weights", "weights.judge", "scratch/history.jsonl"]
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


def moments(seed):
    """10 seeded moments: 4 anywhere, 3 while a checkpoint is being written, 3 in an evaluation."""
    draw = random.Random(seed)
    longest = {"any": 0.5, "checkpoint": 0.035, "validation": 0.035}
    return [
        {"phase": phase, "count": 1 if phase == "any" else draw.randint(1, 4), "delay": draw.uniform(0, longest[phase])}
        for phase in MOMENTS
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "seed"), [("plain", 1), ("adversarial", 2)])
def test_killed_at_10_moments_every_run_ends_with_the_same_bits(train, tmp_path, kind, seed):
    assert train(kind, tmp_path / "whole") == {"status": 0, "phase": None}
    whole = made(tmp_path / "whole")
    assert len(whole) == (3 if kind == "adversarial" else 2)
    hit, equal = [], 0
    for index, kill in enumerate(moments(seed)):
        folder = tmp_path / str(index)
        answer = train(kind, folder, kill)
        assert answer["status"] == signal.SIGKILL, f"moment {index} came after the end"
        hit.append(answer["phase"])
        assert train(kind, folder)["status"] == 0
        equal += made(folder) == whole
    assert equal == len(MOMENTS)
    assert hit.count("checkpoint") >= 2, hit
    assert hit.count("validation") >= 2, hit


@pytest.mark.slow
def test_killed_again_and_again_a_run_still_ends_with_the_same_bits(train, tmp_path):
    train("plain", tmp_path / "whole")
    for index, kill in enumerate(moments(3)[4:]):
        train("plain", tmp_path / "parts", {**kill, "count": 1 + index % 2})
    assert train("plain", tmp_path / "parts")["status"] == 0
    assert made(tmp_path / "parts") == made(tmp_path / "whole")
    assert {path.suffix for path in (tmp_path / "parts/scratch").iterdir()} <= {".pt", ".jsonl", ".tmp"}
