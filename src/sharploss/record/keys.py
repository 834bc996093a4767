"""Names of runs, groups, variants and crops; no other module builds or takes apart one of them."""

import re
from collections.abc import Mapping
from typing import Any

RUN_KEY = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+){2,3}-s[0-9]+")
TARGET = "target"  # the variant of a crop of the ground truth


def group_of(run: Mapping[str, Any]) -> str:
    """Return "<task>-<network>", the name of the runs that are evaluated together."""
    return f"{run['task']}-{run['network']}"


def run_key(study: str, run: Mapping[str, Any]) -> str:
    """Return a run's key: task, network, loss, the recipe unless it has the study's name, and the seed."""
    recipe = [] if run["recipe"] == study else [str(run["recipe"])]
    return "-".join([group_of(run), run["loss"], *recipe, f"s{run['seed']}"])


def variant_of(key: str, group: str) -> str:
    """Return what sets a run of a group apart from the others whatever its seed, as "l1" or "esrgan-mini_gan"."""
    return key.removeprefix(f"{group}-").rsplit("-s", 1)[0]


def input_baseline_key(task: str, name: str) -> str:
    """Return the `run` that a task's input baseline has in score files; `name` is "bicubic" or "input"."""
    return f"{task}-{name}"


def crop_file(crop: str, variant: str) -> str:
    """Return the file name of a crop; `variant` is that of a run, TARGET, or the input baseline's name."""
    return f"{crop}-{variant}.png"


def stage_key(study: str, name: str) -> str:
    """Return the key that a run, group, task or extractor has in runs.yaml and in DVC's stages.

    Each study has stages of its own in dvc.lock, so that switching studies makes no stage stale.
    """
    return f"{study}-{name}"


def train_stage(study: str, key: str) -> str:
    """Return the name of the DVC stage that trains a run."""
    return f"train@{stage_key(study, key)}"
