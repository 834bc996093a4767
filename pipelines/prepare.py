"""Degrade the images of one task and pack them, one memory-mappable file per role."""

import argparse

from sharploss.config.params import load_params
from sharploss.data.prepare import prepare
from sharploss.record.paths import paths
from sharploss.utils.errors import run_main, unknown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", help="a name under `tasks` in params.yaml")
    name = parser.parse_args().task
    params = load_params()
    if name not in params.tasks:
        raise unknown("task", name, params.tasks)
    own = {key: dataset.model_dump() for key, dataset in params.datasets.items()}
    prepare(name, params.tasks[name].model_dump(mode="json"), paths(params.study).packs(name), own=own)


if __name__ == "__main__":
    run_main(main, at_once=True)
