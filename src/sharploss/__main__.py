"""sharploss from the command line: python -m sharploss COMMAND --help."""

import sys
from collections.abc import Callable

from sharploss.utils.errors import run_main, unknown

DESCRIPTION = """usage: python -m sharploss COMMAND ...

  data    data sets and weights: what is known, what is here; fetch, verify
  launch  the study in parallel: on this machine's GPUs or cores, or on a cluster
  publish runs that are done, to Weights & Biases

The study itself is run by DVC: make repro, or dvc repro. Each command has its own --help.
"""


def _data(arguments: list[str]) -> int:
    from sharploss.assets.inventory import main

    return main(arguments)


def _launch(arguments: list[str]) -> int:
    from sharploss.launch.command import main

    return main(arguments)


def _publish(arguments: list[str]) -> int:
    from sharploss.tracking.publish import main

    return main(arguments)


COMMANDS: dict[str, Callable[[list[str]], int]] = {"data": _data, "launch": _launch, "publish": _publish}


def main() -> int:
    """Run the command that the arguments name and return its exit code."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(DESCRIPTION, end="")
        return 0 if arguments else 2
    if arguments[0] not in COMMANDS:
        raise unknown("command", arguments[0], COMMANDS)
    return COMMANDS[arguments[0]](arguments[1:])


if __name__ == "__main__":
    run_main(main)
