"""What surrounds a training: seconds of `dvc repro -s train@<run>` that are not training, and of an idle `dvc repro`.

Measured in a copy of the workspace, which must hold a finished study.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sharploss.record.keys import stage_name
from sharploss.record.paths import paths

STUDY = "mini"
RUN, OTHER, REPEATS = "sr_x4-espcn-l1-s0", "sr_x4-espcn-l2-s0", 3
LEFT_OUT = shutil.ignore_patterns(".venv", ".git", ".scratch", "wandb", "__pycache__", "tests")


def timed(folder, *command):
    """Return the seconds of a command, which must succeed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(folder / "src")}
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def training_seconds(folder, run):
    """Return the seconds of training in a run's record."""
    return json.loads(paths(STUDY, folder).run(run).provenance.read_text())["seconds"]


def main():
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "study"
        shutil.copytree(Path.cwd(), folder, ignore=LEFT_OUT)
        timed(folder, "dvc", "config", "core.no_scm", "true")
        timed(folder, "dvc", "repro")
        nothing = statistics.median(timed(folder, "dvc", "repro") for _ in range(REPEATS))
        alone, further = [], []
        for _ in range(REPEATS):
            one = timed(folder, "dvc", "repro", "-f", "-s", stage_name("train", STUDY, RUN))
            alone.append(one - training_seconds(folder, RUN))
            two = timed(
                folder, "dvc", "repro", "-f", "-s", stage_name("train", STUDY, RUN), stage_name("train", STUDY, OTHER)
            )
            further.append(two - one - training_seconds(folder, OTHER))
    print(f"around one training, dvc repro -s train@<run>: {statistics.median(alone):.1f} s")
    print(f"around each training of a study:              {statistics.median(further):.1f} s")
    print(f"dvc repro with nothing to do:                 {nothing:.1f} s")


if __name__ == "__main__":
    main()
