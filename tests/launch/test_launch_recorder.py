"""What is told to DVC of finished runs, in which order, and what is evaluated; DVC is played by a script."""

import sys
import time
from pathlib import Path

import pytest

from sharploss.launch.engines import Task
from sharploss.launch.jobs import Job
from sharploss.launch.recorder import PAUSE, Recorder
from sharploss.launch.training import stamps

SCRIPT = """
import sys, time
time.sleep({pause})
open("told", "a").write(" ".join(sys.argv[1:]) + "\\n")
sys.exit({code})
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A function that makes a recorder of three runs, of two groups, with a DVC that ends with a code."""
    monkeypatch.chdir(tmp_path)
    Path("pack").write_text("pixels")
    jobs = [Job(key, None, 1, 1.0, f"train@{key}", key[0]) for key in ("a1", "a2", "b1")]

    def say(text):
        with Path("said").open("a") as file:
            file.write(f"{text}\n")

    def make(code=0, pause=0):
        dvc = (sys.executable, "-c", SCRIPT.format(code=code, pause=pause))
        return Recorder("mini", jobs, say, dvc, stages=["protocols@mini"])

    return make


def task(recorder, index, read="pack"):
    scratch = Path(f"scratch{index}")
    scratch.mkdir()
    about = {"read": stamps([Path(read)]), "scratch": str(scratch)} if read else {}
    return Task(recorder.jobs[index], None, "here", 0.0, about)


def settle(recorder, **options):
    until = time.monotonic() + 30
    while recorder.poll(last=True, **options):
        assert time.monotonic() < until
        time.sleep(0.02)


def told():
    return Path("told").read_text().splitlines() if Path("told").exists() else []


def recorded():
    return [line for line in told() if line.startswith("commit")]


def measured():
    return [line for line in told() if not line.startswith("commit")]


UNTRAINED = "repro -s --keep-going protocols@mini"


def test_runs_are_recorded_together_and_a_group_is_evaluated_when_it_is_complete(study):
    recorder = study()
    for index in range(3):
        recorder.add(task(recorder, index))
        recorder.poll()
        assert recorder.commit is None
    settle(recorder)
    assert recorded() == ["commit --force --quiet --no-relink train@a1 train@a2 train@b1"]
    assert measured() == [UNTRAINED, "repro -s --keep-going evaluate@mini-a evaluate@mini-b"]
    assert recorder.failed == []
    assert not list(Path().glob("scratch*"))


def test_while_others_train_runs_are_recorded_after_a_pause(study):
    recorder = study()
    recorder.add(task(recorder, 0))
    recorder.since -= PAUSE
    recorder.poll()
    assert recorder.commit is not None
    settle(recorder)
    assert recorded() == ["commit --force --quiet --no-relink train@a1"]
    assert measured() == [UNTRAINED]  # the other run of its group is not there


def test_a_run_whose_data_have_changed_meanwhile_is_not_recorded(study):
    recorder = study()
    late = task(recorder, 0)
    Path("pack").write_text("other pixels")
    recorder.add(late)
    settle(recorder)
    assert recorded() == []
    assert recorder.failed == ["a1"]
    assert "a1: what it was trained from has changed meanwhile" in Path("said").read_text()


def test_a_commit_that_fails_keeps_what_was_trained(study):
    recorder = study(code=1)
    recorder.add(task(recorder, 2))
    settle(recorder)
    assert recorder.failed == ["b1"]
    assert Path("scratch2").is_dir()
    assert "b1: trained, but DVC did not record it: see .scratch/launch/logs/record.log" in Path("said").read_text()


def test_an_evaluation_is_stopped_and_what_is_trained_recorded(study):
    recorder = study(pause=1)
    recorder.add(task(recorder, 2))
    until = time.monotonic() + 30
    while "evaluate@mini-b" not in recorder.measuring:
        recorder.poll(last=True)
        assert time.monotonic() < until
        time.sleep(0.02)
    recorder.add(task(recorder, 0))
    recorder.stop(0.02)
    assert recorded() == ["commit --force --quiet --no-relink train@b1", "commit --force --quiet --no-relink train@a1"]
    assert measured() == [UNTRAINED]


def test_what_dvc_has_run_itself_needs_no_recording(study):
    recorder = study()
    recorder.add(task(recorder, 2, read=None))
    settle(recorder)
    assert recorded() == []
    assert recorder.recorded == {"b1"}
