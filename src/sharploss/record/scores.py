"""Scores: one row per number that was measured, and what is to be said beside them."""

import csv
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from sharploss.record.paths import ScoreFiles
from sharploss.record.run import JsonRecord, read_model
from sharploss.utils.errors import UserError
from sharploss.utils.files import write_csv, write_json

INFINITE = ("psnr", "edge_psnr")
"""Metrics that are infinite for an image that was restored exactly; the score says so."""


class Score(NamedTuple):
    """One number: of a run, on an image of a test set ("*" for the whole set), by a metric under a protocol."""

    run: str
    dataset: str
    image: str
    metric: str
    protocol: str
    value: float


class Notes(JsonRecord):
    """What is to be said beside the numbers.

    Attributes:
        not_measured: {metric: why it was not measured, or on which images it is undefined}.
        missing_sets: {test set or image: why it could not be had}.
        fid_patches: {test set: how many patches FID compared}.
        weights_sha256: {run: sha256 of the weights that were measured}.
        seconds: spent on measuring.
    """

    not_measured: dict[str, str] = Field(default={})
    missing_sets: dict[str, str] = Field(default={})
    fid_patches: dict[str, int] = Field(default={})
    weights_sha256: dict[str, str] = Field(default={})
    seconds: float = 0.0


class Scores(NamedTuple):
    """The scores of a group of runs, or of a task's input baseline."""

    rows: list[Score]
    notes: Notes


def save_scores(files: ScoreFiles, rows: Iterable[Score | tuple[str, str, str, str, str, float]], notes: Notes) -> None:
    """Write the rows as csv, to six decimals, and the notes as JSON."""
    write_csv(files.rows, Score._fields, ((*about, f"{value:.6f}") for *about, value in rows))
    write_json(files.notes, notes.model_dump(mode="json"))


def load_scores(files: ScoreFiles) -> Scores:
    """Read scores; rows without a value are left out.

    Raises:
        UserError: a file is missing or damaged; the message names it.
    """
    return Scores(list(_read_rows(files.rows)), read_model(files.notes, Notes))


def comparable(rows: Iterable[Score]) -> list[Score]:
    """Keep, of every metric on every test set, the images on which all runs have a finite score.

    Every mean over images is taken of what this keeps, so that the means of all runs average the same images. PSNR is
    infinite where an image was restored exactly, and other metrics are undefined on some images. A run without a single
    finite score by a metric, having restored every image exactly, limits no other; its infinite scores are kept.

    Args:
        rows: the scores of all runs of one task, its input baseline included.
    """
    rows = list(rows)
    finite: dict[tuple[str, str, str], dict[str, set[str]]] = {}
    for row in rows:
        if math.isfinite(row.value):
            finite.setdefault((row.dataset, row.metric, row.protocol), {}).setdefault(row.run, set()).add(row.image)
    shared = {cell: set.intersection(*by_run.values()) for cell, by_run in finite.items()}
    cells = ((row, shared.get((row.dataset, row.metric, row.protocol))) for row in rows)
    return [row for row, images in cells if images is None or row.image in images]


def is_defined(metric: str, value: float) -> bool:
    """Return whether a value is a score: finite, or a PSNR that is infinite because the image was restored exactly."""
    return math.isfinite(value) or (value == math.inf and metric in INFINITE)


def _read_rows(path: Path) -> Iterator[Score]:
    lines = read_table(path, Score._fields)
    if len({tuple(line.values())[:-1] for line in lines}) < len(lines):
        raise UserError(f"{path} has a score twice: delete it and run 'make repro'.")
    for line in lines:
        text = line["value"]
        if text in ("", "nan"):
            continue
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not is_defined(line["metric"], value):
            raise UserError(f"{path} has the value '{text}', not a finite number: delete it and run 'make repro'.")
        yield Score(*(line[name] for name in Score._fields[:-1]), value=value)


def read_table(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    """Read a csv file as rows of text, these columns alone.

    Raises:
        UserError: the file is missing, is no table or lacks a column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            names, rows = reader.fieldnames or [], list(reader)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run 'make repro' to make it.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a table ({error}): delete it and run 'make repro'.") from None
    columns = list(columns)
    lacking = [name for name in columns if name not in names]
    if lacking:
        raise UserError(f"{path} has no column '{lacking[0]}': delete it and run 'make repro'.")
    if any(row[name] is None for row in rows for name in columns):
        raise UserError(f"{path} is not a table (a row is too short): delete it and run 'make repro'.")
    return [{name: row[name] for name in columns} for row in rows]
