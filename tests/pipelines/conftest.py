"""A clone of the repository in a temporary folder, with a study of a few seconds, run by DVC as users run it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

LOSSES = {
    "l1": {"l1": 1},
    "l1_gv": {"l1": 1, "gv": 0.01},
    "mdf": {"mdf": {"weights": "mdf_sr", "scales": 2}},
    "mse_vgg": {"l2": 1, "vgg": 0.01},
    "l1_ragan": {"l1": 1, "ragan": {"weight": 0.005, "discriminator": "srgan", "width": 2}},
    "sploss": {"sploss": {"alpha": 2}},
    "sploss_a0": {"sploss": {"alpha": 0}},
    "explodes": {"l2": {"weight": 1e39}},
}


def tiny(params):
    """Cut a study down to small networks, a loss of every sort (one of which diverges) and a few steps."""
    params["tasks"] = {name: params["tasks"][name] for name in ("sr_x4", "sharpen")}
    params["networks"] = {
        "espcn": {"network": "espcn", "width": 8},
        "edsr": {"network": "edsr", "blocks": 1, "width": 8, "res_scale": 1.0},
        "nonbn_resg": {"network": "nonbn_resg", "blocks": 1, "width": 4},
    }
    params["losses"] = LOSSES
    small = {"task": "sr_x4", "scales": 2, "max_size": 40, "width": 4, "iterations": 3, "milestone": 2, "log_every": 1}
    params["extractors"] = {"mdf_sr": params["extractors"]["mdf_sr"] | small}
    recipe = params["recipes"]["mini"] | {"steps": 12, "batch": 2, "patch": 12, "warmup": 2}
    recipe |= {"log_every": 4, "validate_every": 6, "checkpoint_every": 4}
    later = recipe | {"steps": 6, "start": {"loss": "l1", "recipe": "mini"}}
    params["recipes"] = {"mini": recipe, "mini_gan": later}
    suite = {"question": "?", "tasks": ["sr_x4"], "networks": ["espcn"], "recipe": "mini"}
    params["suites"] = {
        "pairings": suite | {"networks": ["espcn", "edsr"], "losses": ["l1", "l1_gv", "sploss"]},
        "alpha_sweep": suite | {"networks": ["edsr"], "losses": ["sploss_a0", "sploss"]},
        "failing": suite | {"losses": ["explodes"]},
        "features": suite | {"losses": ["l1", "mdf", "mse_vgg"]},
        "adversarial": suite | {"losses": ["l1", "l1_ragan"], "recipe": "mini_gan"},
        "sharpgan": suite | {"tasks": ["sharpen"], "networks": ["nonbn_resg"], "losses": ["l1", "sploss"]},
    }
    params["crops"] = {name: crop for name, crop in params["crops"].items() if crop["task"] in params["tasks"]}
    return params


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
            timeout=600,
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
        made = name.startswith(("results/", "reports/")) and not name.startswith("results/published/")
        made = made or name == "dvc.lock"
        if name and not made and (repository / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repository / name, target)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
        "SHARPLOSS_CACHE": str(folder.parent / "cache"),
        "SHARPLOSS_OFFLINE": "1",
        "WANDB_MODE": "offline",
        "OMP_NUM_THREADS": "2",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "test",
        "GIT_CONFIG_KEY_1": "user.email",
        "GIT_CONFIG_VALUE_1": "test@example.org",
    }
    environment.pop("SHARPLOSS_MIRROR", None)
    study = Study(folder, environment)
    study.run("git", "init", "-q")
    study.run("git", "add", "-A")
    study.run("git", "commit", "-q", "-m", "clone")
    return study


@pytest.fixture(scope="session")
def clone_to(repository):
    """A function that makes such a clone in a folder."""
    return lambda folder: clone(repository, folder)


@pytest.fixture(scope="session")
def study(clone_to, tmp_path_factory):
    """The tiny study, run to its end once for all tests that look at it."""
    study = clone_to(tmp_path_factory.mktemp("study") / "clone")
    study.edit("params.yaml", tiny)
    study.run("python", "pipelines/plan.py")
    study.run("dvc", "repro")
    study.run("git", "add", "-A")
    study.run("git", "commit", "-q", "-m", "run")
    return study


@pytest.fixture
def untouched(study):
    """The finished study; what a test changes in it is put back afterwards."""
    yield study
    study.run("git", "checkout", "-q", ".")
    study.run("git", "clean", "-fdq")
    study.run("dvc", "checkout", "-q", check=False)
