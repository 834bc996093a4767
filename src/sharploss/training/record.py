"""What a finished run says of itself: metrics.json (the result) and provenance.json (how it came about)."""

import platform
from datetime import datetime
from importlib.metadata import version
from typing import Any

import torch

from sharploss.training.device import describe_commit, describe_hardware
from sharploss.training.loop import Outcome


def metrics(outcome: Outcome) -> dict[str, Any]:
    """Give the result of a training: the same on every machine that computes the same."""
    return {
        "status": outcome.status,
        "step": outcome.step,
        "validation": {"psnr_y": outcome.validation},
        "terms": outcome.terms,
        "diverged": outcome.diverged,
    }


def provenance(config: dict[str, Any], outcome: Outcome, device: torch.device, started: datetime) -> dict[str, Any]:
    """Give the circumstances of a training: when, how fast, on what, with which versions and settings."""
    return {
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(outcome.seconds, 3),
        "steps_per_second": round(outcome.steps_per_second, 3),
        "patches_per_second": round(outcome.steps_per_second * config["recipe"]["batch"], 1),
        "device": device.type,
        "hardware": describe_hardware(device),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in ("sharploss", "torch", "numpy")}},
        "commit": describe_commit(),
        "parameters": sum(parameter.numel() for parameter in outcome.network.parameters()),
        "config": config,
    }
