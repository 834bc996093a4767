"""A worker on this machine: trains one run after another, keeping torch, the packs and what was compiled.

It reads keys of runs, one a line, and answers each with the exit code and what `train_run` says of it.
"""

import os
from functools import partial
from typing import Any

from sharploss.config.params import load_params
from sharploss.launch.jobs import DVC
from sharploss.launch.training import train_run
from sharploss.launch.worker import logged, run, serve
from sharploss.record.keys import stage_name
from sharploss.utils.command import run_main
from sharploss.utils.cores import processes_of_a_run


def train_logged(key: str) -> dict[str, Any]:
    """Train a run, with everything that is printed from now on going to its log."""
    with logged(key) as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
        if processes_of_a_run() > 1:  # they are torchrun's, and end with the run
            return {"code": run([*DVC, "repro", "-s", stage_name("train", load_params().study, key)], {}, None)}
        code, about = train_run(key, keep=True)
        return {"code": code, **about}


if __name__ == "__main__":
    run_main(partial(serve, train_logged), at_once=True)
