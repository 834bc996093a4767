"""The calibration as a table: what we measure beside what the literature prints."""

from __future__ import annotations

from sharploss.analysis.measures import MINUS
from sharploss.analysis.tables.layout import Cell, Table, records
from sharploss.record.paths import StudyPaths

COLUMNS = ["set", "what", "measured on", "metric", "published", "measured", "difference", "tolerance"]
WHAT = {"sr": "bicubic, x{}", "jpeg": "JPEG, quality {}", "lr": "small images, x{}, against the published ones"}
METRICS = {"psnr": "PSNR (dB)", "ssim": "SSIM", "differing_samples": "samples that differ"}
PROTOCOLS = {"luma alone": "luma alone", "grey8": "grey 8-bit", "rgb": "RGB"}


def calibration(files: StudyPaths) -> Table:
    """Lay out calibration.csv; a table without rows where that was not made.

    Raises:
        UserError: the file lacks a column; the message names it.
    """
    import pandas as pd

    path = files.calibration
    rows = records(pd.read_csv(path, dtype=str, keep_default_na=False)) if path.is_file() else []
    caption = "Our degradations and metrics against published numbers, on the sets that were at hand."
    return Table(caption, COLUMNS, [_row(row) for row in rows], labels=4, notes=_notes(rows))


def _row(row: dict[str, str]) -> list[Cell]:
    about = [
        row["dataset"],
        WHAT[row["kind"]].format(row["setting"]),
        PROTOCOLS[row["protocol"]],
        METRICS[row["metric"]],
    ]
    if row["status"] == "not calibrated":
        numbers = [Cell(row["published"]), Cell("not calibrated", "gone"), Cell("—", "gone")]
    else:
        mark = "gone" if row["status"] == "off" else ""
        difference = f"{row['difference']} (off)" if row["status"] == "off" else row["difference"]
        numbers = [Cell(row["published"]), Cell(row["measured"], mark), Cell(difference.replace("-", MINUS), mark)]
    return [*map(Cell, about), *numbers, Cell(row["tolerance"])]


def _notes(rows: list[dict[str, str]]) -> list[str]:
    if not any(row["measured"] for row in rows):
        return ["Nothing was calibrated: none of the benchmark's sets was at hand."]
    notes = dict.fromkeys(f"{row['dataset']}: {row['explanation']}." for row in rows if row["explanation"])
    sources = dict.fromkeys(row["source"] for row in rows)
    return [*notes, f"Published numbers: {'; '.join(sources)}."]
