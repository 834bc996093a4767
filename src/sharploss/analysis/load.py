"""The files of a study, read into tidy tables: one row per run, per score, per line of the training record."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sharploss.config.extractors import FOLDER
from sharploss.config.protocols import reference_of
from sharploss.planning.plan import Plan, load_plan
from sharploss.utils.errors import UserError
from sharploss.utils.files import read_json
from sharploss.utils.yaml_files import load_yaml

if TYPE_CHECKING:
    import pandas as pd

NOT_TRAINED = "not_trained"
"""The status of a run whose loss needs weights that cannot be had; its metrics.json says why."""

SCORE_COLUMNS = ["run", "dataset", "image", "metric", "protocol", "value"]
ABOUT = ["run", "task", "network", "loss", "recipe", "variant", "seed", "alpha"]
SPEED = ["seconds", "steps_per_second", "parameters"]
HISTORY_COLUMNS = ["run", "event", "step", "total", "psnr_y", "terms", "gradient", "discriminator"]
EXTRACTION_COLUMNS = ["extractor", "scale", "iteration", "d_real", "d_fake", "gradient_penalty", "reconstruction"]
EDGE_COLUMNS = ["row", "column", "target", "output", "laplacian", "error", "penalised", "weight"]


@dataclass(frozen=True)
class Study:
    """Everything the analysis reads.

    Attributes:
        root: the study's folder.
        runs: one row per run of runs.yaml, in its order: run, task, network, loss, recipe, seed, variant (the run's
            name without group and seed: the loss, with the recipe where that is not the study's own), group, suites,
            alpha (NaN where the loss is not SPLoss alone), reference (what the task's unrestored images are called),
            status, failure (why it has no scores, "" when finished), step, seconds, steps_per_second, parameters (NaN
            where nothing was trained).
        scores: one row per number: run, task, network, loss, recipe, variant, seed, alpha, dataset, image, metric,
            protocol, value. Unrestored images have the loss "bicubic" or "input" and the network and recipe "". Runs
            that diverged or were not trained have no rows. Numbers of a whole set (FID) have an image of their own.
        history: one row per line of the record: run, event, step, total, psnr_y, terms (a dict, unweighted), gradient
            (the norm of the network's), discriminator (a dict, where the loss is adversarial:
            sharploss.training.discriminator.LOGGED).
        extractions: one row per line of the records of MDF's discriminators that the runs use: extractor, scale,
            iteration, d_real, d_fake, gradient_penalty, reconstruction.
        not_measured: metric -> reason (one sentence), for metrics without a single score.
        missing_sets: test set -> reason.
        cures: failure of runs that were not trained -> what to do about it, where that is known.
        datasets: test sets that were scored, in the order of the task.
        provenance: run -> provenance.json, of the runs that were trained.
        evaluation_seconds: time spent on measuring, in seconds.
    """

    root: Path
    runs: pd.DataFrame
    scores: pd.DataFrame
    history: pd.DataFrame
    extractions: pd.DataFrame
    not_measured: dict[str, str] = field(default_factory=dict[str, str])
    missing_sets: dict[str, str] = field(default_factory=dict[str, str])
    cures: dict[str, str] = field(default_factory=dict[str, str])
    datasets: list[str] = field(default_factory=list[str])
    provenance: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    evaluation_seconds: float = 0.0


def load_study(root: Path) -> Study:
    """Read runs.yaml and the results of the runs it names; nothing else in results/ is looked at.

    Raises:
        UserError: a file or a column is missing or damaged; the message names it.
    """
    plan = load_plan(root / "runs.yaml")
    if not plan["runs"]:
        raise UserError(f"{root / 'runs.yaml'} holds no runs: add a suite to params.yaml, then run 'make plan'.")
    metrics = {key: _mapping(_run_file(root, key, "metrics.json")) for key in plan["runs"]}
    trained = [key for key, record in metrics.items() if record.get("status") != NOT_TRAINED]
    provenance = {key: _mapping(_run_file(root, key, "provenance.json")) for key in trained}
    runs = _runs(root, plan, metrics, provenance)
    scores, notes = _scores(root, plan, runs)
    measured = set(scores["metric"])
    not_measured = {name: why for name, why in _merged(notes, "not_measured").items() if name not in measured}
    missing = {name: why for name, why in _merged(notes, "missing_sets").items() if name not in set(scores["dataset"])}
    return Study(
        root=root,
        runs=runs,
        scores=scores,
        history=_history(root, trained),
        extractions=_extractions(root, plan),
        not_measured=not_measured,
        missing_sets=missing,
        cures={_failure(record): str(record["cure"]) for record in metrics.values() if record.get("cure")},
        datasets=list(dict.fromkeys(scores["dataset"])),
        provenance=provenance,
        evaluation_seconds=sum(float(note.get("seconds") or 0) for note in notes),
    )


def alpha_of(loss: dict[str, Any]) -> float:
    """Give SPLoss's alpha when the loss is SPLoss alone with weight 1, else NaN.

    Args:
        loss: a resolved loss: term -> weight, or term -> parameters.
    """
    spec = loss.get("sploss")
    if len(loss) != 1 or not isinstance(spec, dict):
        return float("nan")
    parameters = cast("dict[str, Any]", spec)
    return float(parameters.get("alpha", "nan")) if parameters.get("weight", 1) == 1 else float("nan")


def load_edge(root: Path, task: str) -> pd.DataFrame:
    """Read what SPLoss computes on a real edge: columns EDGE_COLUMNS, luma in [0, 1]."""
    return _csv(root / "results" / "unrestored" / task / "edge.csv", EDGE_COLUMNS)


def _run_file(root: Path, key: str, name: str) -> Path:
    return root / "results" / "runs" / key / name


def _runs(
    root: Path, plan: Plan, metrics: dict[str, dict[str, Any]], provenance: dict[str, dict[str, Any]]
) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([_run(root, key, run, metrics[key], provenance.get(key)) for key, run in plan["runs"].items()])


def _run(
    root: Path, key: str, run: dict[str, Any], metrics: dict[str, Any], provenance: dict[str, Any] | None
) -> dict[str, Any]:
    nothing = dict.fromkeys(SPEED, float("nan"))
    try:
        config = provenance["config"] if provenance else _planned(root, run)
        return {
            "run": key,
            **{name: run[name] for name in ("task", "network", "loss", "recipe", "seed", "group", "suites")},
            "variant": key.removeprefix(f"{run['group']}-").rsplit("-s", 1)[0],
            "alpha": alpha_of(config["loss"]),
            "reference": reference_of(int(config["task"]["scale"])),
            "status": metrics["status"],
            "failure": _failure(metrics),
            "step": metrics["step"] if provenance else 0,
            **{name: (provenance or nothing)[name] for name in SPEED},
        }
    except KeyError as error:
        path = _run_file(root, key, "metrics.json")
        raise UserError(f"{path} or its provenance.json has no key {error}: train again with 'make repro'.") from None


def _failure(metrics: dict[str, Any]) -> str:
    """Say why a run has no scores; "" when it has."""
    if metrics["status"] == NOT_TRAINED:
        return f"not trained: {metrics['reason']}"
    stop = metrics["diverged"]
    return f"diverged ({stop['term']} at step {stop['step']})" if stop else ""


def _planned(root: Path, run: dict[str, Any]) -> dict[str, Any]:
    """Give the task and loss of a run that was not trained, as params.yaml states them."""
    params = cast("dict[str, Any]", load_yaml(root / "params.yaml"))
    task = {"scale": 1, **params["tasks"][run["task"]]}  # tasks that keep the size need not say so
    return {"task": task, "loss": params["losses"][run["loss"]]}


def _scores(root: Path, plan: Plan, runs: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Join every score with its run; also give each score file's notes (what was not measured and why)."""
    import pandas as pd

    results = root / "results"
    stems = [results / "scores" / group for group in plan["groups"]]
    tasks = list(dict.fromkeys(str(entry["task"]) for entry in plan["groups"].values()))
    stems += [results / "unrestored" / task / "scores" for task in tasks]
    tables = [_score_table(stem.with_name(f"{stem.name}.csv")) for stem in stems]
    notes = [_mapping(stem.with_name(f"{stem.name}.json")) for stem in stems]
    finished = runs.loc[runs["status"] == "finished", ABOUT]
    about = pd.concat([finished, _unrestored(runs)], ignore_index=True)
    scores = pd.concat(tables, ignore_index=True).merge(about, on="run", how="inner")
    unscored = set(about["run"]) - set(scores["run"])
    if unscored:
        raise UserError(f"results/scores has no scores of the run {min(unscored)}: run 'make repro' to measure it.")
    return scores, notes


def _unrestored(runs: pd.DataFrame) -> pd.DataFrame:
    """Give a row per task for its unrestored images, as if they were a run."""
    table = runs[["task", "reference"]].drop_duplicates().rename(columns={"reference": "loss"})
    named = table.assign(run=table["task"] + "-" + table["loss"], variant=table["loss"])
    return named.assign(network="", recipe="", seed=-1, alpha=float("nan"))


def _mapping(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged (it holds no keys): delete it and run 'make repro' to make it again.")
    return cast("dict[str, Any]", content)


def _score_table(path: Path) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    table = _csv(path, SCORE_COLUMNS)
    value = pd.to_numeric(table["value"], errors="coerce")
    wrong = table.loc[(value.isna() & table["value"].notna()) | np.isinf(value), "value"]
    if len(wrong):
        raise UserError(f"{path} has the value '{wrong.iloc[0]}', not a finite number: delete it and run 'make repro'.")
    return table.assign(value=value.astype("float64")).dropna(subset=["value"])


def _csv(path: Path, columns: list[str]) -> pd.DataFrame:
    import pandas as pd

    try:
        table = pd.read_csv(path, keep_default_na=False, na_values={"value": ["", "nan"]})
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run 'make repro' to make it.") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a table ({error}): delete it and run 'make repro'.") from None
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        raise UserError(f"{path} has no column '{lacking[0]}': delete it and run 'make repro'.")
    return table[columns]


def _history(root: Path, trained: list[str]) -> pd.DataFrame:
    import pandas as pd

    lines = [{"run": key, **line} for key in trained for line in _record(_run_file(root, key, "history.jsonl"))]
    return pd.DataFrame(lines, columns=HISTORY_COLUMNS)


def _extractions(root: Path, plan: Plan) -> pd.DataFrame:
    import pandas as pd

    paths = dict.fromkeys(str(run["extractor"]) for run in plan["runs"].values())
    # A file that came from elsewhere, named by its path, has no record here.
    names = [Path(path).stem for path in paths if Path(path).parent == FOLDER]
    records = {name: _record(root / "results" / "extractors" / name / "history.jsonl") for name in names}
    lines = [{"extractor": name, **line} for name, record in records.items() for line in record]
    return pd.DataFrame(lines, columns=EXTRACTION_COLUMNS)


def _record(path: Path) -> list[dict[str, Any]]:
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run 'make repro' to make it.") from None
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): train that run again.") from None
    if not all(isinstance(line, dict) for line in lines):
        raise UserError(f"{path} is damaged (a line of it holds no keys): train that run again.")
    return lines


def _merged(notes: list[dict[str, Any]], key: str) -> dict[str, str]:
    return {name: str(why) for note in notes for name, why in note.get(key, {}).items()}
