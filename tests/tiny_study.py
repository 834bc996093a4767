"""A study with a loss of every sort, run to its end once for all tests that look at it."""

import shutil
from pathlib import Path

from filelock import FileLock

from clones import Study, clone, environment, finish, take_pieces

LOSSES = {
    "l1": {"l1": 1},
    "l1_gv": {"l1": 1, "gv": 0.01},
    "mdf": {"mdf": {"weights": "mdf_sr", "scales": 2}},
    "mse_vgg": {"l2": 1, "vgg": 0.01},
    "l1_ragan": {"l1": 1, "ragan": {"weight": 0.005, "discriminator": "srgan", "width": 2}},
    "sploss": {"sploss": {"alpha": 2}},
    "sploss_a0": {"sploss": {"alpha": 0}},
    "explodes": {"charbonnier": {"eps": 1e30}},
}


def tiny(params):
    """Cut a study down to small networks, a loss of every sort (one of which diverges) and a few steps."""
    take_pieces(params)
    params["networks"] = {
        "espcn": {"network": "espcn", "width": 8},
        "edsr": {"network": "edsr", "blocks": 1, "width": 8, "res_scale": 1.0},
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
        "pairings": suite | {"networks": ["espcn", "edsr"], "losses": ["l1", "l1_gv"]},
        "alpha_sweep": suite | {"networks": ["edsr"], "losses": ["l1", "sploss_a0", "sploss"]},
        "failing": suite | {"losses": ["explodes"]},
        "features": suite | {"losses": ["l1", "mdf", "mse_vgg"]},
        "adversarial": suite | {"losses": ["l1", "l1_ragan"], "recipe": "mini_gan"},
    }
    return params


def make_once(repository: Path, shared: Path, own: Path) -> Study:
    """Run the tiny study once for all test processes, with secrets in its environment, and return a copy of it."""
    with FileLock(shared / "tiny_study.lock"):
        if not (shared / "tiny_study").exists():
            study = clone(repository, shared / "unfinished" / "clone")
            study.environment |= SECRETS
            finish(study, tiny)
            (shared / "unfinished").rename(shared / "tiny_study")
    shutil.copytree(shared / "tiny_study", own, symlinks=True)
    return Study(own / "clone", environment(own / "clone") | SECRETS | {"WANDB_MODE": "disabled"})


SECRETS = dict.fromkeys(
    ["WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GITHUB_TOKEN", "HF_TOKEN", "MY_PASSWORD"],
    ("pLaNtEd" * 6)[:40],
)
