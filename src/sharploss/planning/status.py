"""What a plan will train, and what it keeps: trainings that are here, with the settings that the plan wants."""

from collections.abc import Collection
from pathlib import Path

from sharploss.config.params import Params
from sharploss.config.run_config import resolve_run
from sharploss.planning.plan import Plan
from sharploss.record.paths import paths
from sharploss.record.run import read_config, same_config


def run_status(params: Params, plan: Plan, root: Path = Path()) -> dict[str, list[str]]:
    """Sort a plan's runs by what is here of them.

    Data and code are not looked at, which `dvc status` does.

    Returns:
        kept: trained with these settings, and the weights are here.
        other: trained with other settings of the network, loss, recipe or task; or started from such a run, which will
            have other weights.
        new: not trained, or the weights are not here.
    """
    from sharploss.training.state import with_defaults

    files = paths(plan["study"], root)
    relative = paths(plan["study"])
    found: dict[str, list[str]] = {"kept": [], "other": [], "new": []}
    altered: set[str] = set()
    for key, run in plan["runs"].items():
        trained, wanted = read_config(files.run(key)), with_defaults(resolve_run(params, run)).model_dump(mode="json")
        weights = relative.weights(run["group"], key).as_posix()
        # A plan lists a run after the one that it starts from, so several steps in a row are followed too.
        if run["start"] in altered or (trained is not None and not same_config(trained, wanted)):
            altered.add(weights)
        here = trained is not None and files.weights(run["group"], key).is_file()
        found["new" if not here else "other" if weights in altered else "kept"].append(key)
    return found


def format_status(found: dict[str, list[str]], named: Collection[str] = ()) -> list[str]:
    """Return lines that say how many runs there are of each status, and which have other settings.

    "Other settings" are a run's own, or those of what it starts from; those `named` before are only counted.
    """
    train = len(found["new"]) + len(found["other"])
    return [
        *(f"other settings {key}" for key in found["other"] if key not in named),
        f"to train: {train} ({len(found['new'])} not here, {len(found['other'])} with other settings)",
        f"reused: {len(found['kept'])} trained with these settings, as long as their data and code are unchanged "
        "('dvc status' says whether they are)",
    ]
