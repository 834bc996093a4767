import os
import subprocess

import pytest

from clones import finish


def smallest(params):
    """One network with four losses: two that train, one that diverges, one that is adversarial."""
    params["networks"] = {"espcn": {"network": "espcn", "width": 8}}
    params["losses"] = {
        "l1": {"l1": 1},
        "sploss": {"sploss": {"alpha": 2}},
        "explodes": {"charbonnier": {"eps": 1e30}},
        "judged": {"l1": 1, "ragan": {"weight": 0.01, "discriminator": "sharpgan", "width": 2}},
    }
    recipe = params["recipes"]["mini"]
    recipe.update(steps=12, batch=2, patch=12, warmup=2, log_every=4, validate_every=6, checkpoint_every=4)
    params["recipes"], params["extractors"] = {"mini": recipe}, {}
    params["tasks"] = {"sr_x4": params["tasks"]["sr_x4"]}
    suite = {
        "question": "?",
        "tasks": ["sr_x4"],
        "networks": ["espcn"],
        "losses": [*params["losses"]],
        "recipe": "mini",
    }
    params["suites"] = {"pairings": suite}
    params["crops"] = {name: crop for name, crop in params["crops"].items() if crop["task"] == "sr_x4"}


@pytest.fixture(scope="session")
def small_study(clone_to, tmp_path_factory):
    """A study of four runs, run to its end by DVC, with a secret in its environment."""
    study = clone_to(tmp_path_factory.mktemp("small") / "clone")
    secret = "pLaNtEd" * 6
    names = ["WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GITHUB_TOKEN", "HF_TOKEN", "MY_PASSWORD"]
    study.environment |= dict.fromkeys(names, secret[:40]) | {"OMP_NUM_THREADS": "1"}
    return finish(study, smallest)


@pytest.fixture
def disk(tmp_path):
    """A file system of 1 MB of its own; needs the right to mount, which containers usually give to root."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a file system: RLIMIT_FSIZE stands in for it in tests/test_files.py")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
