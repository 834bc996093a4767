"""Speed-up of 2 local workers on 2 cores against 1 worker: `python -m sharploss launch` on a study of six short runs.

Measured in copies of the repository, in turns, so that a machine that changes speed changes both; each worker has one
core. What is timed is all of `launch --train-only`: looking up what is stale, starting workers, training.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

LOSSES, STEPS, REPEATS = ("l1", "l2", "charbonnier", "ssim", "l1_gv", "sploss"), 400, 3


def make_study(folder, environment):
    """Clone the repository into `folder`, with a study of six runs of one network, ready to train."""
    names = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(Path.is_file, map(Path, filter(None, names))):
        if not str(name).startswith(("results/", "reports/", "dvc.lock")) or str(name).startswith("results/published/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(name.read_bytes())
    params = yaml.safe_load((folder / "params.yaml").read_text())
    suite = {**params["suites"]["pairings"], "networks": ["edsr"], "losses": list(LOSSES)}
    params |= {"suites": {"pairings": suite}, "extractors": {}, "crops": {}}
    params["recipes"]["mini"].update(steps=STEPS, validate_every=STEPS, checkpoint_every=STEPS)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for command in (
        ["git", "init", "-q"],
        ["python", "pipelines/plan.py"],
        ["dvc", "repro", "plan", "fetch", "prepare"],
    ):
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)


def timed(folder, environment, workers):
    """Seconds of a launch in which every run is stale."""
    for name in ("dvc.lock", "results/runs", "results/weights", ".dvc/cache"):
        subprocess.run(["rm", "-rf", name], cwd=folder, check=True)
    command = [sys.executable, "-m", "sharploss", "launch", "--train-only", "--workers", str(workers)]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def main():
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
        make_study(folder, environment)
        pairs = [(timed(folder, environment, 1), timed(folder, environment, 2)) for _ in range(REPEATS)]
    one, two = (statistics.median(times) for times in zip(*pairs, strict=True))
    speed_up = statistics.median(first / second for first, second in pairs)
    print(f"{len(LOSSES)} runs of {STEPS} steps, one core each worker: 1 worker {one:.0f} s, 2 workers {two:.0f} s")
    print(f"speed-up of 2 workers on {len(cores)} cores: {speed_up:.2f}")


if __name__ == "__main__":
    main()
