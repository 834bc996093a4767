"""What a finished run says of itself: metrics.json (the result) and provenance.json (how it came about)."""

import platform
from datetime import datetime
from importlib.metadata import version
from typing import Any

import torch

from sharploss.config.run_config import RunConfig
from sharploss.training.device import describe_commit, describe_hardware
from sharploss.training.loop import TrainResult


def metrics(result: TrainResult, cure: str = "") -> dict[str, Any]:
    """Return the result of a training: the same on every machine that computes the same.

    Args:
        result: how it ended.
        cure: what to do about the reason of a run that was not trained; left out where there is none.
    """
    return {
        "status": result.status,
        "step": result.step,
        "validation": {"psnr_y": result.state.validation},
        "terms": result.state.terms,
        "diverged": result.diverged,
        "reason": result.reason,
        **({"cure": cure} if cure else {}),
    }


def provenance(
    config: RunConfig, result: TrainResult, device: torch.device, started: datetime, processes: int = 1
) -> dict[str, Any]:
    """Return the circumstances of a training: when, how fast, on what, with which versions and settings."""
    return {
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(result.state.seconds, 3),
        "steps_per_second": round(result.steps_per_second, 3),
        "patches_per_second": round(result.steps_per_second * config.recipe.batch, 1),
        **circumstances(device),
        "processes": processes,
        "parameters": sum(parameter.numel() for parameter in result.network.parameters()),
        "backbones": result.backbones,
        "config": config.model_dump(mode="json"),
    }


def circumstances(device: torch.device) -> dict[str, Any]:
    """Return what computes: device, versions and the commit of the code."""
    return {
        "device": device.type,
        "hardware": describe_hardware(device),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("sharploss", "torch", "numpy")},
        },
        "commit": describe_commit(),
    }


def summary(key: str, result: TrainResult, cure: str = "") -> str:
    """Return a training's end in one line; `cure` is that of `metrics`."""
    if result.reason:
        return f"{key}: not trained: {result.reason}{cure and f': {cure}'}"
    if result.diverged:
        return f"{key}: diverged, {result.diverged['term']} is not finite at step {result.diverged['step']}"
    speed = f"{result.state.seconds:.1f} s ({result.steps_per_second:.1f} steps/s)"
    return f"{key}: {result.step} steps in {speed}, validation {result.state.validation:.2f} dB"
