"""The JSON files of a study that the analysis writes and reads again: the type of each, and who writes and reads it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NotRequired

from pydantic import RootModel
from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12

from sharploss.record.paths import StudyPaths
from sharploss.record.run import read_model
from sharploss.utils.files import write_json

FIGURES = "figures.json"


class FigureEntry(TypedDict):
    """A figure in figures.json: `study_figure.StudyFigure`; one that is drawn has a size in pixels of 1/96 inch."""

    name: str
    section: str
    title: str
    caption: str
    alt: str
    appendix: bool
    paper: str
    width: NotRequired[int]
    height: NotRequired[int]
    not_drawn: NotRequired[str]


class Effect(TypedDict):
    """A mean change in the metric's unit with its interval, the smallest and largest, and of how many contrasts."""

    change: float
    low: float | None
    high: float | None
    smallest: float
    largest: float
    contrasts: int


class CellException(TypedDict):
    """A cell that is not for a claim: where, what is compared, and by how much the metric changes."""

    block: str
    task: str
    network: str
    dataset: str
    metric: str
    protocol: str
    what: str
    outcome: str
    change: float | None
    low: float | None
    high: float | None
    p: float | None
    left_out: int


Counts = dict[str, int]  # total, for, against, equal, open, missing


class Verdict(TypedDict):
    """What one source says of a claim; `evaluate.verdict` says what each entry is."""

    verdict: str
    why: str
    scope: str
    seeds: int | None
    cells: Counts
    unqualified: int
    by: dict[str, dict[str, Counts]]
    effects: dict[str, Effect]
    exceptions: list[CellException]


class EvaluatedClaim(TypedDict):
    """A claim of claims.yaml with both verdicts."""

    paper: str
    where: str
    statement: str
    note: str
    published: Verdict
    measured: Verdict


class FoundAnomaly(TypedDict):
    """An anomaly of the published tables with its evidence; `holds` is None where nothing follows from the cells."""

    tables: list[str]
    statement: str
    reading: str
    evidence: dict[str, float]
    holds: bool | None


class EvaluatedClaims(TypedDict):
    """claims.json; `papers`: paper -> how its page is called."""

    study: str
    papers: dict[str, str]
    claims: dict[str, EvaluatedClaim]
    anomalies: dict[str, FoundAnomaly]


class Version(TypedDict):
    """The verdicts on what was measured at one time, in versions.json, and why some changed."""

    date: str
    why: str
    verdicts: dict[str, str]


class CropTile(TypedDict):
    """A picture of the first screen: its title, file, text, scores, and the style that shows a part of it."""

    title: str
    address: str
    alt: str
    scores: list[str]
    style: str


class FirstScreen(TypedDict):
    """What the first screen shows: caution, sentences, tiles and what they are of, figure (None without one)."""

    caution: str
    sentences: list[str]
    tiles: list[CropTile]
    crop: str
    figure: FigureEntry | None


class Answer(NamedTuple):
    """The answer for one task and network at one budget."""

    task: str  # what it is about
    network: str
    recipe: str
    dataset: str
    scope: str  # at which budget, on what, with how many seeds
    losses: list[str]  # a sentence per loss, SPLoss first
    budget: list[str]  # what more steps change or may change


class AnswerFile(TypedDict):
    """answer.json."""

    first: FirstScreen
    answers: list[Answer]


def save_figures(folder: Path, entries: Sequence[FigureEntry]) -> None:
    """Write figures.json, the list of a study's figures, those included that were not drawn."""
    write_json(folder / FIGURES, entries)


def load_figures(folder: Path) -> list[FigureEntry]:
    """Read figures.json; UserError where it is missing or damaged, as for all files here."""
    return read_model(folder / FIGURES, RootModel[list[FigureEntry]]).root


def save_evaluated(files: StudyPaths, found: EvaluatedClaims) -> None:
    """Write claims.json."""
    write_json(files.claims, found)


def load_evaluated(files: StudyPaths) -> EvaluatedClaims | None:
    """Read claims.json; None where the claims were not evaluated."""
    return read_model(files.claims, RootModel[EvaluatedClaims]).root if files.claims.is_file() else None


def save_answer(files: StudyPaths, first: FirstScreen, answers: Sequence[Answer]) -> None:
    """Write answer.json."""
    write_json(files.answer, {"first": first, "answers": [answer._asdict() for answer in answers]})


def load_answer(files: StudyPaths) -> AnswerFile | None:
    """Read answer.json; None where the page of the study was not written."""
    return read_model(files.answer, RootModel[AnswerFile]).root if files.answer.is_file() else None


def save_headline(files: StudyPaths, numbers: dict[str, Any]) -> None:
    """Write headline.json, which DVC alone reads."""
    write_json(files.headline, numbers)


def save_versions(files: StudyPaths, versions: Sequence[Version]) -> None:
    """Write versions.json."""
    write_json(files.versions, versions)


def load_versions(files: StudyPaths) -> list[Version]:
    """Read versions.json, the oldest first; an empty list where nothing was released."""
    return read_model(files.versions, RootModel[list[Version]]).root if files.versions.is_file() else []
