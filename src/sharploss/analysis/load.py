"""The files of a study, read into tidy tables: one row per run, per score, per line of the training record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sharploss.analysis.study import NOT_TRAINED, Study
from sharploss.config.loss_spec import LossSpec
from sharploss.config.params import Params
from sharploss.config.protocols import reference_of
from sharploss.config.run_config import resolve_run
from sharploss.planning.plan import Plan, PlannedRun, expand
from sharploss.record.history import read_whole_history
from sharploss.record.keys import input_baseline_key, variant_of
from sharploss.record.paths import StudyPaths, paths
from sharploss.record.run import RunRecord, load_run
from sharploss.record.scores import Notes, Score, columns_of, comparable, load_scores, read_table
from sharploss.record.study import load_study_params
from sharploss.utils.errors import UserError
from sharploss.utils.files import intact

ABOUT = ["run", "task", "network", "loss", "recipe", "variant", "seed", "alpha"]
SPEED = ["seconds", "steps_per_second", "memory", "parameters"]
HISTORY_COLUMNS = ["run", "event", "step", "total", "psnr_y", "terms", "gradient", "discriminator"]


def load_study(study: str, root: Path = Path(), *, partial: bool = False) -> Study:
    """Read a study's parameters and results, and nothing else in its folder; `partial` leaves out what is not there."""
    # Text as Python's own: what arrow keeps of it takes twice as long in the many small tables of a study.
    pd.set_option("future.infer_string", False)
    params, files = load_study_params(study, root), paths(study, root)
    plan = expand(params)
    if not plan["runs"]:
        raise UserError(f"The study {study} has no runs: add a suite to it, then run 'make plan'.")
    lacking = _without_results(plan, files) if partial else set[str]()
    absent = [plan["runs"][key] for key in plan["runs"] if key in lacking]
    if absent:
        _leave_out(plan, lacking, files)
    records = {key: load_run(files.run(key), key) for key in plan["runs"]}
    trained = {key: record for key, record in records.items() if record.metrics.status != NOT_TRAINED}
    provenance = {key: record.provenance for key, record in trained.items() if record.provenance}
    runs = pd.DataFrame([_run(params, run, records[key]) for key, run in plan["runs"].items()])
    every, scores, notes = _scores(params, files, plan, runs)
    records_of = {key: read_whole_history(files.run(key).history, records[key].metrics.step) for key in provenance}
    lines = [{"run": key, **line} for key, its in records_of.items() for line in its]
    measured, datasets = set(every["metric"]), list(dict.fromkeys(every["dataset"]))
    tuned_on = {name for task in params.tasks.values() for name in task.tune}
    return Study(
        params=params,
        paths=files,
        runs=runs,
        every_score=every,
        scores=scores,
        history=pd.DataFrame(lines, columns=HISTORY_COLUMNS),
        not_measured={name: why for note in notes for name, why in note.not_measured.items() if name not in measured},
        missing_sets={
            name: why
            for note in notes
            for name, why in note.missing_sets.items()
            if name not in datasets and name.split("/")[0] not in tuned_on
        },
        cures={record.metrics.failure: record.metrics.cure for record in records.values() if record.metrics.cure},
        datasets=datasets,
        provenance=provenance,
        evaluation_seconds=sum(note.seconds for note in notes),
        absent=absent,
    )


def _without_results(plan: Plan, files: StudyPaths) -> set[str]:
    """Return the runs that have no record, or are trained and have no scores yet."""
    tables = {name: files.scores(name).rows for name in plan["groups"]}
    scored = {name: columns_of(path) if path.is_file() else [] for name, path in tables.items()}
    untrained = {key for key in plan["runs"] if not files.run(key).metrics.is_file()}
    unscored = {key for key, run in plan["runs"].items() if not {key, "run"} & {*scored[run["group"]]}} - untrained
    return untrained | {key for key in unscored if load_run(files.run(key), key).metrics.status == "finished"}


def _leave_out(plan: Plan, runs: set[str], files: StudyPaths) -> None:
    """Take runs out of a plan, and groups that they leave empty."""
    if len(runs) == len(plan["runs"]):
        raise UserError(f"{files.results} has no run: train one with 'make repro', or import some.")
    plan["runs"] = {key: run for key, run in plan["runs"].items() if key not in runs}
    groups = {run["group"] for run in plan["runs"].values()}
    plan["groups"] = {name: group for name, group in plan["groups"].items() if name in groups}


def alpha_of(loss: LossSpec) -> float:
    """Return SPLoss's alpha when a loss is SPLoss alone with weight 1, else NaN."""
    term = loss.terms.get("sploss")
    if term is None or len(loss.terms) > 1 or term.weight != 1:
        return float("nan")
    return float(term.parameters.get("alpha", "nan"))


def read_numbers(path: Path, columns: Sequence[str], texts: Sequence[str] = ()) -> pd.DataFrame:
    """Read these columns of a csv file, numbers but for `texts`; UserError where it holds anything else."""
    table = pd.DataFrame(read_table(path, [*texts, *columns]), columns=[*texts, *columns])
    with intact(path):
        return table.assign(**{name: pd.to_numeric(table[name]) for name in columns})


def _run(params: Params, run: PlannedRun, record: RunRecord) -> dict[str, Any]:
    provenance = None if record.metrics.status == NOT_TRAINED else record.provenance
    config = provenance.config if provenance else resolve_run(params, run)
    return {
        "run": record.key,
        **{name: run[name] for name in ("task", "network", "loss", "recipe", "seed", "group", "suites")},
        "variant": variant_of(record.key, run["group"]),
        "alpha": alpha_of(config.loss),
        "reference": reference_of(config.task.scale),
        "status": record.metrics.status,
        "failure": record.metrics.failure,
        "step": record.metrics.step if provenance else 0,
        **{name: getattr(provenance, name, 0) or float("nan") for name in SPEED},  # 0: not measured
    }


def _scores(
    params: Params, files: StudyPaths, plan: Plan, runs: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, list[Notes]]:
    """Return every score joined with its run, the comparable ones, and each file's notes (what was not measured)."""
    sources = [files.scores(group) for group in plan["groups"]]
    tasks = list(dict.fromkeys(str(group["task"]) for group in plan["groups"].values()))
    sources += [files.input_baseline_scores(task) for task in tasks]
    found = [load_scores(source) for source in sources]
    finished = runs.loc[runs["status"] == "finished", ABOUT]
    about = pd.concat([finished, _input_baselines(runs)], ignore_index=True)
    task_of = dict(zip(about["run"], about["task"], strict=True))
    rows = [row for scores in found for row in scores.rows if row.run in task_of]
    unscored = set(task_of) - {row.run for row in rows}
    if unscored:
        raise UserError(f"{files.results} has no scores of the run {min(unscored)}: run 'make repro' to measure it.")
    # What weights were chosen by is in the files for that alone, and in no table, claim or figure.
    rows = [row for row in rows if row.dataset not in params.tasks[task_of[row.run]].tune]
    every = pd.DataFrame(rows, columns=Score._fields).astype({"value": "float64"}).merge(about, on="run", how="inner")
    return every, comparable_scores(every), [scores.notes for scores in found]


def comparable_scores(every: pd.DataFrame) -> pd.DataFrame:
    """Keep of `Study.every_score` what means are taken of: see `record.scores.comparable`, task by task."""
    rows = [Score(*row) for row in every[list(Score._fields)].itertuples(index=False, name=None)]
    of_task: dict[str, list[Score]] = {}
    for task, row in zip(every["task"], rows, strict=True):
        of_task.setdefault(task, []).append(row)
    shared = {id(row) for its in of_task.values() for row in comparable(its)}
    return every.loc[[id(row) in shared for row in rows]].reset_index(drop=True)


def _input_baselines(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row per task for its input baseline, as if it were a run."""
    table = runs[["task", "reference"]].drop_duplicates().rename(columns={"reference": "loss"})
    keys = [input_baseline_key(task, name) for task, name in zip(table["task"], table["loss"], strict=True)]
    return table.assign(run=keys, variant=table["loss"], network="", recipe="", seed=-1, alpha=float("nan"))
