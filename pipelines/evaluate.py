"""Restore the test images with every run of one group (a task and a network), and measure them."""

import argparse

from sharploss.launch.evaluator import evaluate, evaluate_untrained
from sharploss.utils.command import run_main


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
        evaluate_untrained("input_baselines", arguments.input_baselines)
    else:
        evaluate(arguments.group)


if __name__ == "__main__":
    run_main(main, at_once=True)
