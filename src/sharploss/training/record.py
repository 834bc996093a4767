"""What a training leaves as its record (`sharploss.record.run`)."""

import platform
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any, cast

import torch

from sharploss.config.run_config import RunConfig
from sharploss.record.run import Divergence, Metrics, Provenance, RunRecord, Status
from sharploss.training.device import describe_commit, describe_hardware
from sharploss.training.loop import TrainResult


def make_record(
    key: str,
    config: RunConfig,
    result: TrainResult,
    *,
    device: torch.device,
    started: datetime,
    processes: int = 1,
    cure: str = "",
    made_from: Mapping[str, Any] | None = None,
) -> RunRecord:
    """Return the record of a training.

    Args:
        key: of the run.
        config: the resolved run.
        result: how it ended.
        device: what computed it.
        started: when, UTC.
        processes: that shared each batch.
        cure: what to do about the reason of a run that was not trained.
        made_from: `identity`, `packs`, `start` and `extractor` of `sharploss.record.run.Provenance`.
    """
    metrics = Metrics(
        status=cast("Status", result.status),
        step=result.step,
        validation={"psnr_y": result.state.validation},
        terms=cast("dict[str, float | None] | None", result.state.terms),
        diverged=Divergence.model_validate(result.diverged) if result.diverged else None,
        reason=result.reason,
        cure=cure or None,
    )
    provenance = Provenance(
        started=started.isoformat(timespec="seconds"),
        seconds=round(result.state.seconds, 3),
        steps_per_second=round(result.steps_per_second, 3),
        patches_per_second=round(result.steps_per_second * config.recipe.batch, 1),
        **circumstances(device),
        processes=processes,
        parameters=sum(parameter.numel() for parameter in result.network.parameters()),
        backbones=result.backbones,
        config=config.model_dump(mode="json"),
        **(made_from or {}),
    )
    return RunRecord(key, metrics, provenance)


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
