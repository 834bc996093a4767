"""sharploss from the command line: python -m sharploss COMMAND --help."""

import sys
from importlib import import_module

from sharploss.utils.command import run_main
from sharploss.utils.errors import unknown

DESCRIPTION = """usage: python -m sharploss COMMAND ...

  data    data sets and weights: what is known, what is here; fetch, verify
  launch  train the study in parallel: on this machine's GPUs or cores, or on a cluster
  status  how far the study is: done, running, failed, left; --watch refreshes it
  show    the scores of a study as a table in the terminal
  import  runs that were trained elsewhere, into the results of a study
  publish runs that are done, to Weights & Biases
  restore photographs of your own, with a trained network
  export  a trained network as a folder for a model hub, with its scores and a card
  add     a loss of your own: train it as the benchmark's were, and compare it with them
  compare two results of the same trainings: whether one reproduced the other

The study itself is run by DVC: make repro, or dvc repro. Each command has its own --help.
"""

COMMANDS = {
    "data": "sharploss.assets.inventory",
    "launch": "sharploss.launch.command",
    "status": "sharploss.planning.progress",
    "show": "sharploss.analysis.show",
    "import": "sharploss.launch.importing",
    "publish": "sharploss.tracking.publish",
    "restore": "sharploss.evaluation.photographs",
    "export": "sharploss.launch.export",
    "add": "sharploss.launch.adding",
    "compare": "sharploss.analysis.compare",
}
"""The module of each, which has a `main` that takes the other arguments and returns the exit code."""


def main() -> int:
    """Run the command that the arguments name and return its exit code."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(DESCRIPTION, end="")
        return 0 if arguments else 2
    if arguments[0] not in COMMANDS:
        raise unknown("command", arguments[0], COMMANDS)
    return int(import_module(COMMANDS[arguments[0]]).main(arguments[1:]))


if __name__ == "__main__":
    run_main(main)
