"""`python -m sharploss import FOLDER`: copy runs that were trained elsewhere into the results of a study."""

import json
import math
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from safetensors.torch import save

from sharploss.config.params import Params
from sharploss.config.protocols import METRIC_INFO, reference_of
from sharploss.config.run_config import RunConfig, stored_config
from sharploss.launch.jobs import DVC
from sharploss.planning.cost import full_config
from sharploss.planning.plan import Plan, PlannedRun, expand, load_plan
from sharploss.record.history import copy_history, read_history
from sharploss.record.keys import RUN_KEY, TARGET, group_of_key, input_baseline_key, stage_name, task_of, variant_of
from sharploss.record.paths import PLAN, StudyPaths, paths, paths_of_results
from sharploss.record.run import Provenance, RunRecord, flat_settings, load_run, save_run
from sharploss.record.scores import Notes, Scores, load_scores, read_table, save_scores
from sharploss.record.study import current_study, load_study_params
from sharploss.record.tables import VARIANCE_COLUMNS
from sharploss.training.checkpoint import read_metadata, read_weights
from sharploss.training.state import with_defaults
from sharploss.utils.checksum import add_checksum
from sharploss.utils.command import make_parser
from sharploss.utils.errors import UserError, cut
from sharploss.utils.files import intact, sha256, write_bytes, write_csv
from sharploss.utils.yaml_files import load_yaml

Settings = Mapping[str, Any]  # by dotted keys
DESCRIPTION = """Copy runs that were trained elsewhere into the results of a study: records, weights, scores and crops.

  python -m sharploss import ../other/results/mini                  as runs of the current study
  python -m sharploss import ../other/results/mini --study paper    as runs of the study paper

Runs are matched by their settings. All is checked before anything is written, and a folder can be imported again. What
a run lacks, such as weights or crops, is printed and kept in its provenance.json.
"""
CLOSE = 1e-3  # how far scores of one input image may be apart on two machines


def main(arguments: Sequence[str]) -> int:
    """Run the command with these arguments and return its exit code."""
    parser = make_parser("import", DESCRIPTION)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="results/<study> of this or an earlier version")
    parser.add_argument("--study", metavar="NAME", help="study that they are runs of; default: the current one")
    parser.add_argument("--commit", help="commit that trained them, for records without one")
    parser.add_argument("--force", action="store_true", help="replace other trainings of the same runs")
    asked = parser.parse_args(arguments)
    params = load_study_params(asked.study or current_study())
    folder, files, plan = Folder(asked.folder), paths(params.study), expand(params)
    # All is read and checked before anything is written.
    runs = read_runs(folder, params, plan, asked.commit)
    groups: dict[str, list[Imported]] = {}
    for run in runs:
        groups.setdefault(run.plan["group"], []).append(run)
    scores = {group: read_scores(folder, members, params, files) for group, members in groups.items()}
    for path in _replaced(runs, files, force=asked.force):
        path.unlink()
    for group, members in groups.items():
        _write_baseline(folder, members[0], params, scores[group][1])
        _write_group(folder, members, params, plan, scores[group][0])
    for run in runs:  # metrics.json comes last: a run is there when all of it is, however this ends
        copy_history(folder.files.run(run.key).history, files.run(run.run).history)
        save_run(files.run(run.run), run.record)
    print(f"{asked.folder}: {len(runs)} runs are now runs of {params.study}")
    for reason in dict.fromkeys(reason for run in runs for reason in _origin(run.record).partial):
        names = [run.run for run in runs if reason in _origin(run.record).partial]
        print(f"incomplete, {reason}: {'all' if len(names) == len(runs) else cut(', '.join(names), 160)}")
    print(_record_in_dvc(runs, plan, files))
    return 0


class Folder:
    """A folder laid out as results/<study>/ is, now or at an earlier commit, with its study's runs.yaml or without."""

    def __init__(self, path: Path) -> None:
        self.path, self.files = path, paths_of_results(path)
        self.keys = self.files.every_run()
        if not self.keys:
            raise UserError(f"{path} has no runs/<run>/: name a folder that is laid out as results/<study> is.")
        plan = path / PLAN
        with intact(plan):
            entries: dict[str, dict[str, Any]] = load_yaml(plan)["runs"] if plan.is_file() else {}
            self.recipes = {str(entry.get("run", key)): str(entry["recipe"]) for key, entry in entries.items()}


@dataclass(frozen=True)
class Imported:
    """A run of a folder: its key and group there, the run of the study that it is, its record and settings of today."""

    key: str
    group: str
    run: str
    plan: PlannedRun
    record: RunRecord
    config: RunConfig
    weights: Path | None


def read_runs(folder: Folder, params: Params, plan: Plan, commit: str | None) -> list[Imported]:
    """Read every run of a folder and match it by its settings; what does not fit is a UserError that says where."""
    wanted = {key: flat_settings(full_config(params, run).model_dump(mode="json")) for key, run in plan["runs"].items()}
    found = [_read_run(folder, key, plan, wanted, commit) for key in folder.keys]
    names = dict[str, str]()
    for run in found:
        if names.setdefault(run.run, run.key) != run.key:
            raise UserError(f"{folder.path}: {names[run.run]} and {run.key} are both {run.run}: keep one of them.")
    return found


def _read_run(folder: Folder, key: str, plan: Plan, wanted: Mapping[str, Settings], commit: str | None) -> Imported:
    files, group = folder.files.run(key), group_of_key(key)
    where = files.folder
    if not RUN_KEY.fullmatch(key):
        raise UserError(f"{where}: a run is called <task>-<network>-<loss>[-<recipe>]-s<seed>: rename or remove it.")
    record = load_run(files, key)
    metrics, origin = record.metrics, record.provenance
    if origin is None:
        raise UserError(f"{where} was not trained ({metrics.reason}): remove it.")
    config = _as_of_today(where, origin.config)
    run = _match(folder, key, plan, wanted, flat_settings(config.model_dump(mode="json")))
    steps = [int(line["step"]) for line in read_history(files.history) if line.get("event") == "train"]
    if metrics.status == "finished" and metrics.step != config.recipe.steps:
        raise UserError(f"{where} stopped at step {metrics.step} of {config.recipe.steps}: train it to its end.")
    if steps != sorted(set(steps)) or (metrics.status == "finished" and steps[-1:] != [metrics.step]):
        raise UserError(f"{files.history} does not end at step {metrics.step}: it is of another training.")
    weights = folder.files.weights(group, key)
    if weights.is_file():
        _check_weights(weights, key, metrics.status, config)
    said = origin.model_fields_set | {"imported", "partial", "left_out", "fresh"}  # the last two are mostly empty
    missing = [name for name in Provenance.model_fields if name not in said]
    unknown = origin.commit == "unknown"
    partial = {
        "no weights": not weights.is_file(),
        "commit as stated at the import" if commit else "commit unknown": unknown,
        "speed not measured": not origin.steps_per_second,
        f"no record of {', '.join(missing)}": bool(missing),
    }
    stated: dict[str, Any] = {"config": config, "imported": folder.path.resolve().name}
    stated |= {"commit": commit} if commit and unknown else {}
    stated["partial"] = [reason for reason, holds in partial.items() if holds]
    record = RunRecord(run, metrics, origin.model_copy(update=stated))
    return Imported(key, group, run, plan["runs"][run], record, config, weights if weights.is_file() else None)


def _origin(record: RunRecord) -> Provenance:
    return cast("Provenance", record.provenance)  # of what was trained


def _as_of_today(where: Path, stored: object) -> RunConfig:
    """Return a run's settings as of today, defaults spelt out."""
    try:
        return with_defaults(stored_config(stored))
    except UserError as error:
        raise UserError(f"{where} has settings that this version does not know ({error}): remove it.") from None


def _match(folder: Folder, key: str, plan: Plan, wanted: Mapping[str, Settings], ours: Settings) -> str:
    """Return the run with the same settings; of several, whose recipes differ in name alone, the one that is named."""
    same = [run for run, settings in wanted.items() if settings == ours]
    recipe = folder.recipes.get(key)
    named = [run for run in same if (plan["runs"][run]["recipe"] == recipe if recipe else run == key)]
    if len(same) == 1 or len(named) == 1:
        return (named or same)[0]
    where, study = folder.files.run(key).folder, plan["study"]
    if same:
        raise UserError(
            f"{where} has the settings of {' and '.join(same)} alike: put a runs.yaml into {folder.path} that names "
            "its recipe, or give its folder the name of one of them."
        )
    apart = {run: [name for name in {**ours, **its} if ours.get(name) != its.get(name)] for run, its in wanted.items()}
    near = min(apart, key=lambda run: len(apart[run]))
    name = apart[near][0]
    raise UserError(
        f"{where} is no run of {study}: the nearest, {near}, has {name} {wanted[near].get(name)!r}, and this one "
        f"{ours.get(name)!r}: add a run with these settings to {study}, or name another study with --study."
    )


def _check_weights(path: Path, key: str, status: str, config: RunConfig) -> None:
    read_weights(path)
    metadata = read_metadata(path)
    theirs = flat_settings(_as_of_today(path, json.loads(metadata["config"])).model_dump(mode="json"))
    ours = (key, status, flat_settings(config.model_dump(mode="json")))
    if (metadata.get("key", key), metadata["status"], theirs) != ours:
        raise UserError(f"{path} is of another training than {key}: remove the file, or put that run's own there.")


def read_scores(folder: Folder, runs: list[Imported], params: Params, files: StudyPaths) -> tuple[Scores, Scores]:
    """Read the scores of a group and of its task's input baseline, made sure that they belong together.

    Where `files` have an input baseline with other numbers, the images or inputs are others.
    """
    task, theirs, names = runs[0].plan["task"], task_of(runs[0].group), {run.key: run.run for run in runs}
    at, source = folder.files.input_baseline_scores(theirs), folder.files.scores(runs[0].group)
    name = reference_of(params.tasks[task].scale)
    baseline, scores = load_scores(at), load_scores(source)
    names[input_baseline_key(theirs, name)] = input_baseline_key(task, name)
    images, sets = {row[1:3] for row in baseline.rows}, [*params.tasks[task].test, *params.tasks[task].tune]
    here = files.input_baseline_scores(task)
    values = {row[1:5]: row.value for row in load_scores(here).rows} if here.notes.is_file() else {}
    for row in (*baseline.rows, *scores.rows):
        known = METRIC_INFO[row.metric]["protocols"] if row.metric in METRIC_INFO else ()
        what = f"{row.metric} {row.protocol} of {row.run} on {row.dataset}/{row.image}"
        if row.run not in names or row.dataset not in sets or row.protocol not in known:
            raise UserError(f"{source.rows}: {what}: no such run, test set, metric or protocol is known: remove it.")
        ours = values.get(row[1:5], row.value)
        if row.run not in folder.keys and not math.isclose(ours, row.value, rel_tol=CLOSE, abs_tol=CLOSE):
            raise UserError(
                f"{at.rows}: {what} is {row.value:g}, and {ours:g} in {here.rows}: measure the same images."
            )
    curves = folder.files.variances(runs[0].group)
    drawn = {row["run"] for row in (read_table(curves, VARIANCE_COLUMNS) if curves.is_file() else [])}
    variants = {variant_of(key, runs[0].group) for key in drawn}
    for run in runs:
        variant, own = variant_of(run.key, run.group), {row[1:3] for row in scores.rows if row.run == run.key}
        wanted = [name for name, crop in params.crops.items() if crop.task == task]
        crops = all(folder.files.crop(run.group, name, variant).is_file() for name in wanted)
        lacking = {"no crops": not crops, "no curve of gradient variances": variant not in variants}
        if run.record.metrics.status == "finished" and own != images:
            other = "/".join(min(own ^ images))
            raise UserError(f"{source.rows}: {other} was not measured for both {run.key} and its input: measure it.")
        stated = scores.notes.weights_sha256.get(run.key)
        if run.weights is not None and stated not in (None, sha256(run.weights)):
            raise UserError(f"{source.rows} has scores of other weights of {run.key} than {run.weights}: remove one.")
        _origin(run.record).partial.extend(what for what, holds in lacking.items() if holds)
    renamed = [Scores([row._replace(run=names[row.run]) for row in rows], notes) for rows, notes in (scores, baseline)]
    return renamed[0], renamed[1]


def _replaced(runs: Sequence[Imported], files: StudyPaths, *, force: bool) -> list[Path]:
    """Return the results of other trainings of these runs, which only `force` replaces."""
    here = [run for run in runs if files.run(run.run).metrics.is_file()]
    stated = {"config": None, "imported": "", "partial": [], "commit": ""}  # at an import, as of that day
    other = [
        run.run
        for run in here
        if (found := load_run(files.run(run.run), run.run)).metrics != run.record.metrics
        or found.provenance is None
        or found.provenance.model_copy(update=stated) != _origin(run.record).model_copy(update=stated)
    ]
    if other and not force:
        raise UserError(f"{files.run(other[0]).folder} is of another training: add --force to replace it.")
    return [files.run(key).metrics for key in other]


def _write_group(folder: Folder, runs: Sequence[Imported], params: Params, plan: Plan, scores: Scores) -> None:
    """Write the weights of a group's runs, and add theirs to its scores, crops and gradient variances."""
    group, names, files = runs[0].plan["group"], {run.run for run in runs}, paths(params.study)
    digests: dict[str, str] = {}
    for run in runs:
        if run.weights is not None:
            target, config = files.weights(group, run.run), run.config.model_dump(mode="json")
            metadata = {"key": run.run, "status": run.record.metrics.status}
            metadata["config"] = json.dumps(config, sort_keys=True)
            write_bytes(target, add_checksum(save(read_weights(run.weights), metadata=metadata)))
            digests[run.run] = sha256(target)
    order, target = plan["groups"][group]["runs"], files.scores(group)
    rows, notes = scores.rows, scores.notes.model_copy(update={"weights_sha256": digests})
    if target.notes.is_file():  # which is written after the rows
        others = load_scores(target)
        again = names <= {row.run for row in others.rows}  # and to import again is to change nothing
        rows = [*(row for row in others.rows if row.run not in names), *rows]
        old, new = others.notes.model_dump(), notes.model_dump()
        merged = {name: {**old[name], **new[name]} for name in old if isinstance(old[name], dict)}
        seconds = old["seconds"] + (0 if again else new["seconds"])
        notes = Notes.model_validate({**merged, "seconds": seconds, "device": new["device"] or old["device"]})
    save_scores(target, sorted(rows, key=lambda row: order.index(row[0])), notes)
    # Of runs that differ in nothing but the seed, the first is shown.
    here = [key for key in order if key in names or files.run(key).metrics.is_file()]
    shown = set({variant_of(key, group): key for key in reversed(here)}.values())
    for run in (run for run in runs if run.run in shown):
        for crop in (name for name, crop in params.crops.items() if crop.task == run.plan["task"]):
            source = folder.files.crop(run.group, crop, variant_of(run.key, run.group))
            _copy(source, files.crop(group, crop, variant_of(run.run, group)))
    keys = {run.key: run.run for run in runs if run.run in shown}
    _merge_variances(folder.files.variances(runs[0].group), files.variances(group), keys)


def _write_baseline(folder: Folder, run: Imported, params: Params, scores: Scores) -> None:
    """Copy a task's input baseline, unless it is here."""
    task, theirs, source, files = run.plan["task"], task_of(run.group), folder.files, paths(params.study)
    if files.input_baseline_scores(task).notes.is_file():
        return
    name = reference_of(params.tasks[task].scale)
    _copy(source.edge(theirs), files.edge(task))
    for crop in (crop for crop, area in params.crops.items() if area.task == task):
        for variant in (TARGET, name):
            own = source.input_baseline_crop(theirs, crop, variant)
            _copy(own, files.input_baseline_crop(task, crop, variant))
    keys = {input_baseline_key(theirs, name): input_baseline_key(task, name)}
    _merge_variances(source.input_baseline_variances(theirs), files.input_baseline_variances(task), keys)
    save_scores(files.input_baseline_scores(task), *scores)


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        write_bytes(target, source.read_bytes())


def _merge_variances(source: Path, target: Path, keys: Mapping[str, str]) -> None:
    """Add the gradient variances of runs of `source`, under other names, to those in `target`."""
    if source.is_file():
        old = read_table(target, VARIANCE_COLUMNS) if target.is_file() else []
        kept = [row for row in old if row["run"] not in keys.values()]
        added = [{**row, "run": keys[row["run"]]} for row in read_table(source, VARIANCE_COLUMNS) if row["run"] in keys]
        write_csv(target, VARIANCE_COLUMNS, (row.values() for row in [*kept, *added]))


def _record_in_dvc(runs: Sequence[Imported], plan: Plan, files: StudyPaths) -> str:
    """Make DVC record the trainings of which all is here, weights and dependencies; return how many, in words."""
    whole, ready = [run for run in runs if run.weights is not None], list[str]()
    for run in whole if PLAN.is_file() and load_plan() == plan else []:
        needs = [files.run_settings(run.run), files.loss_receipts(run.plan["loss"])]
        needs += [Path(run.plan["start"]), Path(run.plan["extractor"])]
        needs += [files.pack(run.plan["task"], role) for role in ("train", "validation")]
        ready += [stage_name("train", plan["study"], run.run)] if all(path.is_file() for path in needs) else []
    if ready and subprocess.run([*DVC, "commit", "--force", *ready], check=False).returncode:
        raise UserError("dvc commit failed, for the reason above: put that right and run the same command again.")
    text = f"DVC has recorded {len(ready)} of {len(runs)} trainings."
    if len(whole) < len(runs):
        text += f" {len(runs) - len(whole)} have no weights: dvc repro will train them again."
    if len(ready) < len(whole):
        first = f"'make plan STUDY={plan['study']}' and 'dvc repro plan fetch prepare'"
        text += f" {len(whole) - len(ready)} lack the files that they depend on: run {first}, then this command again."
    return text
