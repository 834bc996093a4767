"""From params.yaml to runs.yaml: the suites expanded into runs, each listed once."""

import re
from itertools import product
from pathlib import Path
from typing import Any, TypedDict, cast

import yaml

from sharploss.config.check_names import mdf_weights
from sharploss.config.extractors import INSIDE, OFFICIAL
from sharploss.config.params import Params
from sharploss.record.keys import RUN_KEY, group_of, run_key, stage_key
from sharploss.record.paths import PLAN, StudyPaths, paths
from sharploss.utils.errors import UserError, unknown
from sharploss.utils.files import write_text
from sharploss.utils.yaml_files import load_yaml


class Plan(TypedDict):
    """What a study trains and measures.

    `runs`: each run by its key (`FIELDS`), with the suites it serves (one run can serve several tables; a run that
    others only start from serves none), the weights it starts from and the MDF discriminators it needs. `groups`: the
    runs of one task and network, which are evaluated together. `tasks`: those whose images are packed. `extractors`:
    each with its task.
    """

    study: str
    tasks: list[str]
    extractors: dict[str, str]
    runs: dict[str, dict[str, Any]]
    groups: dict[str, dict[str, Any]]


HEADER = "# Written by `make plan` from params.yaml, and committed like a lock file. Do not edit: edit params.yaml.\n"
NOTHING = "pipelines/nothing.txt"
"""What a run that starts from random weights, or needs no extractor, depends on instead: DVC cannot leave one out."""

NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
FIELDS = ("task", "network", "loss", "recipe", "seed", "group", "start", "extractor", "suites")


def expand(params: Params) -> Plan:
    """Expand the suites."""
    runs: dict[str, dict[str, Any]] = {}
    for name, suite in params.suites.items():
        seeds = suite.seeds or params.seeds
        for task, network, loss, seed in product(suite.tasks, suite.networks, suite.losses, seeds):
            run = {"task": task, "network": network, "loss": loss, "recipe": suite.recipe, "seed": seed}
            entry = _add(params, runs, run)
            if name not in entry["suites"]:
                entry["suites"].append(name)
    extractors = {name: extractor.task for name, extractor in params.extractors.items()}
    return Plan(study=params.study, tasks=list(params.tasks), extractors=extractors, runs=runs, groups=_groups(runs))


def _add(params: Params, runs: dict[str, dict[str, Any]], run: dict[str, Any]) -> dict[str, Any]:
    """Add a run, after the run that it starts from, and return its entry."""
    start, needed = params.recipes[run["recipe"]].start, NOTHING
    if start is not None:
        earlier = {**run, "task": start.task or run["task"], "loss": start.loss, "recipe": start.recipe}
        _add(params, runs, earlier)
        needed = paths(params.study).weights(group_of(earlier), run_key(params.study, earlier)).as_posix()
    extractor = _extractor(params, run["loss"])
    entry = {**run, "group": group_of(run), "start": needed, "extractor": extractor, "suites": []}
    return runs.setdefault(run_key(params.study, run), entry)


def _extractor(params: Params, loss: str) -> str:
    """Return the file of discriminators that a loss reads, an extractor's or one that it names by its path, or NOTHING.

    The authors' file is none of the repository: a run depends on it by its receipt, as on every asset.
    """
    for weights in mdf_weights(params.losses[loss]):
        if weights not in OFFICIAL:
            own = weights in params.extractors
            return paths(params.study).extractor_weights(weights).as_posix() if own else str(weights)
    return NOTHING


def _groups(runs: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for key, run in runs.items():
        empty = {"task": run["task"], "network": run["network"], "runs": []}
        groups.setdefault(run["group"], empty)["runs"].append(key)
    return groups


def find_run(plan: Plan, key: str) -> dict[str, Any]:
    """Look up a run by its key.

    Raises:
        UserError: there is none; the message names the nearest one.
    """
    if key not in plan["runs"]:
        raise unknown("run", key, plan["runs"])
    return plan["runs"][key]


def changes(old: Plan | None, new: Plan) -> list[str]:
    """List what a new plan adds, removes and alters, a line each; all is new in a study that was not planned before."""
    if old is None or old["study"] != new["study"]:
        return [f"new study {new['study']}", *(f"new run {key}" for key in new["runs"])]
    before, after = old["runs"], new["runs"]
    return [
        *(f"new run {key}" for key in after if key not in before),
        *(f"removed run {key}" for key in before if key not in after),
        *(f"changed run {key}" for key in after if key in before and after[key] != before[key]),
    ]


def check_plan(params: Params, path: str | Path = PLAN) -> Plan:
    """Read runs.yaml and make sure that it is what params.yaml expands to.

    Raises:
        UserError: it is out of date; the message names the first difference and the command that renews it.
    """
    plan, wanted = load_plan(path), expand(params)
    if plan == wanted:
        return plan
    change = changes(plan, wanted)
    what = change[0] if change else "the tasks, extractors or groups differ"
    raise UserError(f"{path} is out of date ({what}): run 'make plan' to renew it.")


# The file. Its keys begin with the study, because DVC names its stages by them (`stage_key`).


def dump_plan(plan: Plan) -> str:
    """Return the text of runs.yaml."""
    study = plan["study"]
    tasks = {stage_key(study, task): {"task": task} for task in plan["tasks"]}
    extractors = {
        stage_key(study, name): {"extractor": name, "task": task} for name, task in plan["extractors"].items()
    }
    runs = {stage_key(study, key): {"run": key, **run} for key, run in plan["runs"].items()}
    groups = {stage_key(study, name): {"group": name, **group} for name, group in plan["groups"].items()}
    sections = {"packs": tasks, "discriminators": extractors, "runs": runs, "groups": groups}
    lines = [f"plan: {{study: {study}}}"]
    for section, entries in sections.items():
        lines += [f"{section}:"] if entries else [f"{section}: {{}}"]
        lines += [f"  {key}: {_flow(entry)}" for key, entry in entries.items()]
    return HEADER + "\n".join(lines) + "\n"


def _flow(entry: dict[str, Any]) -> str:
    return yaml.safe_dump(entry, default_flow_style=True, width=10**6, sort_keys=False).strip()


def write_plan(plan: Plan, path: str | Path = PLAN) -> None:
    """Write runs.yaml atomically."""
    write_text(path, dump_plan(plan))


def load_plan(path: str | Path = PLAN) -> Plan:
    """Read runs.yaml.

    Raises:
        UserError: the file is missing, is not YAML, or is not a plan; the message says how to write it again.
    """
    try:
        plan = _parse(load_yaml(path, remedy="write it again with 'make plan'"))
        wrong = _wrong_plan(plan)
    except (KeyError, TypeError, AttributeError):
        plan, wrong = None, "is not a plan of runs"
    if plan is None or wrong is not None:
        raise UserError(f"{path} {wrong}: write it again with 'make plan'.")
    return plan


def _parse(content: Any) -> Plan:
    """Take the file apart; what is no plan at all fails with an error of Python's own."""
    study = content["plan"]["study"]
    sections = ("packs", "discriminators", "runs", "groups")
    if set(content) != {"plan", *sections} or set(content["plan"]) != {"study"}:
        raise KeyError
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for section, field in zip(sections, ("task", "extractor", "run", "group"), strict=True):
        found[section] = {}
        for key, entry in cast("dict[str, dict[str, Any]]", content[section]).items():
            name = entry[field]
            if key != stage_key(study, name):
                raise KeyError(key)
            found[section][name] = {other: value for other, value in entry.items() if other != field}
    return Plan(
        study=study,
        tasks=list(found["packs"]),
        extractors={name: entry["task"] for name, entry in found["discriminators"].items()},
        runs=found["runs"],
        groups=found["groups"],
    )


def _wrong_plan(plan: Plan) -> str | None:
    """Say what no plan has. DVC makes file names and shell words of all of it, so nothing else is let through."""
    names = [plan["study"], *plan["tasks"], *plan["extractors"], *plan["extractors"].values()]
    for name in names:
        if not NAME.fullmatch(name):
            return f"holds the name '{name}', which no plan makes"
    files = paths(plan["study"])
    for key, run in plan["runs"].items():
        if not RUN_KEY.fullmatch(key):
            return f"holds the run key '{key}', which no plan makes"
        if set(run) != set(FIELDS):
            return f"does not give the run {key} the fields {', '.join(FIELDS)}"
    starts = {files.weights(str(run["group"]), key).as_posix() for key, run in plan["runs"].items()} | {NOTHING}
    for key, run in plan["runs"].items():
        field = _wrong_field(files, key, run, starts)
        if field is not None:
            return f"gives the run {key} the {field} {run[field]!r}, which no plan makes"
    return None if plan["groups"] == _groups(plan["runs"]) else "has groups that are not those of its runs"


def _wrong_field(files: StudyPaths, key: str, run: dict[str, Any], starts: set[str]) -> str | None:
    """Name the first field of a run that does not fit its key, or that is more than a name."""
    for field in ("task", "network", "loss", "recipe"):
        if not isinstance(run[field], str) or not NAME.fullmatch(run[field]):
            return field
    fits = {
        "seed": type(run["seed"]) is int and key.endswith(f"-s{run['seed']}"),
        "task": key.startswith(f"{run['task']}-"),
        "network": key.startswith(f"{group_of(run)}-"),
        "loss": key.startswith(f"{group_of(run)}-{run['loss']}-"),
        "recipe": key == run_key(files.study, run),
        "group": run["group"] == group_of(run),
        "start": isinstance(run["start"], str) and run["start"] in starts,
        "extractor": isinstance(run["extractor"], str) and _is_extractor(run["extractor"]),
        "suites": isinstance(run["suites"], list)
        and all(isinstance(suite, str) and NAME.fullmatch(suite) for suite in run["suites"]),
    }
    return next((field for field, fit in fits.items() if not fit), None)


def _is_extractor(path: str) -> bool:
    return path == NOTHING or INSIDE.fullmatch(path) is not None
