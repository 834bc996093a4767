"""Scores: a row per image, metric and protocol, a column per run; and what is to be said beside them."""

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

INFINITE = ("psnr", "edge_psnr")  # for an image that was restored exactly
ABOUT = ("dataset", "image", "metric", "protocol")  # the columns before those of the runs, which have the runs' keys


class Score(NamedTuple):
    """One number: of a run, on an image of a test set ("*" for the whole set), by a metric under a protocol."""

    run: str
    dataset: str
    image: str
    metric: str
    protocol: str
    value: float


class Notes(JsonRecord):
    """What is to be said beside the numbers."""

    not_measured: dict[str, str] = Field(default={})  # metric: why it was not, or on which images it is undefined
    missing_sets: dict[str, str] = Field(default={})  # test set or image: why it could not be had
    fid_patches: dict[str, int] = Field(default={})  # test set: how many patches FID compared
    weights_sha256: dict[str, str] = Field(default={})  # run: of the weights that were measured
    seconds: float = 0.0  # spent on measuring
    device: str = ""  # that restored and measured, as `provenance.json` names it


class Scores(NamedTuple):
    """The scores of a group of runs, or of a task's input baseline."""

    rows: list[Score]
    notes: Notes


def save_scores(files: ScoreFiles, rows: Iterable[Score | tuple[str, str, str, str, str, float]], notes: Notes) -> None:
    """Write the scores as csv, to six decimals, and the notes as JSON; an empty cell is a number that there is not."""
    runs, lines = dict[str, None](), dict[tuple[str, ...], dict[str, str]]()
    for run, *about, value in rows:
        runs[run] = None
        lines.setdefault(tuple(about), {})[run] = "" if math.isnan(value) else f"{value:.6f}"
    table = ((*about, *(found.get(run, "") for run in runs)) for about, found in lines.items())
    write_csv(files.rows, (*ABOUT, *runs), table)
    write_json(files.notes, notes.model_dump(mode="json"))


def load_scores(files: ScoreFiles) -> Scores:
    """Read scores, cells without a value left out; UserError where a file is missing or damaged.

    A table with a row per number (run, ABOUT and value), as earlier versions wrote it, is read as well.
    """
    return Scores(list(_read_rows(files.rows)), load_notes(files))


def load_notes(files: ScoreFiles) -> Notes:
    """Read what is to be said beside scores; UserError where the file is missing or damaged."""
    return read_model(files.notes, Notes)


def columns_of(path: Path) -> list[str]:
    """Return the names of a table's columns, among which those of scores have their runs'."""
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file), [])


def comparable(rows: Iterable[Score]) -> list[Score]:
    """Keep, of every metric on every test set, the images on which all runs have a finite score.

    Every mean over images is taken of what this keeps of all rows of one task, its input baseline included, so that the
    means of all runs average the same images. A run without a single finite score by a metric, having restored every
    image exactly, limits no other; its infinite scores are kept.
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
    columns, lines = _open_table(path, ABOUT)
    about = [(line["dataset"], line["image"], line["metric"], line["protocol"]) for line in lines]
    if len({(line.get("run"), place) for line, place in zip(lines, about, strict=True)}) < len(lines):
        raise UserError(f"{path} has a score twice: delete it and run 'make repro'.")
    if {"run", "value"} <= set(columns):
        cells = ((line["run"], place, line["value"]) for line, place in zip(lines, about, strict=True))
    else:
        runs = [name for name in columns if name not in ABOUT]
        cells = ((run, place, line[run]) for run in runs for line, place in zip(lines, about, strict=True))
    for run, (dataset, image, metric, protocol), text in cells:
        if text in ("", "nan"):
            continue
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not is_defined(metric, value):
            raise UserError(f"{path} has the value '{text}', not a finite number: delete it and run 'make repro'.")
        yield Score(run, dataset, image, metric, protocol, value)


def read_table(path: Path, columns: Iterable[str] = ()) -> list[dict[str, str]]:
    """Read a csv file as rows of text, these columns alone, or all; UserError without a table or one of the columns."""
    columns = list(columns)
    names, rows = _open_table(path, columns)
    return [{name: row[name] for name in columns or names} for row in rows]


def _open_table(path: Path, needed: Iterable[str]) -> tuple[list[str], list[dict[str, str]]]:
    """Return the names of a table's columns, all of `needed` among them, and its rows."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets begin a file with a mark
            reader = csv.reader(file, strict=True)
            names, lines = next(reader, []), [line for line in reader if line]
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run 'make repro' to make it.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a table ({error}): delete it and run 'make repro'.") from None
    lacking = [name for name in needed if name not in names]
    wrong = f"has no column '{lacking[0]}'" if lacking else "has a column twice" if len(set(names)) < len(names) else ""
    wrong = wrong or ("" if lines or needed else "is empty")
    if not wrong and any(len(line) < len(names) for line in lines):
        wrong = "is not a table (a row is too short)"
    if wrong:
        raise UserError(f"{path} {wrong}: delete it and run 'make repro'.")
    return names, [dict(zip(names, line, strict=False)) for line in lines]  # cells beyond the columns are no one's
