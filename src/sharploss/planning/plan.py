"""From params.yaml to runs.yaml: the suites expanded into runs, each listed once."""

from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Annotated, Any, cast

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12

from sharploss.config.check_names import mdf_weights
from sharploss.config.extractors import INSIDE, OFFICIAL
from sharploss.config.params import Params
from sharploss.config.run_config import RunParts
from sharploss.record.keys import group_of, run_key, stage_key
from sharploss.record.paths import PLAN, paths
from sharploss.record.study import PARAMS
from sharploss.utils.errors import UserError, cut, unknown
from sharploss.utils.files import write_text
from sharploss.utils.yaml_files import load_yaml

HEADER = "# Written by `make plan` from params.yaml, and committed like a lock file. Do not edit: edit params.yaml.\n"
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # ten times as fast, where PyYAML was built with it
NOTHING = "pipelines/nothing.txt"
"""What a run that starts from random weights, or needs no extractor, depends on instead: DVC cannot leave one out."""

SECTIONS = {"packs": "task", "discriminators": "extractor", "runs": "run", "groups": "group"}
"""Of runs.yaml, each with the field that names its entries."""

# DVC makes file names and shell words of all of a plan.
PlanName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*\z")]
STRICT = with_config(ConfigDict(extra="forbid", strict=True))


@STRICT
class PlannedRun(TypedDict):
    """A run."""

    task: PlanName
    network: PlanName
    loss: PlanName
    recipe: PlanName
    seed: int
    group: str
    start: str  # the weights that it starts from, or NOTHING
    extractor: str  # the MDF discriminators that it needs, or NOTHING
    suites: list[PlanName]  # that it serves; none, where others only start from it


@STRICT
class Group(TypedDict):
    """The runs of one task and network, which are evaluated together."""

    task: PlanName
    network: PlanName
    runs: list[str]


@STRICT
class Plan(TypedDict):
    """What a study trains and measures: tasks whose images are packed, extractors with theirs, runs by key."""

    study: PlanName
    tasks: list[PlanName]
    extractors: dict[PlanName, PlanName]
    runs: dict[str, PlannedRun]
    groups: dict[str, Group]


def expand(params: Params) -> Plan:
    """Expand the suites."""
    runs: dict[str, PlannedRun] = {}
    for name, suite in params.suites.items():
        seeds = suite.seeds or params.seeds
        for task, network, loss, seed in product(suite.tasks, suite.networks, suite.losses, seeds):
            chosen = RunParts(task=task, network=network, loss=loss, recipe=suite.recipe, seed=seed)
            suites = _add(params, runs, chosen)["suites"]
            if name not in suites:
                suites.append(name)
    extractors = {name: extractor.task for name, extractor in params.extractors.items()}
    return Plan(study=params.study, tasks=list(params.tasks), extractors=extractors, runs=runs, groups=_groups(runs))


def _add(params: Params, runs: dict[str, PlannedRun], chosen: RunParts) -> PlannedRun:
    """Add a run, after the run that it starts from, and return its entry."""
    begin, start = params.recipes[chosen["recipe"]].start, NOTHING
    if begin is not None:
        task = begin.task or chosen["task"]
        earlier = _add(params, runs, {**chosen, "task": task, "loss": begin.loss, "recipe": begin.recipe})
        start = paths(params.study).weights(earlier["group"], run_key(params.study, earlier)).as_posix()
    group, extractor = group_of(chosen["task"], chosen["network"]), _extractor(params, chosen["loss"])
    run = PlannedRun(**chosen, group=group, start=start, extractor=extractor, suites=[])
    return runs.setdefault(run_key(params.study, run), run)


def _extractor(params: Params, loss: str) -> str:
    """Return the file of discriminators that a loss reads, an extractor's or one that it names by its path, or NOTHING.

    The authors' file is none of the repository: a run depends on it by its receipt, as on every asset.
    """
    for weights in mdf_weights(params.losses[loss]):
        if weights not in OFFICIAL:
            own = weights in params.extractors
            return paths(params.study).extractor_weights(weights).as_posix() if own else str(weights)
    return NOTHING


def _groups(runs: dict[str, PlannedRun]) -> dict[str, Group]:
    groups: dict[str, Group] = {}
    for key, run in runs.items():
        group = groups.setdefault(run["group"], Group(task=run["task"], network=run["network"], runs=[]))
        group["runs"].append(key)
    return groups


def find_run(plan: Plan, key: str) -> PlannedRun:
    """Look up a run by its key; UserError, with the nearest one, where there is none."""
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
    """Read runs.yaml; UserError, with the first difference, where it is not what params.yaml expands to."""
    plan, wanted = load_plan(path), expand(params)
    if plan == wanted:
        return plan
    change = changes(plan, wanted)
    what = change[0] if change else "the tasks, extractors or groups differ"
    raise UserError(f"{path} is out of date ({what}): run 'make plan' to renew it.")


# The file. Its keys begin with the study, because DVC names its stages by them (`stage_key`).


def dump_plan(plan: Plan) -> str:
    """Return the text of runs.yaml."""
    tasks = {task: {} for task in plan["tasks"]}
    extractors = {name: {"task": task} for name, task in plan["extractors"].items()}
    lines = [f"plan: {{study: {plan['study']}}}"]
    sections = (tasks, extractors, plan["runs"], plan["groups"])
    for (section, field), entries in zip(SECTIONS.items(), sections, strict=True):
        lines += [f"{section}:"] if entries else [f"{section}: {{}}"]
        for name, entry in entries.items():
            text = yaml.dump(
                {field: name, **entry}, Dumper=DUMPER, default_flow_style=True, width=10**6, sort_keys=False
            )
            lines.append(f"  {stage_key(plan['study'], name)}: {text.strip()}")
    return HEADER + "\n".join(lines) + "\n"


def write_plan(plan: Plan, path: str | Path = PLAN) -> None:
    """Write runs.yaml."""
    write_text(path, dump_plan(plan))


def load_plan(path: str | Path = PLAN) -> Plan:
    """Read runs.yaml; UserError where it is missing, is not YAML, or is not a plan."""
    if not Path(path).exists() and Path(path).with_name(PARAMS).exists():
        raise UserError(f"{path} is missing: write it with 'make plan'.")
    try:
        plan = _parse(load_yaml(path, remedy="write it again with 'make plan'"))
        wrong = _wrong_field(plan)
    except ValidationError as error:
        first = error.errors()[0]
        plan, wrong = None, _no_plan_makes(first["loc"], first["input"])
    except (KeyError, TypeError, AttributeError):
        plan, wrong = None, "is not a plan of runs"
    if plan is None or wrong is not None:
        raise UserError(f"{path} {wrong}: write it again with 'make plan'.")
    return plan


def _no_plan_makes(where: Iterable[Any], value: object) -> str:
    return f"has {'.'.join(map(str, where))} {cut(repr(value))}, which no plan makes"


def _parse(content: Any) -> Plan:
    """Take the file apart; what is no plan at all fails with an error of Python's own."""
    study = content["plan"]["study"]
    if set(content) != {"plan", *SECTIONS} or set(content["plan"]) != {"study"}:
        raise KeyError
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for section, field in SECTIONS.items():
        found[section] = {}
        for key, entry in cast("dict[str, dict[str, Any]]", content[section]).items():
            name = entry[field]
            if key != stage_key(study, name):
                raise KeyError(key)
            found[section][name] = {other: value for other, value in entry.items() if other != field}
    extractors = {name: entry["task"] for name, entry in found["discriminators"].items()}
    plan = {"study": study, "tasks": list(found["packs"]), "extractors": extractors}
    return TypeAdapter(Plan).validate_python({**plan, "runs": found["runs"], "groups": found["groups"]})


def _wrong_field(plan: Plan) -> str | None:
    """Return what does not follow from the rest of a plan, or leads out of the repository; None where all does."""
    weights = paths(plan["study"]).weights
    starts = {NOTHING, *(weights(run["group"], key).as_posix() for key, run in plan["runs"].items())}
    for key, run in plan["runs"].items():
        if key != run_key(plan["study"], run):
            return _no_plan_makes(["runs"], key)
        inside = run["extractor"] == NOTHING or INSIDE.fullmatch(run["extractor"])
        group = group_of(run["task"], run["network"])
        fits = {"group": run["group"] == group, "start": run["start"] in starts, "extractor": inside}
        for field in (field for field, fit in fits.items() if not fit):
            return _no_plan_makes(["runs", key, field], run[field])
    return None if plan["groups"] == _groups(plan["runs"]) else "has groups that are not those of its runs"
