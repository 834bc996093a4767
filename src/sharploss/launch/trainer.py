"""A worker on this machine: trains one run after another, keeping torch, the packs and what was compiled.

It reads keys of runs, one a line, and answers each with a line of JSON: the exit code, and what `train_run` says of it.
After a fault it ends, and whoever gives out the runs starts another: nothing of a fault reaches a second run.
"""

import json
import os
import sys
import traceback
from typing import Any

from sharploss.config.params import load_params
from sharploss.launch.jobs import DVC
from sharploss.launch.training import train_run
from sharploss.launch.worker import logged, run
from sharploss.record.keys import train_stage
from sharploss.utils.command import run_main
from sharploss.utils.cores import processes_of_a_run
from sharploss.utils.errors import UserError


def train_logged(key: str) -> tuple[int, dict[str, Any]]:
    """Train a run with everything that is printed going to its log; return what `train_run` does."""
    try:
        if processes_of_a_run() > 1:  # they are torchrun's, and end with the run
            return run([*DVC, "repro", "-s", train_stage(load_params().study, key)], {}, None), {}
        return train_run(key, keep=True)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
    except Exception:  # a fault in one run ends that run alone
        traceback.print_exc()
    return 1, {}


def main() -> int:
    """Train what standard input names, to its end or the first run that does not succeed; return its exit code."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing else gets into them
    for line in sys.stdin:
        key = line.strip()
        with logged(key) as log:
            for stream in (1, 2):
                os.dup2(log.fileno(), stream)
            code, about = train_logged(key)
            sys.stdout.flush()
            sys.stderr.flush()
        print(json.dumps({"code": code, **about}), file=answers, flush=True)
        if code:
            return code
    return 0


if __name__ == "__main__":
    run_main(main, at_once=True)
