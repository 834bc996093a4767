"""What a plan will train, and what it keeps: trainings that are here, with the settings that the plan wants."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sharploss.config.params import Params
from sharploss.config.run_config import resolve_run
from sharploss.planning.plan import Plan, weights_path
from sharploss.utils.errors import UserError
from sharploss.utils.files import read_json


def standing(params: Params, plan: Plan, root: Path = Path()) -> dict[str, list[str]]:
    """Sort a plan's runs by what is here of them.

    Data and code are not looked at, which `dvc status` does.

    Returns:
        kept: trained with these settings, and the weights are here.
        other: trained with other settings, which changes with the study, the network, the loss, the recipe or the task;
            or started from such a run, which will have other weights.
        new: not trained, or the weights are not here.
    """
    found: dict[str, list[str]] = {"kept": [], "other": [], "new": []}
    altered: set[str] = set()
    for key, run in plan["runs"].items():
        trained, weights = _recorded(root, key), weights_path(run["group"], key)
        # A plan lists a run after the one that it starts from, so several steps in a row are followed too.
        if run["start"] in altered or trained not in {None, _plain(_wanted(params, run))}:
            altered.add(weights)
        here = trained is not None and (root / weights).is_file()
        found["new" if not here else "other" if weights in altered else "kept"].append(key)
    return found


def tell(found: dict[str, list[str]], named: Collection[str] = ()) -> list[str]:
    """Say what `standing` found: how many, and which have other settings, unless they were `named` before.

    "Other settings" are a run's own, or those of what it starts from.
    """
    train = len(found["new"]) + len(found["other"])
    return [
        *(f"other settings {key}" for key in found["other"] if key not in named),
        f"to train: {train} ({len(found['new'])} not here, {len(found['other'])} with other settings)",
        f"reused: {len(found['kept'])} trained with these settings, as long as their data and code are unchanged "
        "('dvc status' says whether they are)",
    ]


def _wanted(params: Params, run: dict[str, Any]) -> dict[str, Any]:
    from sharploss.training.state import with_defaults

    return with_defaults(resolve_run(params, run)).model_dump(mode="json")


def _recorded(root: Path, key: str) -> str | None:
    """Give the settings that a run was trained with; None where it was not, or its record is gone."""
    try:
        return _plain(read_json(root / "results" / "runs" / key / "provenance.json")["config"])
    except (UserError, KeyError):
        return None


def _plain(config: dict[str, Any]) -> str:
    """Give settings to compare; which sets are tested on does not make a run another one."""
    task = {name: value for name, value in config["task"].items() if name != "test"}
    return json.dumps({**config, "task": task}, sort_keys=True)
