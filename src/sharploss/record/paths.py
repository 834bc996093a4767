"""Where everything lies that a study makes; no other module builds such a path."""

import copy
from pathlib import Path
from typing import NamedTuple

from sharploss.config.extractors import EXTRACTORS, SUFFIX
from sharploss.record.keys import RUN_KEY, crop_file, pack_file

PUBLISHED = Path("results/published")  # the papers' numbers, which belong to no study
FRONT_PAGE = Path("reports/index.html")  # it leads to the studies' pages
STUDIES = Path("studies")
PLAN = Path("runs.yaml")
SCRATCH = Path(".scratch")  # of no study: checkpoints, locks, logs, what was timed and measured
TIMED = SCRATCH / "timed_steps.json"  # how fast steps were that `planning.cost` has timed
WANDB_LOG = SCRATCH / "wandb.log"  # what W&B did not get
LAUNCH = SCRATCH / "launch"  # of `python -m sharploss launch`
LAUNCH_JOBS = LAUNCH / "jobs"  # submitit's files
HISTORY = "history.jsonl"


def launch_log(name: str) -> Path:
    """Return the log of a run, or of another process of a launch."""
    return LAUNCH / "logs" / f"{name}.log"


def launch_lock(name: str) -> Path:
    """Return the lock of a run, or of all launches."""
    return LAUNCH / "locks" / f"{name}.lock"


class ScratchFiles:
    """The files of a training as long as it goes on, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.key = folder, folder.name.rpartition("-")[0]
        self.history = folder / HISTORY  # the growing record
        self.lock = folder.with_suffix(".lock")
        self.results = folder / "done.json"  # sha256 of the results, until DVC has recorded them

    def link(self, name: str) -> Path:
        """Return a second name for the growing record, which stays when the folder goes."""
        return self.folder.with_suffix(f".{name}")

    def checkpoint(self, step: int) -> Path:
        """Return the checkpoint after a step."""
        return self.folder / f"step-{step:09d}.pt"

    def checkpoints(self) -> list[Path]:
        """Return the checkpoints that are here, the oldest first."""
        return sorted(self.folder.glob("step-*.pt"))


def scratch_folder(key: str, identity: str) -> Path:
    """Return the folder of a training, by the hash of all that it depends on."""
    return SCRATCH / f"{key}-{identity}"


def locked_scratch(key: str = "*") -> list[ScratchFiles]:
    """Return the files of all trainings that have a lock, or of those of one run: others have ended."""
    # A key can be the beginning of another; what follows it is twelve hexadecimal digits.
    locks = Path().glob(ScratchFiles(scratch_folder(key, "[0-9a-f]" * 12)).lock.as_posix())
    return [ScratchFiles(lock.with_suffix("")) for lock in locks]


def picture_file(folder: Path, step: int, index: int, name: str) -> Path:
    """Return the picture of an image that the validation after a step leaves for W&B."""
    return folder / f"{step}--{index}--{name}.npy"


def picture_files(folder: Path, step: int) -> dict[Path, str]:
    """Return the pictures of the validation after a step, with the names of their images."""
    return {path: path.stem.split("--", 2)[-1] for path in sorted(folder.glob(f"{step}--*.npy"))}


class RunFiles(NamedTuple):
    """The record of a run: its result, its curves, and how it came about."""

    metrics: Path
    history: Path
    provenance: Path

    @property
    def folder(self) -> Path:
        """The folder that holds the record and nothing else."""
        return self.metrics.parent


class ScoreFiles(NamedTuple):
    """The scores of a group or of a task's input baseline: a row per number, and what is to be said beside them."""

    rows: Path
    notes: Path


class StudyPaths:
    """The files of one study, in the repository's folder `root`."""

    def __init__(self, study: str, root: Path = Path(), *, results: Path | None = None) -> None:
        self.study, self.root = study, root
        self.results = results or root / "results" / study  # what was measured
        self.reports = root / "reports" / study  # what is made to be read
        self.data = root / "data" / study  # what trainings and evaluations read and can be made again
        self.calibration = self.results / "calibration.csv"
        self.claims = self.results / "claims.json"
        self.headline = self.results / "headline.json"  # the few numbers that `dvc metrics show` has
        self.input_baselines = self.results / "input_baselines"
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

    def beside(self, other: "StudyPaths") -> "StudyPaths":
        """Return the files of another study, whose tables and figures are those of a comparison with this one."""
        files = copy.copy(other)
        files.reports = self.reports / f"beside_{other.study}"
        files.tables = files.reports / "tables"
        return files

    def run(self, key: str) -> RunFiles:
        """Return the record of a run."""
        return _record(self.results / "runs" / key)

    def every_run(self) -> list[str]:
        """Return the keys of all runs that have a record here, also of those that the plan no longer has."""
        return sorted(folder.name for folder in (self.results / "runs").glob("*") if folder.is_dir())

    def weights(self, group: str, key: str) -> Path:
        """Return the trained weights of a run."""
        return self.results / "weights" / group / f"{key}{SUFFIX}"

    def weights_of_group(self, group: str) -> list[Path]:
        """Return the trained weights of a group that are here."""
        return sorted((self.results / "weights").glob(f"{group}/*{SUFFIX}"))

    def every_weights(self) -> list[Path]:
        """Return the trained weights of all runs that are here."""
        found = self.weights_of_group("*")
        return [path for path in found if RUN_KEY.fullmatch(path.stem)]

    def extractor(self, name: str) -> RunFiles:
        """Return the record of an MDF extractor's training; it has no metrics.json."""
        return _record(self.results / EXTRACTORS / name)

    def extractor_weights(self, name: str) -> Path:
        """Return the trained discriminators of an MDF extractor."""
        return self.weights(EXTRACTORS, name)

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
        tasks = [
            path.name for path in self.every_input_baseline() if self.input_baseline_scores(path.name).rows.is_file()
        ]
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
        return self.input_baselines / task

    def every_input_baseline(self) -> list[Path]:
        """Return the folders of all input baselines that were measured."""
        return sorted(folder for folder in self.input_baselines.glob("*") if folder.is_dir())

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

    def receipt(self, name: str, *, package: bool = False) -> Path:
        """Return what was found of an asset, a set of one's own, or a package that only some metrics need."""
        return self.receipts / f"{'package-' if package else ''}{name}.json"

    def every_receipt(self) -> list[Path]:
        """Return all that was found of assets, sets of one's own and packages."""
        return sorted(self.receipts.glob("*.json"))

    def loss_receipts(self, loss: str) -> Path:
        """Return what was found of a loss's weights."""
        return self.data / "losses" / f"{loss}.json"

    def packs(self, task: str) -> Path:
        """Return the folder of a task's packed images."""
        return self.data / "packed" / task

    def pack(self, task: str, role: str) -> Path:
        """Return a task's packed images for training or validation."""
        return self.packs(task) / pack_file(role)

    def every_pack(self) -> list[Path]:
        """Return the packed images of all tasks that are here."""
        return sorted((self.data / "packed").glob(f"*/*{SUFFIX}"))

    def flagship_weights(self, name: str) -> Path:
        """Return a network that comes with the repository."""
        return self.flagship / f"{name}{SUFFIX}"


def _record(folder: Path) -> RunFiles:
    return RunFiles(folder / "metrics.json", folder / HISTORY, folder / "provenance.json")


def key_of(file: Path) -> str:
    """Return the run whose weights, or measured values, a file holds."""
    return file.stem


paths = StudyPaths


def paths_of_results(folder: Path) -> StudyPaths:
    """Return the files of the study whose results lie in a folder, laid out as results/<study>/ is or once was."""
    files = StudyPaths(folder.name, folder.parent.parent, results=folder)
    old = folder / "unrestored"  # the input baselines' name until version 0.1
    if old.is_dir() and not files.input_baselines.is_dir():
        files.input_baselines = old
    return files


def paths_of_result(file: Path) -> StudyPaths:
    """Return the files of the study in whose results a file lies."""
    return paths_of_results(next(path for path in file.resolve().parents if path.parent.name == "results"))


def every_run_record(root: Path = Path()) -> list[RunFiles]:
    """Return the records of all runs of all studies that are here."""
    studies = sorted(folder.name for folder in (root / "results").glob("*"))
    return [files.run(key) for files in (StudyPaths(study, root) for study in studies) for key in files.every_run()]
