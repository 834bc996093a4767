"""The files of a study, read into tidy tables: one row per run, per score, per line of the training record."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sharploss.analysis.measures import Measure, widen
from sharploss.analysis.stats.baselines import Baselines, load_baselines
from sharploss.analysis.stats.intervals import ROW, TRAINED, LeftOut, base_losses, differences, left_out, means
from sharploss.config.params import Params
from sharploss.config.protocols import reference_of
from sharploss.config.run_config import resolve_run
from sharploss.planning.plan import Plan, PlannedRun, expand
from sharploss.record.history import read_history
from sharploss.record.keys import input_baseline_key, variant_of
from sharploss.record.paths import StudyPaths, paths
from sharploss.record.run import Provenance, RunRecord, load_run
from sharploss.record.scores import Notes, Score, comparable, load_scores, read_table
from sharploss.record.study import load_study_params
from sharploss.utils.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from sharploss.analysis.tables.layout import Table

NOT_TRAINED = "not_trained"
"""The status of a run whose loss needs weights that cannot be had; its record says why."""

ABOUT = ["run", "task", "network", "loss", "recipe", "variant", "seed", "alpha"]
SPEED = ["seconds", "steps_per_second", "parameters"]
HISTORY_COLUMNS = ["run", "event", "step", "total", "psnr_y", "terms", "gradient", "discriminator"]
EXTRACTION_COLUMNS = ["extractor", "scale", "iteration", "d_real", "d_fake", "gradient_penalty", "reconstruction"]
EDGE_COLUMNS = ["row", "column", "target", "output", "laplacian", "error", "penalised", "weight"]


@dataclass(frozen=True)
class Study:
    """Everything the analysis reads.

    Attributes:
        params: the typed study.
        paths: where its files lie.
        runs: one row per run of the plan, in its order: run, task, network, loss, recipe, seed, variant (the run's
            name without group and seed: the loss, with the recipe where that is not the study's own), group, suites,
            alpha (NaN where the loss is not SPLoss alone), reference (the name of the task's input baseline),
            status, failure (why it has no scores, "" when finished), step, seconds, steps_per_second, parameters (NaN
            where nothing was trained).
        every_score: one row per number: run, task, network, loss, recipe, variant, seed, alpha, dataset, image, metric,
            protocol, value. Input baselines have the loss "bicubic" or "input" and the network and recipe "". Runs that
            diverged or were not trained have no rows. Numbers of a whole set (FID) have an image of their own. PSNR of
            an image that was restored exactly is infinite.
        scores: those of `every_score` that means are taken of: of every task, test set, metric and protocol the images
            on which all runs have a finite one (`record.scores.comparable`).
        history: one row per line of the record: run, event, step, total, psnr_y, terms (a dict, unweighted), gradient
            (the norm of the network's), discriminator (a dict, where the loss is adversarial:
            sharploss.training.discriminator.LOGGED).
        extractions: one row per line of the records of MDF's discriminators that the runs use: extractor, scale,
            iteration, d_real, d_fake, gradient_penalty, reconstruction.
        not_measured: metric -> reason (one sentence), for metrics without a single score.
        missing_sets: test set -> reason.
        cures: failure of runs that were not trained -> what to do about it, where that is known.
        datasets: test sets that were scored, in the order of the task.
        provenance: run -> how it came about, of the runs that were trained.
        evaluation_seconds: time spent on measuring, in seconds.
        planned: how many runs the plan has, those without results included.
    """

    params: Params
    paths: StudyPaths
    runs: pd.DataFrame
    every_score: pd.DataFrame
    scores: pd.DataFrame
    history: pd.DataFrame
    extractions: pd.DataFrame
    not_measured: dict[str, str] = field(default_factory=dict[str, str])
    missing_sets: dict[str, str] = field(default_factory=dict[str, str])
    cures: dict[str, str] = field(default_factory=dict[str, str])
    datasets: list[str] = field(default_factory=list[str])
    provenance: dict[str, Provenance] = field(default_factory=dict[str, Provenance])
    evaluation_seconds: float = 0.0
    planned: int = 0

    @property
    def root(self) -> Path:
        """Return the repository's folder."""
        return self.paths.root

    # What tables, claims, figures and the page all need is computed once for a study.

    @cached_property
    def measured(self) -> dict[str, list[Measure]]:
        """Return the measures that have a score, for each task."""
        cells = self.scores[["task", "metric", "protocol"]].drop_duplicates()
        found: dict[str, list[Measure]] = {}
        for task, metric, protocol in cells.itertuples(index=False):
            found.setdefault(str(task), []).append((str(metric), str(protocol)))
        return found

    @cached_property
    def means(self) -> pd.DataFrame:
        """Average the scores over images and seeds (`intervals.means`); `n` is the number of images."""
        return means(self.scores)

    @cached_property
    def wide_means(self) -> pd.DataFrame:
        """Return the means with a column per measure ("psnr_y"), and over how many images each is ("psnr_y_images")."""
        return widen(self, self.means, [*ROW, "dataset"], {"value": "", "n": "_images"})

    @cached_property
    def left_out(self) -> dict[tuple[str, str, str, str], LeftOut]:
        """Find the images over which means are not taken (`intervals.left_out`)."""
        return left_out(self.every_score, self.scores)

    @cached_property
    def baselines(self) -> Baselines:
        """Read which loss is compared with which from claims.yaml."""
        return load_baselines(self.root)

    @cached_property
    def bases(self) -> pd.DataFrame:
        """Return what others are compared with, of each task, network and recipe: columns TRAINED and `against`.

        It is the first reference that was trained. Where that diverged nothing takes its place: there is no difference.
        """
        return base_losses(self.runs[self.runs["status"] != NOT_TRAINED], self.baselines.references)

    @cached_property
    def compared(self) -> pd.DataFrame:
        """Compare every loss with its baseline (`intervals.differences`)."""
        found = differences(self.scores, self.baselines.references)
        return found.merge(self.bases, on=[*TRAINED, "against"])[list(found.columns)]

    # The modules behind these read studies themselves, so that they are imported when they are needed.

    @cached_property
    def weight_sweep(self) -> pd.DataFrame:
        """Return the scores of every sweep of a weight (`families.weight_sweep`)."""
        from sharploss.analysis.stats import families

        return families.weight_sweep(self)

    @cached_property
    def frames(self) -> dict[str, pd.DataFrame]:
        """Compute the numbers of every table (`tables.frames`)."""
        from sharploss.analysis.tables import tables

        return tables.frames(self)

    @cached_property
    def tables(self) -> dict[str, list[Table]]:
        """Lay out every table (`tables.laid_out`)."""
        from sharploss.analysis.tables import tables

        return tables.laid_out(self, self.frames)

    @cached_property
    def paper_tables(self) -> dict[str, tuple[pd.DataFrame, Table]]:
        """Compare every published table with the study (`paper_tables.paper_tables`)."""
        from sharploss.analysis.tables.paper_tables import paper_tables

        return paper_tables(self)


def load_study(study: str, root: Path = Path(), *, partial: bool = False) -> Study:
    """Read a study's parameters and the results of the runs that it plans; nothing else in its folder is looked at.

    Args:
        study: its name: that of params.yaml, or of a file of studies/.
        root: the repository's folder.
        partial: leave out runs without results, which are an error otherwise.

    Raises:
        UserError: a file or a column is missing or damaged; the message names it.
    """
    import pandas as pd

    params, files = load_study_params(study, root), paths(study, root)
    plan = expand(params)
    if not plan["runs"]:
        raise UserError(f"The study {study} has no runs: add a suite to it, then run 'make plan'.")
    planned = len(plan["runs"])
    if partial:
        _leave_out(plan, {key for key in plan["runs"] if not files.run(key).metrics.is_file()}, files)
    records = {key: load_run(files.run(key), key) for key in plan["runs"]}
    trained = {key: record for key, record in records.items() if record.metrics.status != NOT_TRAINED}
    provenance = {key: record.provenance for key, record in trained.items() if record.provenance}
    runs = pd.DataFrame([_run(params, run, records[key]) for key, run in plan["runs"].items()])
    every, scores, notes = _scores(params, files, plan, runs)
    lines = [{"run": key, **line} for key in provenance for line in _history(files, records[key])]
    measured, datasets = set(every["metric"]), list(dict.fromkeys(every["dataset"]))
    tuned_on = {name for task in params.tasks.values() for name in task.tune}
    return Study(
        params=params,
        paths=files,
        runs=runs,
        every_score=every,
        scores=scores,
        history=pd.DataFrame(lines, columns=HISTORY_COLUMNS),
        extractions=_extractions(files, params, plan),
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
        planned=planned,
    )


def _leave_out(plan: Plan, runs: set[str], files: StudyPaths) -> None:
    """Take runs out of a plan, and groups that they leave empty."""
    if len(runs) == len(plan["runs"]):
        raise UserError(f"{files.results} has no run: train one with 'make repro', or import some.")
    plan["runs"] = {key: run for key, run in plan["runs"].items() if key not in runs}
    groups = {run["group"] for run in plan["runs"].values()}
    plan["groups"] = {name: group for name, group in plan["groups"].items() if name in groups}


def alpha_of(loss: dict[str, Any]) -> float:
    """Return SPLoss's alpha when a loss (term -> weight or parameters) is SPLoss alone with weight 1, else NaN."""
    spec = loss.get("sploss")
    if len(loss) != 1 or not isinstance(spec, dict):
        return float("nan")
    parameters = cast("dict[str, Any]", spec)
    return float(parameters.get("alpha", "nan")) if parameters.get("weight", 1) == 1 else float("nan")


def load_edge(files: StudyPaths, task: str) -> pd.DataFrame:
    """Read what SPLoss computes on a real edge: columns EDGE_COLUMNS, luma in [0, 1]."""
    import pandas as pd

    path = files.edge(task)
    try:
        return pd.DataFrame(read_table(path, EDGE_COLUMNS)).apply(pd.to_numeric)
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): delete it and run 'make repro'.") from None


def _run(params: Params, run: PlannedRun, record: RunRecord) -> dict[str, Any]:
    provenance = None if record.metrics.status == NOT_TRAINED else record.provenance
    config = provenance.config if provenance else resolve_run(params, run).model_dump(mode="json")
    try:
        alpha, reference = alpha_of(config["loss"]), reference_of(int(config["task"]["scale"]))
    except KeyError as error:
        raise UserError(
            f"The record of {record.key} has no setting {error}: train it again with 'make repro'."
        ) from None
    return {
        "run": record.key,
        **{name: run[name] for name in ("task", "network", "loss", "recipe", "seed", "group", "suites")},
        "variant": variant_of(record.key, run["group"]),
        "alpha": alpha,
        "reference": reference,
        "status": record.metrics.status,
        "failure": record.metrics.failure,
        "step": record.metrics.step if provenance else 0,
        **{name: getattr(provenance, name) if provenance else float("nan") for name in SPEED},
    }


def _scores(
    params: Params, files: StudyPaths, plan: Plan, runs: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, list[Notes]]:
    """Return every score joined with its run, the comparable ones, and each file's notes (what was not measured)."""
    import pandas as pd

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
    shared = {row for task in tasks for row in comparable(row for row in rows if task_of[row.run] == task)}
    return every, every[[row in shared for row in rows]].reset_index(drop=True), [scores.notes for scores in found]


def _input_baselines(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row per task for its input baseline, as if it were a run."""
    table = runs[["task", "reference"]].drop_duplicates().rename(columns={"reference": "loss"})
    keys = [input_baseline_key(task, name) for task, name in zip(table["task"], table["loss"], strict=True)]
    return table.assign(run=keys, variant=table["loss"], network="", recipe="", seed=-1, alpha=float("nan"))


def _history(files: StudyPaths, record: RunRecord) -> list[dict[str, Any]]:
    """Read a run's record; UserError where it does not lead, step after step, to the one that was kept."""
    path, last = files.run(record.key).history, record.metrics.step
    lines = read_history(path)
    steps = [line.get("step", 0) for line in lines if line.get("event") == "train"]
    validated = [line.get("step", 0) for line in lines if line.get("event") == "validation"]
    if steps != sorted(set(steps)) or max([*steps, *validated], default=0) < last:
        raise UserError(f"{path} is not the whole record of {last} steps: restore it, or train that run again.")
    return lines


def _extractions(files: StudyPaths, params: Params, plan: Plan) -> pd.DataFrame:
    """Read the records of the extractors that runs use; a file from elsewhere, named by its path, has none here."""
    import pandas as pd

    own = {paths(files.study).extractor_weights(name).as_posix(): name for name in params.extractors}
    names = [own[path] for path in dict.fromkeys(str(run["extractor"]) for run in plan["runs"].values()) if path in own]
    lines = [{"extractor": name, **line} for name in names for line in read_history(files.extractor(name).history)]
    return pd.DataFrame(lines, columns=EXTRACTION_COLUMNS)
