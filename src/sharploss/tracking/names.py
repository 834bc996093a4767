"""Names on Weights & Biases, within its limits."""

import hashlib
import os

TAG = 64
ARTIFACT = 128
NAME = 128
ID = ARTIFACT - len("run-") - len("-scores")
"""Characters that a run's id may have: W&B names the artifact of its table `run-<id>-scores`."""

FORBIDDEN = "/\\#?%:"
"""Characters that the name of a project may not have."""


def shorten(name: str, limit: int) -> str:
    """Return `name`, the end of one that is longer than `limit` characters replaced by a hash of the whole."""
    if len(name) <= limit:
        return name
    return f"{name[: limit - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def run_id(key: str, identity: str) -> str:
    """Return the id of a run: the same whenever the same configuration is trained."""
    return f"{shorten(key, ID - len(identity) - 1)}-{identity}"


def suite_tag(suite: str) -> str:
    """Return the tag of a suite's runs."""
    return shorten(f"suite:{suite}", TAG)


def project() -> str:
    """Return the name of the project: WANDB_PROJECT when set."""
    return os.environ.get("WANDB_PROJECT") or "sharploss"


def wrong_project() -> str | None:
    """Say what W&B does not accept of the project's name; None when it is right."""
    name = project()
    wrong = next((character for character in name if character in FORBIDDEN), None)
    if wrong is not None:
        return f"WANDB_PROJECT is '{name}', and a project's name cannot have '{wrong}': WANDB_ENTITY names the team."
    return f"WANDB_PROJECT has {len(name)} characters; the maximum is {NAME}." if len(name) > NAME else None
