"""What a finished run says of itself: metrics.json (the result) and provenance.json (how it came about)."""

import platform
from datetime import datetime
from importlib.metadata import version
from typing import Any

import torch

from sharploss.training.device import describe_commit, describe_hardware
from sharploss.training.loop import TrainResult


def metrics(outcome: TrainResult, cure: str = "") -> dict[str, Any]:
    """Give the result of a training: the same on every machine that computes the same.

    Args:
        outcome: what it came to.
        cure: what to do about the reason of a run that was not trained; only where there is one is it told.
    """
    return {
        "status": outcome.status,
        "step": outcome.step,
        "validation": {"psnr_y": outcome.state.validation},
        "terms": outcome.state.terms,
        "diverged": outcome.diverged,
        "reason": outcome.reason,
        **({"cure": cure} if cure else {}),
    }


def provenance(
    config: dict[str, Any], outcome: TrainResult, device: torch.device, started: datetime, processes: int = 1
) -> dict[str, Any]:
    """Give the circumstances of a training: when, how fast, on what, with which versions and settings."""
    return {
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(outcome.state.seconds, 3),
        "steps_per_second": round(outcome.steps_per_second, 3),
        "patches_per_second": round(outcome.steps_per_second * config["recipe"]["batch"], 1),
        **circumstances(device),
        "processes": processes,
        "parameters": sum(parameter.numel() for parameter in outcome.network.parameters()),
        "backbones": outcome.backbones,
        "config": config,
    }


def circumstances(device: torch.device) -> dict[str, Any]:
    """Say what computes: device, versions and the commit of the code."""
    return {
        "device": device.type,
        "hardware": describe_hardware(device),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("sharploss", "torch", "numpy")},
        },
        "commit": describe_commit(),
    }


def summary(key: str, outcome: TrainResult, cure: str = "") -> str:
    """Tell a training's end in one line; `cure` is that of `metrics`."""
    if outcome.reason:
        return f"{key}: not trained: {outcome.reason}{cure and f': {cure}'}"
    if outcome.diverged:
        return f"{key}: diverged, {outcome.diverged['term']} is not finite at step {outcome.diverged['step']}"
    speed = f"{outcome.state.seconds:.1f} s ({outcome.steps_per_second:.1f} steps/s)"
    return f"{key}: {outcome.step} steps in {speed}, validation {outcome.state.validation:.2f} dB"
