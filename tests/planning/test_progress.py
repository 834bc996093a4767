import fcntl
import json
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sharploss.config.params import load_params
from sharploss.config.run_config import resolve_run
from sharploss.planning import cost, progress
from sharploss.planning.plan import expand
from sharploss.record.paths import paths

PARAMS = load_params(Path(__file__).parents[1] / "study.yaml")


@pytest.fixture
def study(repository, tmp_path, monkeypatch):
    """A plan without results, of which 60 seconds a run are predicted."""
    params = load_params(repository / "tests" / "study.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cost, "predict_seconds", lambda _params, runs: dict.fromkeys(runs, 60.0))
    return params, expand(params)


def train(plan, key, seconds=30.0, **metrics):
    files = paths(plan["study"]).run(key)
    files.metrics.parent.mkdir(parents=True)
    files.metrics.write_text(json.dumps({"status": "finished"} | metrics))
    text = {"started": "", "device": "cpu", "hardware": "", "commit": ""}
    numbers = {"seconds": seconds, "steps_per_second": 1, "versions": {}, "parameters": 1}
    config = resolve_run(PARAMS, plan["runs"][key]).model_dump(mode="json")
    files.provenance.write_text(json.dumps({**text, **numbers, "config": config}))


def measure(plan, group):
    rows = paths(plan["study"]).scores(group).rows
    rows.parent.mkdir(parents=True, exist_ok=True)
    rows.write_text("")


def begin(root, key, step):
    folder = root / ".scratch" / f"{key}-0123456789ab"
    folder.mkdir(parents=True)
    (folder / "history.jsonl").write_text(f'{{"step": {step}}}\n')
    folder.with_suffix(".lock").touch()
    return folder


def test_a_run_says_its_place_and_the_time_left(study, capsys):
    params, plan = study
    first, second, third, *rest = plan["runs"]
    train(plan, first)
    train(plan, third)
    progress.print_progress(params, plan, second)
    left = progress.clock(60 * (1 + len(rest)))
    expected = f"{second} [3/{len(plan['runs'])}, 0:01:00 trained, about {left} left]\n"
    assert capsys.readouterr().out == expected
    progress.print_progress(params, plan, third)  # trained again: it does not count itself
    assert f"{third} [2/" in capsys.readouterr().out
    progress.print_progress(params, plan, third, aloud=False)
    assert not capsys.readouterr().out


def test_a_group_says_its_place_among_the_groups(study, capsys):
    params, plan = study
    first, *_, last = plan["groups"]
    measure(plan, first)
    progress.print_progress(params, plan, last)
    assert capsys.readouterr().out.startswith(f"{last} [2/{len(plan['groups'])}, 0:00:00 trained, about ")


def test_where_nothing_was_measured_the_time_left_is_not_known(study, monkeypatch, capsys):
    params, plan = study
    key, *others = plan["runs"]
    monkeypatch.setattr(cost, "predict_seconds", lambda _params, runs: dict.fromkeys(runs))
    progress.print_progress(params, plan, key)
    assert capsys.readouterr().out.endswith("0:00:00 trained, left not known]\n")
    monkeypatch.setattr(cost, "predict_seconds", lambda _params, runs: {**dict.fromkeys(runs), key: 60.0})
    progress.print_progress(params, plan, key)
    assert capsys.readouterr().out.endswith(f"about 0:01:00 left and {len(others)} runs not known]\n")


def test_what_runs_is_told_from_what_was_killed(study, tmp_path):
    params, plan = study
    here, elsewhere, killed, *_ = plan["runs"]
    steps = params.recipes[plan["runs"][here]["recipe"]].steps
    folders = {key: begin(tmp_path, key, steps // 2) for key in (here, elsewhere, killed)}
    for key in (here, killed):
        os.utime(folders[key] / "history.jsonl", (0, 0))
    with folders[here].with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert progress.look(plan).running == {here: steps // 2, elsewhere: steps // 2}
    assert progress.look(plan).running == {elsewhere: steps // 2}


def test_failed_and_damaged_runs(study):
    params, plan = study
    first, second, third, *rest = plan["runs"]
    train(plan, first, status="diverged", diverged={"term": "l1", "step": 7})
    train(plan, second, status="not_trained", reason="no weights")
    train(plan, third, status=3)
    found = progress.look(plan)
    assert found.failed == {first: "diverged (l1 at step 7)", second: "not trained: no weights"}
    assert (found.done, found.left) == ([], [third, *rest])
    assert f"  failed  {first}: diverged (l1 at step 7)" in progress.screen(params, plan, found)


@pytest.mark.parametrize("line", ["null", "[1]", '"x"', '{"step": null}', '{"step": 1e999}'])
def test_a_damaged_record_of_another_training_stops_nobody(study, tmp_path, capsys, line):
    params, plan = study
    key, other = list(plan["runs"])[:2]
    begin(tmp_path, key, 5)
    (record,) = tmp_path.glob(f".scratch/{key}-*/history.jsonl")
    record.write_text(f"{line}\n")
    train(plan, other, seconds=float("inf"))
    progress.print_progress(params, plan, other)
    assert "0:00:00 trained" in capsys.readouterr().out
    assert progress.look(plan).running == {key: 0}


def finish(plan):
    for key in set(plan["runs"]) - {*progress.look(plan).done}:
        train(plan, key)
    for group in plan["groups"]:
        measure(plan, group)


def test_watching_a_pipe_is_a_line_at_each_change_to_the_end(study, monkeypatch, capsys):
    params, plan = study
    key = next(iter(plan["runs"]))
    looks = iter([lambda: None, lambda: train(plan, key), lambda: None, lambda: finish(plan)])
    monkeypatch.setattr(progress.time, "sleep", lambda _pause: next(looks)())
    assert progress.watch(params, plan) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [re.findall(r": (\d+) of", line)[0] for line in lines] == ["0", "1", str(len(plan["runs"]))]
    assert "\033" not in "".join(lines)


def test_watching_a_terminal_is_in_place_and_ctrl_c_ends_it_quietly(study, monkeypatch):
    params, plan = study
    written, looks = [], iter([None])

    def pause(_seconds):
        try:
            next(looks)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(progress.time, "sleep", pause)
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: True, write=written.append, flush=lambda: None))
    assert progress.watch(params, plan) == 130
    assert "".join(written).count("\033[3F\033[J") == 1
