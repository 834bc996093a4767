"""Tables as files: csv for programs, Markdown to read, LaTeX (booktabs) to cite."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sharploss.analysis.measures import ALPHA, MINUS, TIMES
from sharploss.analysis.tables.layout import Cell, Table
from sharploss.utils.files import write_text

if TYPE_CHECKING:
    import pandas as pd

EMPTY = "This study has no runs for this table."
FENCES = {"best": "**", "second": "*", "worse": "*"}
COMMANDS = {"best": "textbf:--rwrap", "second": "underline:--rwrap", "worse": "textit:--rwrap"}
"""How cells are marked, in Markdown and in LaTeX (as pandas' Styler states a command around the cell's text)."""

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    MINUS: "$-$",
    TIMES: r"$\times$",
    ALPHA: r"$\alpha$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "—": "---",
    "∞": r"$\infty$",
} | {character: f"\\{character}" for character in "&%$#_{}"}


def write_csv(frame: pd.DataFrame, path: Path) -> None:
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
    rows = [[_markdown_cell(cell) for cell in _once(row, table.labels)] for row in table.rows]
    body = "\n".join(map(_line, [map(escape_markdown, table.columns), align, *rows])) if rows else EMPTY
    notes = "".join(f"\n{escape_markdown(note)}\n" for note in table.notes)
    return f"**{escape_markdown(table.caption)}**\n\n{body}\n{notes}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_cell(cell: Cell) -> str:
    fence = FENCES.get(cell.mark, "")
    return f"{fence}{escape_markdown(cell.text)}{fence}"


def _once(row: list[Cell], labels: int) -> list[Cell]:
    """Return a row in which a reason that fills all of its cells is given once."""
    return [*row[: labels + 1], *[Cell("")] * (len(row) - labels - 1)] if same_reason(row, labels) else row


def same_reason(row: list[Cell], labels: int) -> bool:
    """Return whether every cell of a row holds the same reason for having no number."""
    rest = row[labels:]
    return len(rest) > 1 and len(set(rest)) == 1 and rest[0].mark == "gone"


def escape_markdown(text: str) -> str:
    """Make text show as it is: no markup, no HTML, no new columns or lines."""
    text = re.sub(r"([\\`*|<>])", r"\\\1", " ".join(text.split()))
    # Underscores inside a word and brackets of an interval mean nothing; at a word's edge and before "(" they do.
    return re.sub(r"((?<!\w)_|_(?!\w)|\](?=[(\[:]))", r"\\\1", text)


def latex(table: Table) -> str:
    r"""Return a LaTeX table; best is bold, second best underlined, worse in italics. Needs `\usepackage{booktabs}`."""
    import pandas as pd

    places = range(len(table.columns))
    texts = pd.DataFrame([[_latex_cell(row, at, table.labels) for at in places] for row in table.rows], columns=places)
    marks = pd.DataFrame([[COMMANDS.get(cell.mark, "") for cell in row] for row in table.rows], columns=places)
    style = texts.style.hide(axis="index").apply(lambda _: marks, axis=None)
    style = style.relabel_index([escape_latex(name) for name in table.columns], axis="columns")
    made = style.to_latex(
        hrules=True,
        caption=escape_latex(table.caption),
        position_float="centering",
        column_format="l" * table.labels + "r" * (len(table.columns) - table.labels),
    )
    notes = "".join(f"\\par\\smallskip {escape_latex(note)}\n" for note in table.notes)
    return made.replace(r"\centering", r"\centering\scriptsize", 1).replace(r"\end{table}", rf"{notes}\end{{table}}")


def _latex_cell(row: list[Cell], at: int, labels: int) -> str:
    text = escape_latex(row[at].text)
    if same_reason(row, labels) and at >= labels:  # it takes no width of its own: the cells after it are empty
        return rf"\multicolumn{{1}}{{l}}{{\rlap{{{text}}}}}" if at == labels else ""
    # A row that begins with a bracket would be read as an argument of the line break before it.
    return f"{{{text}}}" if text.startswith("[") else text


def escape_latex(text: str) -> str:
    """Make text show as it is in LaTeX, whatever it holds."""
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))
