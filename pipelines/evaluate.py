"""Restore the test images with every run of one group (a task and a network), and measure them."""

import argparse
from typing import Any

from sharploss.config.params import Params, load_params
from sharploss.config.run_config import resolve_run
from sharploss.planning.plan import load_plan
from sharploss.planning.stage_files import check_settings, group_settings, input_baseline_settings
from sharploss.record.paths import paths
from sharploss.utils.command import run_main
from sharploss.utils.errors import unknown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("group", nargs="?", help="a group of runs.yaml, such as sr_x4-edsr")
    parser.add_argument(
        "--input-baselines",
        nargs="*",
        metavar="TASK",
        help="measure the input images of tasks (of all) instead, enlarged by bicubic where they are small",
    )
    arguments = parser.parse_args()
    if (arguments.group is None) == (arguments.input_baselines is None):
        parser.error("give either a group or --input-baselines")
    if arguments.input_baselines is not None:
        evaluate_input_baselines(arguments.input_baselines)
    else:
        evaluate_group(arguments.group)


def evaluate_input_baselines(tasks: list[str]) -> None:
    params = load_params()
    files = paths(params.study)
    for task in tasks:
        if task not in params.tasks:
            raise unknown("task", task, params.tasks)
    check_settings(files.input_baseline_settings, input_baseline_settings(params))
    from sharploss.evaluation.group import evaluate_input_baseline

    for task in tasks or params.tasks:
        evaluate_input_baseline(task, params.tasks[task], crops(params), files)


def evaluate_group(name: str) -> None:
    params, plan = load_params(), load_plan()
    if name not in plan["groups"]:
        raise unknown("group", name, plan["groups"])
    from sharploss.evaluation.group import evaluate_group as evaluate

    files = paths(params.study)
    check_settings(files.group_settings(name), group_settings(params, plan["groups"][name]))
    runs = {
        key: {**plan["runs"][key], "config": resolve_run(params, plan["runs"][key])}
        for key in plan["groups"][name]["runs"]
    }
    evaluate(name, runs, crops(params), files)


def crops(params: Params) -> dict[str, Any]:
    return {name: crop.model_dump(mode="json") for name, crop in params.crops.items()}


if __name__ == "__main__":
    run_main(main, at_once=True)
