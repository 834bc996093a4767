"""Measure what a study has trained, and what needs no training: as DVC's stages do, or as a launch's evaluator.

The evaluator keeps torch and the metrics. It reads a line of JSON for each piece of work, the arguments of `work`.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Collection
from functools import partial
from typing import Any

from sharploss.config.params import load_params
from sharploss.config.run_config import resolve_run
from sharploss.launch.training import stamps
from sharploss.launch.worker import print_fault, serve
from sharploss.planning.plan import load_plan
from sharploss.planning.progress import print_progress
from sharploss.planning.stage_files import check_code, check_settings, group_settings, input_baseline_settings
from sharploss.record.paths import PUBLISHED, paths
from sharploss.utils.command import run_main
from sharploss.utils.errors import unknown
from sharploss.utils.files import sha256

UNTRAINED = ("input_baselines", "protocols", "calibrate")  # stages that measure, and depend on no training


def evaluate(name: str, runs: Collection[str] | None = None, *, write: bool = True) -> None:
    """Write the scores of a group, or of some of its runs; without `write` they are only measured, which is kept."""
    params, plan = load_params(), load_plan()
    if name not in plan["groups"]:
        raise unknown("group", name, plan["groups"])
    from sharploss.evaluation.group import evaluate_group, measure_runs

    files, group = paths(params.study), plan["groups"][name]
    wanted = check_settings(files.group_settings(name), group_settings(params, group))
    assets = {path.name: sha256(path) for path in files.every_receipt()}
    keys = [key for key in group["runs"] if runs is None or key in runs]
    resolved = {key: resolve_run(params, plan["runs"][key]) for key in keys}
    settings = {**wanted, "runs": [], "assets": assets}
    print_progress(params, plan, name, aloud=write)
    (evaluate_group if write else measure_runs)(name, group["task"], resolved, params.crops, files, settings=settings)


def evaluate_untrained(stage: str, tasks: Collection[str] = ()) -> int:
    """Do a stage of UNTRAINED, of the input baselines those of some tasks; return its exit code."""
    from sharploss.evaluation.calibration import calibrate, off
    from sharploss.evaluation.explain import explain_protocols
    from sharploss.evaluation.group import evaluate_input_baseline

    params = load_params()
    files = paths(params.study)
    if stage == "calibrate":
        check_code(stage, files)
        return 1 if off(calibrate(files)) else 0
    if stage == "protocols":
        check_code("evaluate", files)
        explain_protocols(files.protocol_table)
        return 0
    for task in tasks:
        if task not in params.tasks:
            raise unknown("task", task, params.tasks)
    check_settings(files.input_baseline_settings, input_baseline_settings(params))
    for task in tasks or params.tasks:
        evaluate_input_baseline(task, params.tasks[task], params.crops, files)
    return 0


def work(stage: str, name: str = "", runs: Collection[str] = (), most: int = 1) -> dict[str, Any]:
    """Do a piece of work on at most so many cores; return the exit code, and what DVC's stage may have `read`.

    "measure" measures runs of the group `name`, and tells those that `failed`; "evaluate" writes their scores,
    "input_baselines" those of the task `name`; the others are those of UNTRAINED.
    """
    os.environ["OMP_NUM_THREADS"] = str(most)
    if stage == "measure":
        return {"code": 0, "failed": _measure(name, runs)}
    params, code = load_params(), 0
    files = paths(params.study)
    folders = (files.code, files.receipts, files.root / PUBLISHED, files.root / "src/sharploss/config")
    read = stamps([*files.every_pack(), *(path for folder in folders for path in folder.glob("*.*"))])
    # What lies there of other runs and tasks goes, as DVC removes what a stage has made.
    if stage == "evaluate":
        read |= stamps(files.weights_of_group(name))
        evaluate(name, runs, write=False)
        shutil.rmtree(files.crops(name), ignore_errors=True)
        evaluate(name, runs)
    else:
        for folder in files.every_input_baseline() if name else ():
            if folder.name not in params.tasks or folder.name == name:
                shutil.rmtree(folder)
        code = evaluate_untrained(stage, [name] if name else [])
    return {"code": code, "read": read}


def _measure(group: str, runs: Collection[str]) -> list[str]:
    """Measure runs together, or each alone where that fails: a fault in one run is that run's."""
    try:
        evaluate(group, runs, write=False)
    except Exception as error:
        if len(runs) > 1:
            return [key for run in runs for key in _measure(group, [run])]
        print_fault(error)
        return list(runs)
    return []


def answer(line: str) -> dict[str, Any]:
    """Do what a line asks for."""
    print(f"== {time.strftime('%Y-%m-%d %H:%M:%S')} {line}", file=sys.stderr)
    return work(**json.loads(line))


if __name__ == "__main__":
    run_main(partial(serve, answer), at_once=True)
