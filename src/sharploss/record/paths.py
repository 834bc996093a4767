"""Where everything lies that a study makes; no other module builds such a path."""

from pathlib import Path
from typing import NamedTuple

from sharploss.record.keys import RUN_KEY, crop_file

PUBLISHED = Path("results/published")  # the papers' numbers, which belong to no study
FRONT_PAGE = Path("reports/index.html")  # it leads to the studies' pages
STUDIES = Path("studies")
PLAN = Path("runs.yaml")
SUFFIX = ".safetensors"
SCRATCH = Path(".scratch")  # of no study: checkpoints, locks, logs, what was timed and measured


def scratch_folder(key: str, identity: str) -> Path:
    """Return where a training keeps its checkpoint and its growing record, by the hash of all that it depends on."""
    return SCRATCH / f"{key}-{identity}"


class RunFiles(NamedTuple):
    """The record of a run: its result, its curves, and how it came about."""

    metrics: Path
    history: Path
    provenance: Path


class ScoreFiles(NamedTuple):
    """The scores of a group or of a task's input baseline: a row per number, and what is to be said beside them."""

    rows: Path
    notes: Path


class StudyPaths:
    """The files of one study, in the repository's folder `root`."""

    def __init__(self, study: str, root: Path = Path()) -> None:
        self.study, self.root = study, root
        self.results = root / "results" / study  # what was measured
        self.reports = root / "reports" / study  # what is made to be read
        self.data = root / "data" / study  # what trainings and evaluations read and can be made again
        self.calibration = self.results / "calibration.csv"
        self.summary, self.claims = self.results / "summary.json", self.results / "claims.json"
        self.headline = self.results / "headline.json"  # the few numbers that `dvc metrics show` has
        self.explorer = self.results / "explorer"  # crops to compare on the page
        self.explorer_index = self.explorer / "index.json"  # which there are, and their scores
        self.flagship = self.results / "flagship"  # the networks that come with the repository, in float16
        self.answer, self.versions = self.results / "answer.json", self.results / "versions.json"
        self.tables, self.figures = self.reports / "tables", self.reports / "figures"
        self.claim_pages, self.protocols = self.reports / "claims", self.reports / "protocols"
        self.protocol_table = self.protocols / "protocols.csv"
        self.page, self.paper = self.reports / "index.html", self.reports / "paper"
        self.receipts = self.data / "assets"  # what was found of each asset
        self.code = self.data / "code"  # what DVC depends on instead of code and parameters, written by `plan`
        self.required_assets = self.code / "required_assets.json"  # {loss: [[asset that will do, ...] of a term, ...]}
        self.input_baseline_settings = self.code / "input_baselines.json"

    def run(self, key: str) -> RunFiles:
        """Return the record of a run."""
        return _record(self.results / "runs" / key)

    def weights(self, group: str, key: str) -> Path:
        """Return the trained weights of a run."""
        return self.results / "weights" / group / f"{key}{SUFFIX}"

    def every_weights(self) -> list[Path]:
        """Return the trained weights of all runs that are here."""
        found = sorted((self.results / "weights").glob(f"*/*{SUFFIX}"))
        return [path for path in found if RUN_KEY.fullmatch(path.stem)]

    def extractor(self, name: str) -> RunFiles:
        """Return the record of an MDF extractor's training; it has no metrics.json."""
        return _record(self.results / "extractors" / name)

    def extractor_weights(self, name: str) -> Path:
        """Return the trained discriminators of an MDF extractor."""
        return self.weights("extractors", name)

    def scores(self, group: str) -> ScoreFiles:
        """Return the scores of a group of runs."""
        folder = self.results / "scores"
        return ScoreFiles(folder / f"{group}.csv", folder / f"{group}.json")

    def measured(self, group: str, key: str) -> Path:
        """Return what was measured of one run, which is kept for the scores of its group."""
        return self.root / SCRATCH / "scores" / self.study / group / f"{key}{SUFFIX}"

    def every_scores(self) -> list[ScoreFiles]:
        """Return the scores of all groups that were measured, and of all input baselines."""
        groups = [path.stem for path in sorted((self.results / "scores").glob("*.csv"))]
        tasks = [path.parent.name for path in sorted((self.results / "input_baselines").glob("*/scores.csv"))]
        return [*map(self.scores, groups), *map(self.input_baseline_scores, tasks)]

    def crops(self, group: str) -> Path:
        """Return the folder of a group's crops, and of nothing else but its gradient variances."""
        return self.results / "crops" / group

    def crop(self, group: str, crop: str, variant: str) -> Path:
        """Return a crop of an image that runs of a group restored."""
        return self.crops(group) / crop_file(crop, variant)

    def variances(self, group: str) -> Path:
        """Return the gradient variances of an image that runs of a group restored."""
        return self.crops(group) / "variance.csv"

    def input_baseline(self, task: str) -> Path:
        """Return the folder of what was measured on a task's images before any network: crops and tables."""
        return self.results / "input_baselines" / task

    def input_baseline_scores(self, task: str) -> ScoreFiles:
        """Return the scores of a task's input baseline."""
        folder = self.input_baseline(task)
        return ScoreFiles(folder / "scores.csv", folder / "scores.json")

    def input_baseline_crop(self, task: str, crop: str, variant: str) -> Path:
        """Return a crop of a task's ground truth (`keys.TARGET`) or input baseline (its name)."""
        return self.input_baseline(task) / crop_file(crop, variant)

    def input_baseline_variances(self, task: str) -> Path:
        """Return the gradient variances of an image of a task's input baseline."""
        return self.input_baseline(task) / "variance.csv"

    def edge(self, task: str) -> Path:
        """Return the pixels of one edge of a task's input baseline."""
        return self.input_baseline(task) / "edge.csv"

    def stage_code(self, stage: str) -> Path:
        """Return the fingerprint of a stage's code."""
        return self.code / f"{stage}.txt"

    def run_settings(self, key: str) -> Path:
        """Return a run's settings and the fingerprints of its code."""
        return self.code / f"run-{key}.json"

    def group_settings(self, group: str) -> Path:
        """Return what a group is evaluated with."""
        return self.code / f"group-{group}.json"

    def loss_receipts(self, loss: str) -> Path:
        """Return what was found of a loss's weights."""
        return self.data / "losses" / f"{loss}.json"

    def packs(self, task: str) -> Path:
        """Return the folder of a task's packed images."""
        return self.data / "packed" / task

    def pack(self, task: str, role: str) -> Path:
        """Return a task's packed images for training or validation."""
        return self.packs(task) / f"{role}{SUFFIX}"


def _record(folder: Path) -> RunFiles:
    return RunFiles(folder / "metrics.json", folder / "history.jsonl", folder / "provenance.json")


paths = StudyPaths


def paths_of_results(folder: Path) -> StudyPaths:
    """Return the files of the study whose results lie in a folder, as a path without links."""
    return StudyPaths(folder.name, folder.parent.parent)


def paths_of_result(file: Path) -> StudyPaths:
    """Return the files of the study in whose results a file lies."""
    return paths_of_results(next(path for path in file.resolve().parents if path.parent.name == "results"))
