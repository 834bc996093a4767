"""How long a plan will train: predicted from what was measured on this device before, else not known.

The measurements are the provenance of runs that were trained here, and what `plan --measure` has timed (`TIMED`).
"""

import contextlib
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from sharploss.config.params import Params
from sharploss.config.run_config import RunConfig
from sharploss.planning.plan import Plan
from sharploss.planning.status import full_config
from sharploss.record.paths import paths
from sharploss.utils.errors import UserError
from sharploss.utils.files import read_json, write_json

TIMED = Path(".scratch/timed_steps.json")
"""What `time_steps` has measured: a list of records with the fields of provenance.json that are read here."""

START_UP = 4.0  # seconds of a run that are not training: starting Python, importing torch, DVC's bookkeeping
SPAN = 3.0  # seconds that the timed steps of one network and loss should take, as far as these numbers allow
FEWEST, MOST = 3, 100

Config = dict[str, Any]
Runs = Mapping[str, Mapping[str, Any]]


def predict_seconds(params: Params, runs: Runs, processes: int = 1) -> dict[str, float | None]:
    """Predict how long each run trains on this device, in seconds; None where nothing like it was measured.

    What counts is the same network at the same scale, patch, batch and mode: with the same loss, else with the same
    terms at other weights, else the median over other losses.

    Args:
        params: the study.
        runs: entries of runs.yaml by key.
        processes: that train one run together.
    """
    known = measured_steps() if runs else {}
    predicted: dict[str, float | None] = {}
    for key, run in runs.items():
        config = full_config(params, run)
        step = next((known[case] for case in _cases(config, processes) if case in known), None)
        predicted[key] = None if step is None else step * config["recipe"]["steps"] + START_UP
    return predicted


def measured_steps(root: Path = Path()) -> dict[str, float]:
    """Return the median seconds of one step measured on this device, by what `_cases` returns.

    Read are the provenance of every run of every study, and the timed steps; files that cannot be read are left out.
    """
    records: list[Config] = json.loads((root / TIMED).read_text(encoding="utf-8")) if (root / TIMED).is_file() else []
    for path in root.glob(paths("*").run("*").provenance.as_posix()):
        with contextlib.suppress(UserError):
            records.append(read_json(path))
    here = _where(_device())
    found: dict[str, list[float]] = {}
    for record in records:
        speed = record.get("steps_per_second", 0)
        if _where(record) == here and speed > 0:
            for case in _cases(record["config"], record.get("processes", 1)):
                found.setdefault(case, []).append(1 / speed)
    return {case: median(seconds) for case, seconds in found.items()}


def _device() -> dict[str, Any]:
    from sharploss.training.device import choose_device, describe_hardware

    device = choose_device()
    return {"device": device.type, "hardware": describe_hardware(device)}


def _where(record: Config) -> tuple[str | None, str]:
    """Return what computed, but for its threads: how many compute is decided by the mode of a training."""
    return record.get("device"), re.sub(r", \d+ threads?$", "", record.get("hardware") or "")


def _cases(config: Config, processes: int) -> list[str]:
    """Return what a run may be compared by: everything its time depends on, then less and less of its loss."""
    recipe = {name: config["recipe"][name] for name in ("patch", "batch", "accumulate", "mode")}
    same = [config["network"], config["task"]["scale"], recipe, processes]
    return [json.dumps([*same, loss], sort_keys=True) for loss in (config["loss"], sorted(config["loss"]), None)]


def predict(params: Params, plan: Plan) -> str:
    """Return a table as text: for each group its runs and the hours of their training, and the sum."""
    seconds = predict_seconds(params, plan["runs"])
    lines = [f"{'group':<24}{'runs':>6}  hours"]
    groups = {**{name: group["runs"] for name, group in plan["groups"].items()}, "all": [*plan["runs"]]}
    lines += [f"{name:<24}{len(keys):>6}  {_hours([seconds[key] for key in keys])}" for name, keys in groups.items()]
    if None in seconds.values():
        lines.append("(hours are known of what was trained on this device before; plan --measure times the others)")
    return "\n".join([*lines, "(training only, without evaluation and extractors)"])


def _hours(seconds: list[float | None]) -> str:
    known = [value for value in seconds if value is not None]
    missing = len(seconds) - len(known)
    hours = f"{sum(known) / 3600:.3g}"
    return hours if not missing else f"{hours}, and {missing} runs not known" if known else "not known"


def time_steps(params: Params, plan: Plan) -> None:
    """Time a few steps of each network and loss that nothing is known of, and keep the times in `TIMED`.

    A loss whose weights are not here, or whose extractor is not trained yet, is left out.
    """
    known, kept = set(measured_steps()), json.loads(TIMED.read_text(encoding="utf-8")) if TIMED.is_file() else []
    for run in plan["runs"].values():
        config = full_config(params, run)
        case = _cases(config, 1)[0]
        if case in known:
            continue
        known.add(case)
        what = f"{run['network']} at scale {config['task']['scale']} with {run['loss']}"
        try:
            seconds = step_seconds(config)
        except (UserError, ValueError) as error:
            print(f"{what}: not measured ({error})", flush=True)
            continue
        print(f"{what}: {seconds:.3g} s a step", flush=True)
        kept.append({**_device(), "processes": 1, "steps_per_second": 1 / seconds, "config": config})
        write_json(TIMED, kept)


def step_seconds(config: Config) -> float:
    """Train on noise and return the seconds of one step: the difference between two trainings that differ in steps."""
    import torch

    from sharploss.data.pack import open_pack, write_pack
    from sharploss.training.device import choose_device
    from sharploss.training.loop import train

    device, scale = choose_device(), config["task"]["scale"]
    size = config["recipe"]["patch"]
    target, input = (torch.randint(256, (3, side, side), dtype=torch.uint8) for side in (scale * size, size))

    def seconds(steps: int) -> float:
        recipe = {**config["recipe"], "steps": steps, "start": None, "warmup": 0}
        recipe |= dict.fromkeys(("log_every", "validate_every", "checkpoint_every"), steps)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "noise.safetensors"
            write_pack(path, [("noise/0", target, input)], role="train", sets=["noise"], parameters={}, missing={})
            packs = {"train": open_pack(path), "validation": open_pack(path)}
            run = RunConfig.model_validate({**config, "recipe": recipe})
            return train(run, packs, scratch=Path(folder), device=device).state.seconds

    seconds(1)  # the first training of a network in a process also compiles and allocates
    one = seconds(1)
    steps = min(MOST, max(FEWEST, int(SPAN / one)))
    return max(seconds(1 + steps) - one, 1e-6) / steps
