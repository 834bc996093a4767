"""Where everything lies that a study makes; no other module builds such a path."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sharploss.record.keys import crop_file

PUBLISHED = Path("results/published")
"""The papers' numbers, which belong to no study."""

FRONT_PAGE = Path("reports/index.html")
"""The page that leads to the studies' pages."""

STUDIES = Path("studies")
PLAN = Path("runs.yaml")
SUFFIX = ".safetensors"


class RunFiles(NamedTuple):
    """The record of a run: its result, its curves, and how it came about."""

    metrics: Path
    history: Path
    provenance: Path


class ScoreFiles(NamedTuple):
    """The scores of a group or of a task's input baseline: a row per number, and what is to be said beside them."""

    rows: Path
    notes: Path


@dataclass(frozen=True)
class StudyPaths:
    """The files of one study.

    Attributes:
        study: its name.
        root: the repository's folder.
    """

    study: str
    root: Path = Path()

    @property
    def results(self) -> Path:
        """Return the folder of all that was measured."""
        return self.root / "results" / self.study

    @property
    def reports(self) -> Path:
        """Return the folder of all that is made to be read."""
        return self.root / "reports" / self.study

    @property
    def data(self) -> Path:
        """Return the folder of what trainings and evaluations read, which can be made again."""
        return self.root / "data" / self.study

    # Trainings

    def run(self, key: str) -> RunFiles:
        """Return the record of a run."""
        folder = self.results / "runs" / key
        return RunFiles(folder / "metrics.json", folder / "history.jsonl", folder / "provenance.json")

    def weights(self, group: str, key: str) -> Path:
        """Return the trained weights of a run."""
        return self.results / "weights" / group / f"{key}{SUFFIX}"

    def extractor(self, name: str) -> RunFiles:
        """Return the record of an MDF extractor's training; it has no metrics.json."""
        folder = self.results / "extractors" / name
        return RunFiles(folder / "metrics.json", folder / "history.jsonl", folder / "provenance.json")

    def extractor_weights(self, name: str) -> Path:
        """Return the trained discriminators of an MDF extractor."""
        return self.results / "weights" / "extractors" / f"{name}{SUFFIX}"

    # Measurements

    def scores(self, group: str) -> ScoreFiles:
        """Return the scores of a group of runs."""
        folder = self.results / "scores"
        return ScoreFiles(folder / f"{group}.csv", folder / f"{group}.json")

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

    @property
    def calibration(self) -> Path:
        """Return the comparison of degradations and metrics with published numbers."""
        return self.results / "calibration.csv"

    # Analysis

    @property
    def summary(self) -> Path:
        """Return the numbers that `dvc metrics show` prints."""
        return self.results / "summary.json"

    @property
    def claims(self) -> Path:
        """Return the verdicts on every claim."""
        return self.results / "claims.json"

    @property
    def tables(self) -> Path:
        """Return the folder of the tables."""
        return self.reports / "tables"

    @property
    def figures(self) -> Path:
        """Return the folder of the figures."""
        return self.reports / "figures"

    @property
    def claim_pages(self) -> Path:
        """Return the folder of the verdicts' tables and pages."""
        return self.reports / "claims"

    @property
    def protocols(self) -> Path:
        """Return the folder of one image under every protocol."""
        return self.reports / "protocols"

    @property
    def page(self) -> Path:
        """Return the study's page."""
        return self.reports / "index.html"

    # What trainings and evaluations read

    @property
    def code(self) -> Path:
        """Return the folder of what DVC depends on instead of code and parameters, written by `plan`."""
        return self.data / "code"

    def stage_code(self, stage: str) -> Path:
        """Return the fingerprint of a stage's code."""
        return self.code / f"{stage}.txt"

    @property
    def required_assets(self) -> Path:
        """Return the assets that each term of each loss can do with: {loss: [[asset, ...], ...]}."""
        return self.code / "required_assets.json"

    @property
    def input_baseline_settings(self) -> Path:
        """Return what the input baselines are measured with."""
        return self.code / "input_baselines.json"

    def run_settings(self, key: str) -> Path:
        """Return a run's settings and the fingerprints of its code."""
        return self.code / f"run-{key}.json"

    def group_settings(self, group: str) -> Path:
        """Return what a group is evaluated with."""
        return self.code / f"group-{group}.json"

    @property
    def receipts(self) -> Path:
        """Return the folder of what was found of each asset."""
        return self.data / "assets"

    def loss_receipts(self, loss: str) -> Path:
        """Return what was found of a loss's weights."""
        return self.data / "losses" / f"{loss}.json"

    def packs(self, task: str) -> Path:
        """Return the folder of a task's packed images."""
        return self.data / "packed" / task

    def pack(self, task: str, role: str) -> Path:
        """Return a task's packed images for training or validation."""
        return self.packs(task) / f"{role}{SUFFIX}"


def paths(study: str, root: Path = Path()) -> StudyPaths:
    """Return the files of a study."""
    return StudyPaths(study, root)
