"""From params.yaml to runs.yaml: the suites expanded into runs, each listed once."""

import re
from itertools import product
from pathlib import Path
from typing import Any, cast

import yaml

from sharploss.config.check_names import mdf_weights
from sharploss.config.extractors import INSIDE, weights_source
from sharploss.config.params import Params
from sharploss.utils.errors import UserError
from sharploss.utils.files import write_text
from sharploss.utils.yaml_files import load_yaml

Plan = dict[str, dict[str, dict[str, Any]]]

HEADER = "# Written by `make plan` from params.yaml, and committed like a lock file. Do not edit: edit params.yaml.\n"
CODE = Path("data/code")
"""What `plan` writes for DVC to depend on: fingerprints of code, and a run's settings."""

NOTHING = "data/code/nothing.txt"
"""What a run that starts from random weights, or needs no extractor, depends on instead: DVC cannot leave one out."""

KEY = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+){2,3}-s[0-9]+")


def run_key(params: Params, run: dict[str, Any]) -> str:
    """Name a run: task, network, loss, the recipe where it is not the study's own, and the seed."""
    recipe = [] if run["recipe"] == params.study else [run["recipe"]]
    return "-".join([run["task"], run["network"], run["loss"], *recipe, f"s{run['seed']}"])


def expand(params: Params) -> Plan:
    """Expand the suites.

    Returns:
        `runs`: each run by its key, with the suites it serves (one run can serve several tables; a run that others only
        start from serves none) and the weights it starts from; and `groups`: the runs of one task and network, which
        are evaluated together.
    """
    runs: dict[str, dict[str, Any]] = {}
    for name, suite in params.suites.items():
        seeds = suite.seeds or params.seeds
        for task, network, loss, seed in product(suite.tasks, suite.networks, suite.losses, seeds):
            run = {"task": task, "network": network, "loss": loss, "recipe": suite.recipe, "seed": seed}
            entry = _add(params, runs, run)
            if name not in entry["suites"]:
                entry["suites"].append(name)
    return {"runs": runs, "groups": _groups(runs)}


def _add(params: Params, runs: dict[str, dict[str, Any]], run: dict[str, Any]) -> dict[str, Any]:
    """Add a run, after the run that it starts from, and give its entry."""
    start, needed = params.recipes[run["recipe"]].start, NOTHING
    if start is not None:
        earlier = {**run, "task": start.task or run["task"], "loss": start.loss, "recipe": start.recipe}
        needed = weights_path(_add(params, runs, earlier)["group"], run_key(params, earlier))
    group = f"{run['task']}-{run['network']}"
    entry = {**run, "group": group, "start": needed, "extractor": _extractor(params, run["loss"]), "suites": []}
    return runs.setdefault(run_key(params, run), entry)


def _extractor(params: Params, loss: str) -> str:
    """Give the file of discriminators that a loss reads, an extractor's or one that it names by its path, or NOTHING.

    The authors' file is none of the repository: a run depends on it by its receipt, as on every asset.
    """
    files = [weights_source(weights) for weights in mdf_weights(params.losses[loss])]
    return next((file.as_posix() for file in files if file is not None), NOTHING)


def weights_path(group: str, key: str) -> str:
    """Give where a run's trained weights lie, relative to the study's folder."""
    return f"results/weights/{group}/{key}.safetensors"


def settings_path(key: str) -> Path:
    """Give where `plan` writes a run's settings and the fingerprints of its code."""
    return CODE / f"run-{key}.json"


def _groups(runs: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for key, run in runs.items():
        empty = {"task": run["task"], "network": run["network"], "runs": []}
        groups.setdefault(run["group"], empty)["runs"].append(key)
    return groups


def load_plan(path: str | Path = "runs.yaml") -> Plan:
    """Read runs.yaml.

    Raises:
        UserError: the file is missing, is not YAML, or is not a plan; the message says how to write it again.
    """
    content = load_yaml(path)
    wrong = _wrong_plan(content)
    if wrong is not None:
        raise UserError(f"{path} {wrong}: write it again with 'make plan'.")
    return cast("Plan", content)


NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
FIELDS = ("task", "network", "loss", "recipe", "seed", "group", "start", "extractor", "suites")


def _wrong_plan(content: Any) -> str | None:
    """Say what no plan has. DVC makes file names and shell words of all of it, so nothing else is let through."""
    if not isinstance(content, dict) or set(cast("dict[str, Any]", content)) != {"runs", "groups"}:
        return "is not a plan of runs"
    runs, groups = cast("tuple[Any, Any]", (content["runs"], content["groups"]))
    if not isinstance(runs, dict) or not isinstance(groups, dict):
        return "is not a plan of runs"
    runs, groups = cast("dict[Any, Any]", runs), cast("dict[Any, Any]", groups)
    for key, run in runs.items():
        if not isinstance(key, str) or not KEY.fullmatch(key):
            return f"holds the run key '{key}', which no plan makes"
        if not isinstance(run, dict) or set(cast("dict[str, Any]", run)) != set(FIELDS):
            return f"does not give the run {key} the fields {', '.join(FIELDS)}"
    starts = {weights_path(str(run["group"]), key) for key, run in runs.items()} | {NOTHING}
    for key, run in runs.items():
        field = _wrong_field(key, run, starts)
        if field is not None:
            return f"gives the run {key} the {field} {run[field]!r}, which no plan makes"
    return None if groups == _groups(runs) else "has groups that are not those of its runs"


def _wrong_field(key: str, run: dict[str, Any], starts: set[str]) -> str | None:
    """Name the first field of a run that does not fit its key, or that is more than a name."""
    for field in ("task", "network", "loss", "recipe"):
        if not isinstance(run[field], str) or not NAME.fullmatch(run[field]):
            return field
    task, network, loss, *recipe, seed = key.split("-")
    fits = {
        "task": run["task"] == task,
        "network": run["network"] == network,
        "loss": run["loss"] == loss,
        "recipe": not recipe or run["recipe"] == recipe[0],
        "seed": type(run["seed"]) is int and f"s{run['seed']}" == seed,
        "group": run["group"] == f"{task}-{network}",
        "start": isinstance(run["start"], str) and run["start"] in starts,
        "extractor": isinstance(run["extractor"], str) and _is_extractor(run["extractor"]),
        "suites": isinstance(run["suites"], list)
        and all(isinstance(suite, str) and NAME.fullmatch(suite) for suite in run["suites"]),
    }
    return next((field for field, fit in fits.items() if not fit), None)


def _is_extractor(path: str) -> bool:
    return path == NOTHING or INSIDE.fullmatch(path) is not None


def dump_plan(plan: Plan) -> str:
    """Give the text of runs.yaml."""
    sections: list[str] = []
    for section, entries in plan.items():
        lines = [
            f"  {key}: {yaml.safe_dump(entry, default_flow_style=True, width=10**6, sort_keys=False).strip()}"
            for key, entry in entries.items()
        ]
        sections.append("\n".join([f"{section}:", *lines]))
    return HEADER + "\n".join(sections) + "\n"


def write_plan(plan: Plan, path: str | Path = "runs.yaml") -> None:
    """Write runs.yaml atomically."""
    write_text(path, dump_plan(plan))


def check_plan(params: Params, path: str | Path = "runs.yaml") -> Plan:
    """Read runs.yaml and make sure that it is what params.yaml expands to.

    Raises:
        UserError: it is out of date; the message names the first difference and the command that renews it.
    """
    plan, wanted = load_plan(path), expand(params)
    if plan == wanted:
        return plan
    change = changes(plan, wanted)
    what = change[0] if change else "the groups differ"
    raise UserError(f"{path} is out of date ({what}): run 'make plan' to renew it.")


def changes(old: Plan, new: Plan) -> list[str]:
    """List what a new plan adds, removes and alters, a line each."""
    before, after = old["runs"], new["runs"]
    return [
        *(f"new run {key}" for key in after if key not in before),
        *(f"removed run {key}" for key in before if key not in after),
        *(f"changed run {key}" for key in after if key in before and after[key] != before[key]),
    ]


def find_run(plan: Plan, key: str) -> dict[str, Any]:
    """Look up a run by its key; an unknown key is a UserError with the nearest one."""
    from sharploss.utils.errors import unknown

    if key not in plan["runs"]:
        raise unknown("run", key, plan["runs"])
    return plan["runs"][key]
