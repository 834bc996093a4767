"""What a training leaves as its record (`sharploss.record.run`)."""

import math
import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import torch

import sharploss
from sharploss.config.run_config import RunConfig
from sharploss.record.run import Divergence, Metrics, Provenance, RunRecord, Status
from sharploss.training.device import describe_commit, describe_hardware, describe_processor
from sharploss.training.loop import TrainResult


def make_record(
    key: str, config: RunConfig, result: TrainResult, start: Mapping[str, Any], *, cure: str = ""
) -> RunRecord:
    """Return the record of a run; `start` has the fields of Provenance that are known at its beginning."""
    validation = result.state.validation
    metrics = Metrics(
        status=cast("Status", result.status),
        step=result.step,
        validation={"psnr_y": None if validation is None or not math.isfinite(validation) else validation},
        terms=cast("dict[str, float | None] | None", result.state.terms),
        diverged=Divergence.model_validate(result.diverged) if result.diverged else None,
        reason=result.reason,
        cure=cure or None,
    )
    provenance = Provenance(
        **start,
        seconds=round(result.state.seconds, 3),
        steps_per_second=round(result.steps_per_second, 3),
        patches_per_second=round(result.steps_per_second * config.recipe.batch, 1),
        memory=round(torch.cuda.max_memory_allocated() / 1e9, 3) if torch.cuda.is_initialized() else 0.0,
        parameters=sum(parameter.numel() for parameter in result.network.parameters()),
        backbones=result.backbones,
        left_out=result.left_out,
        fresh=result.fresh,
        form=result.form,
        form_reason=result.form_reason,
        replays=result.state.replays,
        config=config,
    )
    return RunRecord(key, metrics, provenance)


def describe_start(device: torch.device) -> dict[str, Any]:
    """Return when and on what a training begins: fields of Provenance. Nothing that is missing here is an error.

    The peak of the memory that is used is counted from here.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    name, numbers, flags = describe_processor()
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device.type,
        "hardware": describe_hardware(device),
        "processor": ", ".join(filter(None, [name, numbers])),
        "instruction_sets": " ".join([torch.backends.cpu.get_cpu_capability(), *flags]),
        "threads": torch.get_num_threads(),
        "versions": versions(device),
        "commit": describe_commit(),
    }


def versions(device: torch.device) -> dict[str, str]:
    """Return the versions of what computes, each as it says itself: a package without metadata has none installed."""
    import numpy as np
    import PIL
    from PIL import features

    found = {"python": platform.python_version(), "sharploss": sharploss.__version__, "torch": str(torch.__version__)}
    found |= {"numpy": np.__version__, "pillow": PIL.__version__}
    found["libjpeg"] = str(features.version_feature("libjpeg_turbo") or features.version("jpg"))
    libraries = {"mkl": r"Math Kernel Library Version (\S+?)(?:-| )", "onednn": r"MKL-DNN v(\S+)"}
    built = torch.__config__.show()
    matches = {name: re.search(pattern, built) for name, pattern in libraries.items()}
    found |= {name: match[1] for name, match in matches.items() if match}
    if device.type == "cuda":
        found |= {"cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version())}
    return found
