"""Tables as files: csv for programs, Markdown to read, LaTeX (booktabs) to cite."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from sharploss.analysis.measures import ALPHA, MINUS, TIMES
from sharploss.analysis.tables.layout import Cell, Table
from sharploss.utils.files import write_text

EMPTY = "This study has no runs for this table."
FENCES = {"best": "**", "second": "*", "worse": "*"}
COMMANDS = {"best": "textbf", "second": "underline", "worse": "textit"}
"""How cells are marked, in Markdown and in LaTeX."""

LINE, BETWEEN, HEAD, PAGE = 88, 2, 14, 56
"""Letters of 7 pt in an article's line of 345 pt, those that the space between two columns takes, those of a heading's
line, and the rows of a page."""

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
    r"""Return a LaTeX table that fits an article's text; what is too wide, in parts below each other.

    Best is bold, second best underlined, worse in italics. Needs `\usepackage{booktabs,longtable}`.
    """
    heads = [head_lines(name) for name in table.columns]
    widths = [
        max(map(len, [*head, *(row[at].text for row in table.rows if not same_reason(row, table.labels))]))
        for at, head in enumerate(heads)
    ]
    parts = fitting(widths, table.labels)
    caption = escape_latex(table.caption)
    notes = "".join(f"{{\\raggedright {escape_latex(note)}\\par}}\n" for note in table.notes)
    if len(parts) * (len(table.rows) + 2) > PAGE:
        captions = [f"\\caption{{{caption}}}\\\\\n", *[""] * (len(parts) - 1)]
        bodies = [
            _tabular(table, heads, *each) for each in zip(parts, ["longtable"] * len(parts), captions, strict=True)
        ]
        return f"{{\\scriptsize\\setlength{{\\tabcolsep}}{{3pt}}\n{''.join(bodies)}{notes}}}\n"
    body = "\\par\\medskip\n".join(_tabular(table, heads, part, "tabular") for part in parts)
    begin = f"\\begin{{table}}\n\\centering\\scriptsize\\setlength{{\\tabcolsep}}{{3pt}}\n\\caption{{{caption}}}\n"
    return f"{begin}{body}\\par\\smallskip\n{notes}\\end{{table}}\n"


def head_lines(name: str) -> list[str]:
    """Break a heading after spaces into lines of at most HEAD letters, or of one word."""
    lines = [""]
    for word in name.split() or [""]:
        if lines[-1] and len(lines[-1]) + len(word) >= HEAD:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def fitting(widths: list[int], labels: int) -> list[list[int]]:
    """Divide a table's columns into parts that each fit into a line, each with its labels (the first columns)."""
    first = list(range(labels))
    parts = [list(first)]
    for at in range(labels, len(widths)):
        if len(parts[-1]) > labels and sum(widths[one] + BETWEEN for one in [*parts[-1], at]) > LINE:
            parts.append(list(first))
        parts[-1].append(at)
    return parts


def _tabular(table: Table, heads: list[list[str]], part: list[int], kind: str, caption: str = "") -> str:
    """Return some columns of a table as a tabular, or a longtable with its caption and its head on every page."""
    align = "".join("l" if at < table.labels else "r" for at in part)
    lines = [" \\\\ ".join(map(escape_latex, heads[at])) for at in part]
    names = [f"\\shortstack[{side}]{{{text}}}" for text, side in zip(lines, align, strict=True)]
    head = f"\\toprule\n{' & '.join(names)} \\\\\n\\midrule\n"
    rows = "".join(f"{' & '.join(_latex_cell(row, at, table.labels) for at in part)} \\\\\n" for row in table.rows)
    if kind == "longtable":
        head = f"{caption}{head}\\endfirsthead\n{head}\\endhead\n"
    return f"\\begin{{{kind}}}{{{align}}}\n{head}{rows}\\bottomrule\n\\end{{{kind}}}\n"


def _latex_cell(row: list[Cell], at: int, labels: int) -> str:
    text = escape_latex(row[at].text)
    if same_reason(row, labels) and at >= labels:  # it takes no width of its own: the cells after it are empty
        return rf"\multicolumn{{1}}{{l}}{{\rlap{{{text}}}}}" if at == labels else ""
    if row[at].mark in COMMANDS:
        return f"\\{COMMANDS[row[at].mark]}{{{text}}}"
    # A row that begins with a bracket would be read as an argument of the line break before it.
    return f"{{{text}}}" if text.startswith("[") else text


def escape_latex(text: str) -> str:
    """Make text show as it is in LaTeX, whatever it holds."""
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))
