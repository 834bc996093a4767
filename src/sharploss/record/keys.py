"""Names of runs, groups, variants, crops, packs and stages; no other module builds or takes apart one of them."""

import re

from sharploss.config.extractors import SUFFIX
from sharploss.config.run_config import RunParts

RUN_KEY = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+){2,3}-s[0-9]+")
TARGET = "target"  # the variant of a crop of the ground truth


def group_of(task: str, network: str) -> str:
    """Return "<task>-<network>", the name of the runs that are evaluated together."""
    return f"{task}-{network}"


def task_of(group: str) -> str:
    """Return the task of a group."""
    return group.split("-", maxsplit=1)[0]


def run_key(study: str, run: RunParts) -> str:
    """Return a run's key: task, network, loss, the recipe unless it has the study's name, and the seed."""
    recipe = [] if run["recipe"] == study else [run["recipe"]]
    return "-".join([group_of(run["task"], run["network"]), run["loss"], *recipe, f"s{run['seed']}"])


def network_of(group: str) -> str:
    """Return the network of a group."""
    return group.split("-", maxsplit=1)[1]


def group_of_key(key: str) -> str:
    """Return the group of a run by the run's key."""
    return "-".join(key.split("-")[:2])


def variant_of(key: str, group: str) -> str:
    """Return what sets a run of a group apart from the others whatever its seed, as "l1" or "esrgan-mini_gan"."""
    return key.removeprefix(f"{group}-").rsplit("-s", 1)[0]


def input_baseline_key(task: str, name: str) -> str:
    """Return the `run` that a task's input baseline has in score files; `name` is "bicubic" or "input"."""
    return f"{task}-{name}"


def extractor_key(name: str) -> str:
    """Return what the training of an MDF extractor is called where trainings of runs are called by their keys."""
    return f"extractor-{name}"


def crop_file(crop: str, variant: str) -> str:
    """Return the file name of a crop; `variant` is that of a run, TARGET, or the input baseline's name."""
    return f"{crop}-{variant}.png"


def pack_name(role: str, dataset: str) -> str:
    """Return the name of a task's pack that holds one data set alone; `role` is "test" or "tune"."""
    return f"{role}-{dataset}"


def pack_file(name: str) -> str:
    """Return the file name of a pack; `name` is "train", "validation" or a `pack_name`."""
    return f"{name}{SUFFIX}"


def pack_artifact(task: str, role: str) -> str:
    """Return what W&B calls a task's pack."""
    return f"{task}-{role}"


def explorer_file(crop: str, network: str, variant: str) -> str:
    """Return the file name of a picture of the explorer; `network` is "" where it is of none."""
    return f"{'-'.join(filter(None, [crop, network, variant]))}.webp"


def stage_key(study: str, name: str) -> str:
    """Return the key that a run, group, task or extractor has in runs.yaml and in DVC's stages.

    Each study has stages of its own in dvc.lock, so that switching studies makes no stage stale.
    """
    return f"{study}-{name}"


def stage_name(stage: str, study: str, name: str = "") -> str:
    """Return the name of a DVC stage of a study, of one of its runs, groups or tasks where `name` says which."""
    return f"{stage}@{stage_key(study, name) if name else study}"
