"""Degrade the images of one task and pack them, one memory-mappable file per role."""

import argparse
from pathlib import Path

from sharploss.data.prepare import prepare
from sharploss.errors import run_main, unknown
from sharploss.params import load_params


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", help="a name under `tasks` in params.yaml")
    name = parser.parse_args().task
    tasks = load_params().tasks
    if name not in tasks:
        raise unknown("task", name, tasks)
    prepare(name, tasks[name].model_dump(mode="json"), Path("data/packed") / name)


if __name__ == "__main__":
    run_main(main)
