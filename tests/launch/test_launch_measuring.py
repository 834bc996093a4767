"""What the evaluator is asked for, and when; it is played by a list of answers, and once by a script."""

import json
import os
import signal
import sys
import time

import pytest

from sharploss.launch.engines import Slot, Worker
from sharploss.launch.measuring import BATCH, Measurements

READ = {"pack": [1, 2]}


class Pretend:
    """An evaluator that answers at once: what is measured has no fault but where `faults` has an answer for a run."""

    def __init__(self, faults=None):
        self.faults, self.asked, self.says, self.ended = faults or {}, [], None, False

    def send(self, line):
        asked = json.loads(line)
        self.asked.append(asked)
        fault = next((self.faults[key] for key in asked.get("runs", []) if key in self.faults), None)
        good = {"code": 0, "failed": []} if asked["stage"] == "measure" else {"code": 0, "read": READ}
        self.says = fault(asked) if fault else good

    def answer(self):
        return self.says

    def end(self):
        self.ended = True

    stop = end


@pytest.fixture
def make():
    """A function that makes measurements of groups, what they say, and the evaluators that were started."""

    def make(due, untrained=(), pieces=(), faults=None):
        said, started = [], []

        def start():
            started.append(Pretend(faults))
            return started[-1]

        return Measurements(due, set(untrained), list(pieces), said.append, start), said, started

    return make


def settle(measurements, **options):
    for _ in range(99):
        if not measurements.poll(last=True, **options):
            return
    raise AssertionError


def asked(started):
    return [(one["stage"], one["name"], one.get("runs", [])) for worker in started for one in worker.asked]


def test_runs_are_measured_as_they_are_trained_and_scores_written_once_all_are(make):
    measurements, said, started = make({"a": ["a1", "a2"], "b": ["b1"]}, ["a1", "a2", "b1"])
    assert not measurements.poll(last=False)
    for key in ("a1", "b1", "a2"):
        measurements.trained(key)
        settle(measurements)
    assert asked(started) == [
        ("measure", "a", ["a1"]),
        ("measure", "b", ["b1"]),
        ("evaluate", "b", ["b1"]),
        ("measure", "a", ["a2"]),
        ("evaluate", "a", ["a1", "a2"]),
    ]
    assert measurements.done == [("evaluate", "b", READ), ("evaluate", "a", READ)]
    assert said[-2:] == ["a: 2 of 2 runs measured", "a: measured"]


def test_what_was_trained_by_an_earlier_launch_completes_a_group(make):
    measurements, _, started = make({"a": ["a1", "a2", "a3"]}, ["a3"])
    settle(measurements)
    assert asked(started) == [("measure", "a", ["a1", "a2"])]  # kept, so this takes no time where it was measured
    measurements.trained("a3")
    settle(measurements)
    assert asked(started)[1:] == [("measure", "a", ["a3"]), ("evaluate", "a", ["a1", "a2", "a3"])]


def test_what_waits_is_measured_together_and_pieces_when_nothing_does(make):
    keys = [f"a{index}" for index in range(BATCH + 2)]
    measurements, said, started = make({"a": keys}, [], [("input_baselines", "x"), ("input_baselines", "y")])
    settle(measurements, most=7)
    assert asked(started) == [
        ("measure", "a", keys[:BATCH]),
        ("measure", "a", keys[BATCH:]),
        ("evaluate", "a", keys),
        ("input_baselines", "x", []),
        ("input_baselines", "y", []),
    ]
    assert measurements.done[1:] == [("input_baselines", "", READ)]
    assert said[-1] == "input_baselines: measured"
    assert {one["most"] for one in started[0].asked} == {7}


def test_beside_trainings_it_has_the_cores_that_they_leave(make):
    measurements, _, started = make({"a": ["a1"]})
    measurements.poll(last=False, most=7)
    assert started[0].asked[0]["most"] == 1


def test_at_the_end_of_its_time_what_is_measured_of_a_group_is_written(make):
    measurements, said, started = make({"a": ["a1", "a2", "a3"], "b": ["b1"]}, ["a3", "b1"], [("calibrate", "")])
    measurements.poll(last=False)
    measurements.publish()
    settle(measurements)
    assert asked(started) == [("measure", "a", ["a1", "a2"]), ("evaluate", "a", ["a1", "a2"])]
    assert measurements.done == []  # DVC is told of whole groups alone
    assert said[-1] == "a: scores of 2 of 3 runs are written"


def test_a_run_that_cannot_be_measured_keeps_its_group_alone_from_its_scores(make):
    faults = {"a2": lambda _: {"code": 0, "failed": ["a2"]}}
    measurements, said, started = make({"a": ["a1", "a2"], "b": ["b1"]}, faults=faults)
    settle(measurements)
    assert ("evaluate", "b", ["b1"]) in asked(started)
    assert [stage for stage, _, _ in asked(started)].count("evaluate") == 1
    assert "a2: not measured: see .scratch/launch/logs/evaluator.log" in said
    assert "a: 1 of 2 runs measured" in said


def test_after_a_death_each_run_is_measured_alone_by_another(make):
    faults = {"a2": lambda _: {"code": -1}}
    measurements, said, started = make({"a": ["a1", "a2", "a3"]}, faults=faults)
    settle(measurements)
    assert asked(started) == [
        ("measure", "a", ["a1", "a2", "a3"]),
        ("measure", "a", ["a1"]),
        ("measure", "a", ["a2"]),
        ("measure", "a", ["a3"]),
    ]
    assert len(started) == 3
    assert started[0].ended
    assert [line for line in said if "not measured" in line] == [
        "a2: not measured: see .scratch/launch/logs/evaluator.log"
    ]


def test_scores_that_cannot_be_written_are_left_to_dvc(make):
    measurements, said, _ = make({"a": ["a1"]}, pieces=[("calibrate", "")])
    faulty = {"code": 1}
    measurements.start = lambda: (worker := Pretend(), setattr(worker, "answer", lambda: faulty))[0]
    settle(measurements)
    assert measurements.done == []
    assert said[-1] == "calibrate: not measured: see .scratch/launch/logs/evaluator.log"


ECHO = """
import json, os, sys, time
for line in sys.stdin:
    runs = json.loads(line)["runs"]
    if len(runs) > 1:
        open("busy", "w").close()
        time.sleep(60)
    print(json.dumps({"code": 0, "failed": [], "read": {}}), flush=True)
"""


def test_an_evaluator_that_is_killed_is_started_again(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    workers, said = [], []

    def start():
        workers.append(Worker(Slot("evaluator", {}), (sys.executable, "-S", "-c", ECHO)))
        return workers[-1]

    measurements = Measurements({"a": ["a1", "a2"]}, {"b1"}, [], said.append, start)
    until, killed = time.monotonic() + 20, False
    while measurements.poll(last=True):
        assert time.monotonic() < until
        if (tmp_path / "busy").exists() and not killed:
            os.kill(workers[0].process.pid, signal.SIGKILL)
            killed = True
        if len(workers) > 1 and "a: 2 of 2 runs measured" in said:
            break  # the scores of two runs would take it a minute
        time.sleep(0.02)
    assert said == ["a: 1 of 2 runs measured", "a: 2 of 2 runs measured"]
    measurements.stop()
    assert workers[1].process.returncode is not None
