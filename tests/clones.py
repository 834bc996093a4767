"""A clone of the repository in a temporary folder, with a study of a few seconds, run as `make repro` does it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml


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
    return study


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
    study.edit("params.yaml", change)
    study.run("python", "pipelines/plan.py")
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
