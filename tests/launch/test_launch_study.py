"""`launch` on this machine: order, failures, Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from last_step import PAUSE, last_step, pause

from clones import take_packs, take_pieces

LONG = 2 * PAUSE
LAUNCH = ("python", "-m", "sharploss", "launch")
LINE = "    params, plan = load_params(), load_plan()"
BREAK = (LINE, f'    if "-l2-" in key:\n        raise RuntimeError("broken")\n{LINE}')


def small(params):
    """Two runs, and two that start from their weights."""
    take_pieces(params)
    params["networks"] = {"espcn": {"network": "espcn", "width": 8}}
    params["losses"] = {name: params["losses"][name] for name in ("l1", "l2", "sploss")}
    params["extractors"] = {}
    mini = {**params["recipes"]["mini"], "batch": 2, "patch": 12, "warmup": 2, "log_every": 4, "checkpoint_every": 4}
    mini |= {"steps": 12, "validate_every": 12}
    first = {**mini, "start": {"loss": "l1", "recipe": "mini"}}
    params["recipes"] = {"mini": mini, "first": first, "second": {**mini, "start": {"loss": "l2", "recipe": "mini"}}}
    suite = {**params["suites"]["pairings"], "networks": ["espcn"], "recipe": "mini"}
    params["suites"] = {
        "pairings": {**suite, "losses": ["l1", "l2"]},
        "first": {**suite, "losses": ["sploss"], "recipe": "first"},
        "second": {**suite, "losses": ["sploss"], "recipe": "second"},
    }


@pytest.fixture
def fresh(clone_to, tmp_path, study):
    """A function that makes a copy of the study with its images prepared."""
    finished = study

    def make(name, change=small):
        study = clone_to(tmp_path / name)
        take_packs(study, finished)
        study.environment |= {"OMP_NUM_THREADS": "1", "WANDB_MODE": "disabled"}
        study.plan(change=change)
        return study

    return make


def events(told):
    """What was told of runs, without the time of day and figures: (key, what)."""
    lines = [re.fullmatch(r"\d\d:\d\d:\d\d (\S+): (.*)", line) for line in told.splitlines()]
    return [(line[1].removeprefix("sr_x4-espcn-"), line[2].split(",")[0].split(" in ")[0]) for line in lines if line]


@pytest.mark.slow
def test_order_failures_and_the_end(fresh):
    study = fresh("study")
    train = study.folder / "src/sharploss/launch/training.py"
    whole = train.read_text()
    assert BREAK[0] in whole
    train.write_text(whole.replace(*BREAK))

    dry = study.run(*LAUNCH, "--dry-run").stdout.splitlines()
    assert [line.split()[0] for line in dry[1:-1]][:2] == ["sr_x4-espcn-l1-s0", "sr_x4-espcn-l2-s0"]
    assert dry[-1].startswith("4 runs: ")
    assert not list((study.folder / "results/mini").rglob("*.safetensors"))

    done = study.run(*LAUNCH, "--workers", "2", check=False)
    assert done.returncode == 1
    told = dict.fromkeys(events(done.stdout))
    assert ("l1-s0", "done") in told
    assert ("sploss-first-s0", "done") in told
    order = list(told)
    assert order.index(("l1-s0", "done")) < [key for key, what in order].index("sploss-first-s0")
    assert "sr_x4-espcn-l2-s0: failed (exit code 1): see .scratch/launch/logs/sr_x4-espcn-l2-s0.log" in done.stdout
    assert "RuntimeError: broken" in (study.folder / ".scratch/launch/logs/sr_x4-espcn-l2-s0.log").read_text()
    assert ("sploss-second-s0", "not trained") in told
    assert "2 of 4 runs failed" in done.stdout
    assert not (study.folder / "reports/mini/index.html").exists()

    train.write_text(whole)
    done = study.run(*LAUNCH, "--workers", "2", "--train-only")  # what follows: tests/pipelines/test_study.py
    assert [key for key, what in events(done.stdout) if what == "done"] == ["l2-s0", "sploss-second-s0"]
    status = json.loads(study.run("dvc", "status", "--json").stdout)
    assert not [stage for stage in status if stage.startswith(("plan", "prepare", "train", "evaluate"))]
    assert "begun" not in study.run(*LAUNCH, "--train-only").stdout


def long(params):
    small(params)
    params["recipes"] = {"mini": {**params["recipes"]["mini"], "steps": LONG, "checkpoint_every": LONG}}
    params["suites"] = {"pairings": params["suites"]["pairings"]}


def hear_ctrl_c():
    """Undo that a shell has what it starts in the background ignore Ctrl-C, tests and their children included."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_ctrl_c_leaves_a_state_that_the_next_launch_goes_on_from(fresh):
    study = fresh("study", long)
    pause(study)
    keys = [f"sr_x4-espcn-{loss}-s0" for loss in ("l1", "l2")]
    command = [sys.executable, "-m", "sharploss", "launch", "--workers", "2", "--train-only"]
    with (study.folder.parent / "told.txt").open("w") as out:
        launch = subprocess.Popen(
            command,
            cwd=study.folder,
            env=study.environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=hear_ctrl_c,  # noqa: PLW1509
        )
    scratch = study.folder / ".scratch"
    until = time.monotonic() + 400
    while min(last_step(key, scratch) for key in keys) < PAUSE:
        assert launch.poll() is None, (study.folder.parent / "told.txt").read_text()
        assert time.monotonic() < until
        time.sleep(0.1)
    os.killpg(launch.pid, signal.SIGINT)  # as a terminal does it
    assert launch.wait(120) == 130
    told = (study.folder.parent / "told.txt").read_text()
    assert "stopping 2 runs; the same command goes on from here" in told
    assert "Traceback" not in told
    stopped = {key: last_step(key, scratch) for key in keys}
    assert all(PAUSE <= step < LONG for step in stopped.values())
    for key in keys:
        log = (scratch / f"launch/logs/{key}.log").read_text()
        assert f"{key}: stopped at step" in log
    (study.folder / "go").touch()
    study.run(*LAUNCH, "--workers", "2", "--train-only")
    for key in keys:
        record = (study.folder / f"results/mini/runs/{key}/history.jsonl").read_text().splitlines()
        assert [json.loads(line)["step"] for line in record if '"train"' in line] == list(range(4, LONG + 1, 4))
    assert "train@" not in study.run("dvc", "status").stdout


@pytest.mark.slow
def test_one_run_on_two_processes_is_the_run_on_one(untouched):
    study = untouched
    study.plan(change=lambda params: params["recipes"]["mini"].update(accumulate=2))
    key = "sr_x4-espcn-l1-s0"
    study.run("dvc", "repro", f"train@mini-{key}")
    weights = study.folder / f"results/mini/weights/sr_x4-espcn/{key}.safetensors"
    alone = weights.read_bytes()
    study.environment["SHARPLOSS_PROCESSES"] = "2"
    study.run("dvc", "repro", "-s", "-f", f"train@mini-{key}")
    assert weights.read_bytes() == alone
    origin = json.loads((study.folder / f"results/mini/runs/{key}/provenance.json").read_text())
    assert origin["processes"] == 2
