"""Tables in LaTeX (booktabs), to cite."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from sharploss.analysis.measures import ALPHA, MINUS, TIMES
from sharploss.analysis.tables.layout import NOT_MEASURED, Cell, Table, same_reason

COMMANDS = {"best": "textbf", "second": "underline", "worse": "textit"}

LINE, BETWEEN, HEAD, PAGE = 345, 6, 14, 56
"""An article's line and the space between two columns in points, letters of a heading's line, and rows of a page."""

_POINTS = [(2.5, ".,:;[]!'|ijlf"), (3.2, " ()Irtsc-"), (4.1, "0123456789aegoz/?*"), (6.2, "w+=&%"), (8.1, "mMW#@→—‰∞")]
"""How wide letters of 7 pt are, at most; capitals, minus and times take 6.3 points, all others 4.5."""

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
    "‰": r"\textperthousand{}",
} | {character: f"\\{character}" for character in "&%$#_{}"}

_WIDTHS = {letter: width for width, letters in _POINTS for letter in letters} | dict.fromkeys((MINUS, TIMES), 6.3)

_ACCENTS = set("\u0300\u0301\u0302\u0303\u0308\u030c")
"""Those that pdflatex can put on any letter: grave, acute, circumflex, tilde, diaeresis, caron."""


def latex(table: Table) -> str:
    r"""Return a LaTeX table that fits an article's text; what is too wide, in parts below each other.

    Best is bold, second best underlined, worse in italics. Needs `\usepackage{booktabs,longtable}`.
    """
    heads, shown = [head_lines(name) for name in table.columns], _columns(table)
    widths = [
        max(map(points, [*map(Cell, head), *(row[at] for row in table.rows if _own(table, row, at))]))
        for at, head in enumerate(heads)
    ]
    divided = [_Part(table, heads, widths, columns) for columns in fitting(widths, shown, table.labels, table.repeated)]
    caption = f"\\caption{{{escape_latex(table.caption)}}}"
    notes = "".join(f"{{\\raggedright {escape_latex(note)}\\par}}\n" for note in table.notes)
    small = "\\scriptsize\\setlength{\\tabcolsep}{3pt}"
    if len(divided) * (len(table.rows) + 2) > PAGE:
        captions = [f"{caption}\\\\\n", *[""] * (len(divided) - 1)]
        bodies = [_tabular(part, "longtable", above) for part, above in zip(divided, captions, strict=True)]
        return f"{{{small}\n{''.join(bodies)}{notes}}}\n"
    body = "\\par\\medskip\n".join(_tabular(part, "tabular") for part in divided)
    return (
        f"\\begin{{table}}\n\\centering{small}\n{caption}\\smallskip\n\n{body}\\par\\smallskip\n{notes}\\end{{table}}\n"
    )


def _own(table: Table, row: list[Cell], at: int) -> bool:
    """Return whether a row's text needs a column of its own width."""
    return at < table.labels or not same_reason(row, table.labels)


class _Part(NamedTuple):
    """Some columns of a table: all its headings, their lines and widths, and the places of its own columns."""

    table: Table
    heads: list[list[str]]
    widths: list[float]
    columns: list[int]


def head_lines(name: str) -> list[str]:
    """Break a heading after spaces into lines of at most HEAD letters, or of one word."""
    lines = [""]
    for word in name.split() or [""]:
        if lines[-1] and len(lines[-1]) + len(word) >= HEAD:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def points(cell: Cell) -> float:
    """Return how wide a cell is in LaTeX, at most; bold letters are a seventh wider."""
    width = sum(_WIDTHS.get(letter, 6.3 if letter.isupper() else 4.5) for letter in cell.text)
    return width * (1.15 if cell.mark == "best" else 1)


def _columns(table: Table) -> list[int]:
    """List the columns of numbers, without those that were not measured in any row, of which the notes say why."""
    numbers = range(table.labels, len(table.columns))
    found = [at for at in numbers if any(row[at].text != NOT_MEASURED for row in table.rows)]
    return found or list(numbers)


def fitting(widths: list[float], numbers: list[int], labels: int, repeated: int) -> list[list[int]]:
    """Divide columns of numbers into parts that fit into a line, each behind the labels, later ones behind fewer."""
    parts = [list(range(labels))]
    for at in numbers:
        names = labels if len(parts) == 1 else min(labels, repeated)
        if len(parts[-1]) > names and sum(widths[one] + BETWEEN for one in [*parts[-1], at]) - BETWEEN > LINE:
            parts.append(list(range(min(labels, repeated))))
        parts[-1].append(at)
    return parts


def _tabular(part: _Part, kind: str, caption: str = "") -> str:
    """Return a part of a table as a tabular, or a longtable with its caption and its head on every page."""
    align = "".join("l" if at < part.table.labels else "r" for at in part.columns)
    lines = [" \\\\ ".join(map(escape_latex, part.heads[at])) for at in part.columns]
    names = [f"\\shortstack[{side}]{{{text}}}" for text, side in zip(lines, align, strict=True)]
    head = f"\\toprule\n{' & '.join(names)} \\\\\n\\midrule\n"
    end = (
        " \\\\*\n" if kind == "longtable" and len(part.table.rows) < PAGE / 2 else " \\\\\n"
    )  # what is short stays on a page
    body = end.join([*(" & ".join(_latex_row(part, row)) for row in part.table.rows), ""])
    if kind == "longtable":
        head = f"{caption}{head}\\endfirsthead\n{head}\\endhead\n"
    return f"\\begin{{{kind}}}{{@{{}}{align}@{{}}}}\n{head}{body}\\bottomrule\n\\end{{{kind}}}\n"


def _latex_row(part: _Part, row: list[Cell]) -> list[str]:
    if not same_reason(row, part.table.labels):
        return [_latex_cell(row[at]) for at in part.columns]
    # The reason is given once, over all numbers, and makes no column wider.
    numbers = [at for at in part.columns if at >= part.table.labels]
    width = max(100.0, sum(part.widths[at] + BETWEEN for at in numbers) - BETWEEN)
    box = rf"\rlap{{\parbox[t]{{{width:.0f}pt}}{{\raggedright {escape_latex(row[numbers[0]].text)}}}}}"
    labels = [_latex_cell(row[at]) for at in part.columns if at < part.table.labels]
    return [*labels, rf"\multicolumn{{{len(numbers)}}}{{l}}{{{box}}}"]


def _latex_cell(cell: Cell) -> str:
    text = escape_latex(cell.text)
    if cell.mark in COMMANDS:
        return f"\\{COMMANDS[cell.mark]}{{{text}}}"
    # A row that begins with a bracket would be read as an argument of the line break before it.
    return f"{{{text}}}" if text.startswith("[") else text


def escape_latex(text: str) -> str:
    """Make text show as it is in LaTeX, whatever it holds; a letter that its usual fonts lack as its number."""
    return "".join(map(_latex_letter, " ".join(text.split())))


def _latex_letter(letter: str) -> str:
    if letter in _LATEX:
        return _LATEX[letter]
    base, *accents = unicodedata.normalize("NFD", letter)
    known = (letter in "ßæøåœÆØÅŒ" or base.isascii()) and len(accents) < 2 and set(accents) <= _ACCENTS
    return letter if known and letter.isprintable() else f"[U+{ord(letter):04X}]"
