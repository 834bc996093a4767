"""A clone of the repository in a temporary folder, with a study of a few seconds, run as `make repro` does it."""

import contextlib
import os
import runpy
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from PIL import Image


@dataclass
class Study:
    folder: Path
    environment: dict[str, str]

    def run(self, *command, check=True, **options):
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=1800,  # against hanging for ever, on whatever machine
            **options,
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)} gave {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done

    def edit(self, path, change):
        content = yaml.safe_load((self.folder / path).read_text())
        change(content)
        (self.folder / path).write_text(yaml.safe_dump(content, sort_keys=False))

    def make_ready(self):
        """Have `make` take the environment that this process runs in, as one that is installed."""
        ready = self.folder / ".venv"
        if not ready.exists():
            ready.symlink_to(Path(sys.prefix))
        for name in ("requirements.lock", "pyproject.toml"):
            os.utime(self.folder / name, (0, 0))  # older than the environment, so that it is not installed again

    def plan(self, *arguments, change=None):
        """Change params.yaml and call pipelines/plan.py, without a process of its own that imports torch."""
        if change:
            self.edit("params.yaml", change)
        with contextlib.chdir(self.folder), pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["plan.py", *arguments])
            runpy.run_path("pipelines/plan.py")["main"]()


def clone(repository: Path, folder: Path) -> Study:
    """Copy what git tracks or would track, without what the study makes."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in names:
        made = name.startswith(("results/", "reports/")) and not name.startswith(
            ("results/published/", "results/benchmark/flagship/", "reports/index")
        )
        if name and not made and name != "dvc.lock" and (repository / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repository / name, target)
    for compiled in (repository / "src").rglob("__pycache__"):  # else each clone's first process would compile them all
        shutil.copytree(compiled, folder / compiled.relative_to(repository))
    study = Study(folder, environment(folder))
    study.run("git", "init", "-q")
    study.run("git", "add", "-A")
    study.run("git", "commit", "-q", "-m", "clone")
    from skimage import data

    (folder / "datasets/pieces").mkdir(parents=True)
    for name, (top, left, _) in PIECES.items():
        piece = getattr(data, name)()[top : top + 168, left : left + 168]  # MS-SSIM needs 161
        Image.fromarray(piece).save(folder / f"datasets/pieces/{name}.png")
    return study


PIECES = {"chelsea": (56, 104, "eye"), "astronaut": (32, 144, "face")}
"""What clones test on: where in photographs it begins, and a crop of it. To measure whole ones takes seconds a run."""


def take_pieces(params) -> None:
    """Keep the task sr_x4 alone, tested on two pieces of photographs and on a set that is not here."""
    task = {**params["tasks"]["sr_x4"], "test": ["pieces", "set5"]}
    place = {"task": "sr_x4", "dataset": "pieces", "top": 40, "left": 40, "height": 64, "width": 64}
    params["datasets"] = {"pieces": {"images": "datasets/pieces"}}
    params["tasks"] = {"sr_x4": task}
    params["crops"] = {crop: {**place, "image": name} for name, (_, _, crop) in PIECES.items()}


def take_packs(study: Study, finished: Study) -> None:
    """Take over what `prepare` has made in a finished study of the same task, with DVC's record of it."""
    shutil.copytree(finished.folder / "data/mini/packed", study.folder / "data/mini/packed")
    lock = yaml.safe_load((finished.folder / "dvc.lock").read_text())
    stages = {name: stage for name, stage in lock["stages"].items() if name.startswith("prepare@")}
    (study.folder / "dvc.lock").write_text(yaml.safe_dump({**lock, "stages": stages}))


def environment(folder: Path) -> dict[str, str]:
    """Return the environment that programs of the clone in `folder` run in: its own code and cache, no network."""
    own = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
        "SHARPLOSS_CACHE": str(folder.parent / "cache"),
        "SHARPLOSS_OFFLINE": "1",
        "WANDB_MODE": "offline",
        "OMP_NUM_THREADS": "1",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "test",
        "GIT_CONFIG_KEY_1": "user.email",
        "GIT_CONFIG_VALUE_1": "test@example.org",
    }
    own.pop("SHARPLOSS_MIRROR", None)
    return own


KEPT = ("data", "results", "reports")


def finish(study: Study, change) -> Study:
    """Change params.yaml, run the study to its end, commit, and keep what git ignores and a test could spoil."""
    study.plan(change=change)
    study.run("python", "-m", "sharploss", "launch")
    shutil.rmtree(study.folder / ".scratch/launch")
    study.run("git", "add", "-A")
    study.run("git", "commit", "-q", "-m", "run")
    for name in KEPT:
        shutil.copytree(study.folder / name, study.folder.parent / name)
    return study


def put_back(study: Study) -> None:
    """Undo whatever a test did to a finished study."""
    study.run("git", "checkout", "-q", ".")
    study.run("git", "clean", "-fdq")
    for name in KEPT:
        shutil.rmtree(study.folder / name, ignore_errors=True)
        shutil.copytree(study.folder.parent / name, study.folder / name)
