"""What a plan will train, what it keeps, and how long that takes: predicted from what was measured here before."""

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from sharploss.config.params import Params
from sharploss.config.run_config import RunConfig, RunNames, resolve_run
from sharploss.planning.plan import Plan, PlannedRun
from sharploss.record.paths import paths
from sharploss.record.run import flat_settings, read_config
from sharploss.record.speed import Speed, load_speeds, load_timed, save_timed
from sharploss.utils.errors import UserError

START_UP = 4.0  # seconds of a run that are not training: starting Python, importing torch, DVC's bookkeeping
SPAN = 3.0  # seconds that the timed steps of one network and loss should take, as far as these numbers allow
FEWEST, MOST = 3, 100


def run_status(params: Params, plan: Plan, root: Path = Path()) -> dict[str, list[str]]:
    """Sort a plan's runs by what is here of them; data and code are not looked at, which `dvc status` does.

    "kept" were trained with these settings, "other" with other ones, or started from such a run, which will have other
    weights; "new" were not trained, or their weights are not here.
    """
    files, relative = paths(plan["study"], root), paths(plan["study"])
    found: dict[str, list[str]] = {"kept": [], "other": [], "new": []}
    altered: set[str] = set()
    for key, run in plan["runs"].items():
        trained, wanted = read_config(files.run(key)), full_config(params, run).model_dump(mode="json")
        weights = relative.weights(run["group"], key).as_posix()
        # A plan lists a run after the one that it starts from, so several steps in a row are followed too.
        if run["start"] in altered or (trained is not None and flat_settings(trained) != flat_settings(wanted)):
            altered.add(weights)
        here = trained is not None and files.weights(run["group"], key).is_file()
        found["new" if not here else "other" if weights in altered else "kept"].append(key)
    return found


def format_status(found: dict[str, list[str]]) -> list[str]:
    """Return lines that say how many runs there are of each status, and which have other settings."""
    train = len(found["new"]) + len(found["other"])
    return [
        *(f"other settings {key}" for key in found["other"]),
        f"to train: {train} ({len(found['new'])} not here, {len(found['other'])} with other settings)",
        f"reused: {len(found['kept'])} trained with these settings, as long as their data and code are unchanged "
        "('dvc status' says whether they are)",
    ]


def full_config(params: Params, run: RunNames) -> RunConfig:
    """Return a run's settings as its provenance records them."""
    from sharploss.training.state import with_defaults

    return with_defaults(resolve_run(params, run))


def predict_seconds(params: Params, runs: Mapping[str, PlannedRun], processes: int = 1) -> dict[str, float | None]:
    """Predict the seconds that each run trains here, by `processes` together; None where nothing like it was measured.

    What counts is the same network at the same scale, patch, batch and mode: with the same loss, else with the same
    terms at other weights, else the median over other losses.
    """
    known = measured_steps() if runs else {}
    predicted: dict[str, float | None] = {}
    alike: dict[tuple[str, ...], float | None] = {}  # whatever the seed
    for key, run in runs.items():
        what = (run["task"], run["network"], run["loss"], run["recipe"])
        if what not in alike:
            config = full_config(params, run)
            step = next((known[case] for case in _cases(config, processes) if case in known), None)
            alike[what] = None if step is None else step * config.recipe.steps + START_UP
        predicted[key] = alike[what]
    return predicted


def measured_steps(root: Path = Path()) -> dict[str, float]:
    """Return the median seconds of one step measured on this device, by `_cases`; unreadable records are left out."""
    here = _computer(*_device())
    found: dict[str, list[float]] = {}
    for speed in load_speeds(root):
        if _computer(speed.device, speed.hardware) == here:
            for case in _cases(speed.config, speed.processes):
                found.setdefault(case, []).append(1 / speed.steps_per_second)
    return {case: median(seconds) for case, seconds in found.items()}


def _device() -> tuple[str, str]:
    from sharploss.training.device import choose_device, describe_hardware

    device = choose_device()
    return device.type, describe_hardware(device)


def _computer(device: str, hardware: str) -> tuple[str, str]:
    """Return what computed, but for its threads: how many compute is decided by the mode of a training."""
    return device, re.sub(r", \d+ threads?$", "", hardware)


def _cases(config: RunConfig, processes: int) -> list[str]:
    """Return what a run may be compared by: everything its time depends on, then less and less of its loss."""
    recipe = config.recipe.model_dump(include={"patch", "batch", "accumulate", "mode"})
    same = [config.network.model_dump(mode="json"), config.task.scale, recipe, processes]
    loss = config.loss.model_dump(mode="json")
    return [json.dumps([*same, alike], sort_keys=True) for alike in (loss, sorted(loss), None)]


def predict(params: Params, plan: Plan) -> str:
    """Return a table as text: for each group its runs and the hours of their training, and the sum."""
    seconds = predict_seconds(params, plan["runs"])
    groups = {**{name: group["runs"] for name, group in plan["groups"].items()}, "all": [*plan["runs"]]}
    lines = [f"{'group':<24}{'runs':>6}  hours"]
    lines += [f"{name:<24}{len(keys):>6}  {_hours([seconds[key] for key in keys])}" for name, keys in groups.items()]
    if None in seconds.values():
        lines.append("(hours are known of what was trained on this device before; plan --measure times the others)")
    return "\n".join([*lines, "(training only, without evaluation and extractors)"])


def _hours(seconds: list[float | None]) -> str:
    known = [value for value in seconds if value is not None]
    missing = f", and {len(seconds) - len(known)} runs not known" if len(known) < len(seconds) else ""
    return f"{sum(known) / 3600:.3g}{missing}" if known or not missing else "not known"


def time_steps(params: Params, plan: Plan) -> None:
    """Time a few steps of each network and loss that nothing is known of, and keep the times (`record.speed`).

    A loss whose weights are not here, or whose extractor is not trained yet, is left out.
    """
    known, kept = set(measured_steps()), load_timed()
    for run in plan["runs"].values():
        config = full_config(params, run)
        case = _cases(config, 1)[0]
        if case in known:
            continue
        known.add(case)
        what = f"{run['network']} at scale {config.task.scale} with {run['loss']}"
        try:
            seconds = step_seconds(config)
        except (UserError, ValueError) as error:
            print(f"{what}: not measured ({error})", flush=True)
            continue
        print(f"{what}: {seconds:.3g} s a step", flush=True)
        device, hardware = _device()
        kept.append(Speed(device=device, hardware=hardware, steps_per_second=1 / seconds, config=config))
        save_timed(kept)


def step_seconds(config: RunConfig) -> float:
    """Train on noise and return the seconds of one step: the difference between two trainings that differ in steps."""
    import torch

    from sharploss.data.pack import open_pack, write_pack
    from sharploss.training.device import choose_device
    from sharploss.training.loop import train

    device, scale, size = choose_device(), config.task.scale, config.recipe.patch
    target, input = (torch.randint(256, (3, side, side), dtype=torch.uint8) for side in (scale * size, size))

    def seconds(steps: int) -> float:
        every = dict.fromkeys(("steps", "log_every", "validate_every", "checkpoint_every"), steps)
        recipe = config.recipe.model_copy(update={**every, "start": None, "warmup": 0})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "noise.safetensors"
            write_pack(path, [("noise/0", target, input)], role="train", sets=["noise"], parameters={}, missing={})
            packs = {"train": open_pack(path), "validation": open_pack(path)}
            run = config.model_copy(update={"recipe": recipe})
            return train(run, packs, scratch=Path(folder), device=device).state.seconds

    seconds(1)  # the first training of a network in a process also compiles and allocates
    one = seconds(1)
    steps = min(MOST, max(FEWEST, int(SPAN / one)))
    return max(seconds(1 + steps) - one, 1e-6) / steps
