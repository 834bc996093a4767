"""What is told to DVC of finished runs and scores, and when; DVC is played by a script."""

import sys
import time
from pathlib import Path

import pytest

from sharploss.launch.engines import Attempt
from sharploss.launch.jobs import Job
from sharploss.launch.recorder import PAUSE, Recorder
from sharploss.launch.training import stamps

SCRIPT = """
import sys, time
time.sleep({pause})
open("told", "a").write(" ".join(sys.argv[1:]) + "\\n")
sys.exit({code})
"""

JOBS = [Job(key, None, 1, 1.0, f"train@{key}", key[0]) for key in ("a1", "a2", "b1")]


class Pretend:
    """Measurements that are busy for some looks, and then have measured group a."""

    def __init__(self, looks, read):
        self.looks, self.read, self.told, self.done, self.stopped = looks, read, [], [], False

    def trained(self, key):
        self.told.append(key)

    def poll(self, *, last, most):  # noqa: ARG002
        self.looks -= 1
        if self.looks == 0:
            self.done.append(("evaluate", "a", self.read))
            self.done.append(("protocols", "", self.read))
        return self.looks > 0

    def stop(self):
        self.stopped = True


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A function that makes a recorder with a DVC that ends with a code."""
    monkeypatch.chdir(tmp_path)
    Path("pack").write_text("pixels")

    def say(text):
        with Path("said").open("a") as file:
            file.write(f"{text}\n")

    def make(code=0, pause=0, looks=0):
        record = (sys.executable, "-S", "-c", SCRIPT.format(code=code, pause=pause))
        return Recorder("mini", Pretend(looks, stamps([Path("pack")])), say, record)

    return make


def attempt(index, read="pack"):
    scratch = Path(f"scratch{index}")
    scratch.mkdir()
    about = {"read": stamps([Path(read)]), "scratch": str(scratch)} if read else {}
    return Attempt(JOBS[index], None, "here", 0.0, about)


def settle(recorder, **options):
    until = time.monotonic() + 30
    while recorder.poll(last=True, **options):
        assert time.monotonic() < until
        time.sleep(0.02)


def told():
    return Path("told").read_text().splitlines() if Path("told").exists() else []


def test_runs_and_scores_are_recorded_together_when_all_is_measured(study):
    recorder = study(looks=9)
    for index in range(3):
        recorder.add(attempt(index))
        recorder.poll()
        assert recorder.commit is None
    settle(recorder)
    assert told() == ["train@a1 train@a2 train@b1 evaluate@mini-a protocols@mini"]
    assert recorder.failed == []
    assert recorder.measurements.told == ["a1", "a2", "b1"]
    assert recorder.measurements.stopped
    assert not list(Path().glob("scratch*"))


def test_while_others_train_runs_are_recorded_after_a_pause(study):
    recorder = study(looks=99)
    recorder.add(attempt(0))
    recorder.since -= PAUSE
    recorder.poll()
    assert recorder.commit is not None
    recorder.measurements.looks = 0
    settle(recorder)
    assert told() == ["train@a1"]


def test_a_run_whose_data_have_changed_meanwhile_is_neither_measured_nor_recorded(study):
    recorder = study()
    late = attempt(0)
    Path("pack").write_text("other pixels")
    recorder.add(late)
    settle(recorder)
    assert told() == []
    assert recorder.failed == ["a1"]
    assert recorder.measurements.told == []
    assert "a1: what it was trained from has changed meanwhile" in Path("said").read_text()


def test_scores_whose_data_have_changed_meanwhile_are_not_recorded(study):
    recorder = study(looks=2)
    Path("pack").unlink()
    settle(recorder)
    assert told() == []
    assert recorder.failed == []
    assert "evaluate@mini-a: what it was measured from has changed meanwhile" in Path("said").read_text()


def test_a_commit_that_fails_keeps_what_was_trained(study):
    recorder = study(code=1)
    recorder.add(attempt(2))
    settle(recorder)
    assert recorder.failed == ["b1"]
    assert Path("scratch2").is_dir()
    assert "b1: trained, but DVC did not record it: see .scratch/launch/logs/record.log" in Path("said").read_text()


def test_measuring_is_stopped_and_what_is_trained_recorded(study):
    recorder = study(pause=0.2, looks=99)
    recorder.add(attempt(2))
    recorder.poll(last=True)
    recorder.add(attempt(0))
    recorder.stop(0.02)
    assert recorder.measurements.stopped
    assert told() == ["train@b1 train@a1"]


def test_what_dvc_has_run_itself_needs_no_recording(study):
    recorder = study()
    recorder.add(attempt(2, read=None))
    settle(recorder)
    assert told() == []
    assert recorder.measurements.told == ["b1"]
