"""What the evaluator does of what it is asked."""

import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sharploss.launch import evaluator, worker
from sharploss.record.paths import paths
from sharploss.utils.errors import UserError


@pytest.fixture(autouse=True)
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(evaluator, "load_params", lambda: SimpleNamespace(study="mini", tasks={"x": None}))


@pytest.fixture
def done(monkeypatch):
    """What was evaluated, where one run cannot be."""
    found = []

    def evaluate(group, runs, *, write=True):
        found.append((group, list(runs), write))
        if "bad" in runs:
            raise UserError("bad is damaged")

    monkeypatch.setattr(evaluator, "evaluate", evaluate)
    return found


def test_a_fault_in_one_run_is_that_runs_alone(done, capsys):
    said = evaluator.work("measure", "g", ["a", "bad", "c"], most=3)
    assert said == {"code": 0, "failed": ["bad"]}
    assert [runs for _, runs, _ in done] == [["a", "bad", "c"], ["a"], ["bad"], ["c"]]
    assert not any(write for *_, write in done)
    assert capsys.readouterr().err == "error: bad is damaged\n"
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_scores_are_written_over_what_is_there_and_what_was_read_is_told(done):
    files = paths("mini")
    old, weights = files.crop("g", "eye", "gone"), files.weights("g", "a")
    for path in (old, weights, files.receipts / "set.json", files.pack("x", "test-set")):
        path.parent.mkdir(parents=True)
        path.touch()
    said = evaluator.work("evaluate", "g", ["a"])
    assert done == [("g", ["a"], False), ("g", ["a"], True)]
    assert not old.exists()
    assert {Path(path).name for path in said["read"]} == {"a.safetensors", "set.json", "test-set.safetensors"}


def test_input_baselines_of_tasks_that_are_no_more_go(monkeypatch):
    folders = [paths("mini").input_baseline(name) for name in ("x", "gone")]
    for folder in folders:
        folder.mkdir(parents=True)
    monkeypatch.setattr(evaluator, "evaluate_untrained", lambda stage, tasks: len([stage, *tasks]))
    assert evaluator.work("input_baselines", "x") == {"code": 2, "read": {}}
    assert not any(folder.exists() for folder in folders)


def test_it_answers_to_its_end_or_the_first_fault(monkeypatch):
    def work(stage):
        if stage == "bad":
            raise RuntimeError("broken")
        return {"code": 0}

    out, into = os.pipe()
    monkeypatch.setattr(evaluator, "work", work)
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f'{{"stage": "{name}"}}\n' for name in ("good", "bad", "x"))))
    monkeypatch.setattr(worker.os, "dup", lambda _: into)
    monkeypatch.setattr(worker.os, "dup2", lambda *_: None)
    assert worker.serve(evaluator.answer) == 1
    assert [json.loads(line)["code"] for line in os.read(out, 4096).splitlines()] == [0, 1]
    os.close(out)
