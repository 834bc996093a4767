"""Degrade the images of one task and pack them, one memory-mappable file per role."""

import argparse

import torch

from sharploss.config.params import check_unchanged, load_params
from sharploss.data.prepare import prepare
from sharploss.evaluation.crops import find_crops
from sharploss.evaluation.score import open_test_packs
from sharploss.planning.stage_files import check_code
from sharploss.record.paths import paths
from sharploss.utils.command import run_main
from sharploss.utils.cores import claim_cores
from sharploss.utils.errors import unknown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", help="a name under `tasks` in params.yaml")
    name = parser.parse_args().task
    params = load_params()
    if name not in params.tasks:
        raise unknown("task", name, params.tasks)
    # Several tasks may be prepared at once, and one thread is as fast on images of this size.
    torch.set_num_threads(claim_cores(1))
    files, task = paths(params.study), params.tasks[name]
    check_code("prepare", files)
    prepare(name, task, files.packs(name), own=params.datasets)
    # A crop that does not fit its image is found here, and not when all networks are trained.
    find_crops(params.crops, name, open_test_packs(name, task, files))
    check_unchanged(params, name)


if __name__ == "__main__":
    run_main(main, at_once=True)
