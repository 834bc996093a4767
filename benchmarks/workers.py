"""Speed-up of 2 local workers on 2 cores against 1 worker: `python -m sharploss launch` on a study of six short runs.

Measured in a copy of the repository, in turns, so that a machine that changes speed changes both; each worker has one
core. What is timed is all of `launch --train-only`: looking up what is stale, starting workers, training. It takes
some five minutes.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from scale import copy_repository

from sharploss.record.paths import paths

LOSSES = ("l1", "l2", "charbonnier", "ssim", "l1_gv", "sploss")


def make_study(folder, environment, steps):
    """Clone the repository into `folder`, with a study of six runs of one network, ready to train."""
    copy_repository(folder)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    suite = {**params["suites"]["pairings"], "networks": ["edsr"], "losses": list(LOSSES)}
    losses = {name: params["losses"][name] for name in LOSSES}
    params |= {"suites": {"pairings": suite}, "losses": losses, "extractors": {}, "crops": {}}
    params["recipes"]["mini"].update(steps=steps, validate_every=steps, checkpoint_every=steps)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for command in (["python", "pipelines/plan.py"], ["dvc", "repro", "plan", "fetch", "prepare"]):
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    shutil.copy(folder / "dvc.lock", folder.parent)


def timed(folder, environment, workers):
    """Return the seconds of a launch in which every run is stale, and nothing else."""
    for path in (paths("mini", folder).results, folder / ".dvc/cache"):
        shutil.rmtree(path, ignore_errors=True)
    shutil.copy(folder.parent / "dvc.lock", folder)
    command = [sys.executable, "-m", "sharploss", "launch", "--train-only", "--workers", str(workers)]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400, help="of each run")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, cores)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "study"
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(folder / "src"),
            "OMP_NUM_THREADS": "1",
            "WANDB_MODE": "disabled",
            "SHARPLOSS_DEVICE": "cpu",
            "SHARPLOSS_OFFLINE": "1",
        }
        make_study(folder, environment, options.steps)
        pairs = [(timed(folder, environment, 1), timed(folder, environment, 2)) for _ in range(options.repeats)]
    one, two = (statistics.median(times) for times in zip(*pairs, strict=True))
    speed_up = statistics.median(first / second for first, second in pairs)
    print(f"{len(LOSSES)} runs of {options.steps} steps, a core each: 1 worker {one:.0f} s, 2 workers {two:.0f} s")
    print(f"speed-up of 2 workers on {len(cores)} cores: {speed_up:.2f}")


if __name__ == "__main__":
    main()
