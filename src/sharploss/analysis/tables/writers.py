"""Tables as files: csv for programs, Markdown to read, LaTeX (booktabs) to cite."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from sharploss.analysis.tables.latex import EMPTY, latex
from sharploss.analysis.tables.layout import Cell, Table, same_reason
from sharploss.utils.files import write_text

FENCES = {"best": "**", "second": "*", "worse": "*"}
"""How cells are marked in Markdown."""


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame with all digits (the shortest text that reads back as the same number)."""
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def write_table(tables: list[Table], stem: Path) -> None:
    """Write the parts of a table as `<stem>.md` and, where they hold numbers and not sentences, as `<stem>.tex`."""
    write_text(stem.with_name(f"{stem.name}.md"), "\n".join(map(markdown, tables)) or f"{EMPTY}\n")
    if not any(table.words for table in tables):
        write_text(stem.with_name(f"{stem.name}.tex"), "\n".join(map(latex, tables)) or f"% {EMPTY}\n")


def markdown(table: Table) -> str:
    """Return a Markdown table; best is bold, second best (or worse than L1) in italics."""
    numbers = 0 if table.words else len(table.columns) - table.labels
    align = ["---"] * (len(table.columns) - numbers) + ["---:"] * numbers
    rows = [list(map(_markdown_cell, row)) for row in table.rows]
    for row, cells in zip(table.rows, rows, strict=True):
        if same_reason(row, table.labels):  # it is given once
            cells[table.labels + 1 :] = [""] * (len(cells) - table.labels - 1)
    lines = [f"| {' | '.join(cells)} |" for cells in [map(escape_markdown, table.columns), align, *rows]]
    body = "\n".join(lines) if rows else EMPTY
    notes = "".join(f"\n{escape_markdown(note)}\n" for note in table.notes)
    return f"**{escape_markdown(table.caption)}**\n\n{body}\n{notes}"


def _markdown_cell(cell: Cell) -> str:
    fence = FENCES.get(cell.mark, "")
    return f"{fence}{escape_markdown(cell.text)}{fence}"


def escape_markdown(text: str) -> str:
    """Make text show as it is: no markup, no HTML, no new columns or lines."""
    text = re.sub(r"([\\`*|<>])", r"\\\1", " ".join(text.split()))
    # Underscores inside a word and brackets of an interval mean nothing; at a word's edge and before "(" they do.
    return re.sub(r"((?<!\w)_|_(?!\w)|\](?=[(\[:]))", r"\\\1", text)
