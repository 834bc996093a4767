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
} | {character: f"\\{character}" for character in "&%$#_{}"}


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame with all digits (the shortest text that reads back as the same number)."""
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def write_table(tables: list[Table], stem: Path) -> None:
    """Write the parts of a table as `<stem>.md` and `<stem>.tex`."""
    write_text(stem.with_name(f"{stem.name}.md"), "\n".join(map(markdown, tables)) or f"{EMPTY}\n")
    write_text(stem.with_name(f"{stem.name}.tex"), "\n".join(map(latex, tables)) or f"% {EMPTY}\n")


def markdown(table: Table) -> str:
    """Give a Markdown table; best is bold, second best (or worse than L1) in italics."""
    numbers = 0 if table.words else _numbers(table)
    align = ["---"] * (len(table.columns) - numbers) + ["---:"] * numbers
    lines = [_line(map(escape_markdown, table.columns)), _line(align)]
    lines += [_line(_markdown_row(row, table.labels)) for row in table.rows]
    notes = "".join(f"\n{escape_markdown(note)}\n" for note in table.notes)
    body = "\n".join(lines) if table.rows else EMPTY
    return f"**{escape_markdown(table.caption)}**\n\n{body}\n{notes}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_row(row: list[Cell], labels: int) -> list[str]:
    cells = [_markdown_cell(cell) for cell in row]
    return [*cells[: labels + 1], *[""] * (len(row) - labels - 1)] if told_once(row, labels) else cells


def told_once(row: list[Cell], labels: int) -> bool:
    """Say whether a row has the same reason in every cell, which need not be repeated."""
    rest = row[labels:]
    return len(rest) > 1 and len(set(rest)) == 1 and rest[0].mark == "gone"


def _markdown_cell(cell: Cell) -> str:
    fence = {"best": "**", "second": "*", "worse": "*"}.get(cell.mark, "")
    return f"{fence}{escape_markdown(cell.text)}{fence}"


def escape_markdown(text: str) -> str:
    """Make text show as it is: no markup, no HTML, no new columns or lines."""
    text = re.sub(r"([\\`*|<>])", r"\\\1", " ".join(text.split()))
    # Underscores inside a word and brackets of an interval mean nothing; at a word's edge and before "(" they do.
    return re.sub(r"((?<!\w)_|_(?!\w)|\](?=[(\[:]))", r"\\\1", text)


def latex(table: Table) -> str:
    r"""Give a LaTeX table; best is bold, second best underlined, worse in italics.

    Needs `\usepackage{booktabs}`; tables of sentences also need `array` and `longtable`, since they fill pages.
    """
    lines = [" & ".join(map(escape_latex, table.columns)), *(_latex_row(row, table.labels) for row in table.rows)]
    head, *body = [rf"{line} \\" for line in lines]
    notes = [rf"\par\smallskip {escape_latex(note)}" for note in table.notes]
    caption = rf"\caption{{{escape_latex(table.caption)}}}"
    shape = _long if table.words else _float
    return "\n".join([*shape(table, caption, head, body, notes), ""])


def _float(table: Table, caption: str, head: str, body: list[str], notes: list[str]) -> list[str]:
    columns = "l" * table.labels + "r" * _numbers(table)
    begin = [r"\begin{table}", caption, r"\centering\scriptsize", rf"\begin{{tabular}}{{{columns}}}"]
    rules = [r"\toprule", head, r"\midrule", *body, r"\bottomrule"]
    return [*begin, *rules, r"\end{tabular}", *notes, r"\end{table}"]


def _long(table: Table, caption: str, head: str, body: list[str], notes: list[str]) -> list[str]:
    r"""Give a table that wraps its cells and breaks across pages."""
    begin = [r"\begingroup\scriptsize", rf"\begin{{longtable}}{{{_wrapping(table)}}}", rf"{caption} \\"]
    rules = [r"\toprule", head, r"\midrule", r"\endhead", *body, r"\bottomrule"]
    return [*begin, *rules, r"\end{longtable}", *notes, r"\par\endgroup"]


def _numbers(table: Table) -> int:
    return len(table.columns) - table.labels


def _wrapping(table: Table) -> str:
    """Give columns that share the width of the page, by the square root of their longest text."""
    texts = [[name, *(row[place].text for row in table.rows)] for place, name in enumerate(table.columns)]
    needs = [max(8, *map(len, column)) ** 0.5 for column in texts]
    room = 1 - 0.025 * len(needs)
    return "".join(rf">{{\raggedright\arraybackslash}}p{{{room * need / sum(needs):.3f}\textwidth}}" for need in needs)


def _latex_row(row: list[Cell], labels: int) -> str:
    cells = [_latex_cell(cell) for cell in row]
    if told_once(row, labels):
        cells = [*cells[:labels], rf"\multicolumn{{{len(row) - labels}}}{{l}}{{{cells[labels]}}}"]
    return " & ".join(cells)


def _latex_cell(cell: Cell) -> str:
    text = escape_latex(cell.text)
    # A row that begins with a bracket would be read as an argument of the line break before it.
    text = f"{{{text}}}" if text.startswith("[") else text
    command = {"best": "textbf", "second": "underline", "worse": "textit"}.get(cell.mark)
    return rf"\{command}{{{text}}}" if command else text


def escape_latex(text: str) -> str:
    """Make text show as it is in LaTeX, whatever it holds."""
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))
