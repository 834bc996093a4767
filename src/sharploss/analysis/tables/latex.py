"""Tables in LaTeX (booktabs), to cite."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import NamedTuple

from sharploss.analysis.measures import ALPHA, MINUS, TIMES
from sharploss.analysis.tables.layout import NOT_MEASURED, NOT_QUALIFIED, Cell, Table, same_reason

EMPTY = "This study has no runs for this table."
COMMANDS = {"best": "textbf", "second": "underline", "worse": "textit"}

LINE, BETWEEN, NUMBER = 345.0, 6.0, 110.0
"""In points: an article's line, the space between two columns, and what the interval of a number takes."""

HEAD, NOTE, PAGE = 14, 95, 60
"""Letters of a heading's line and of a note's, and the rows of a page."""

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
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "‰": "$^0/_{00}$",
    "\u2013": "--",
    "\u2019": "'",
    "…": r"\dots{}",
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
    limited = _limited(widths, table.labels, table.repeated)
    columns = fitting(limited, shown, table.labels, table.repeated) if table.rows else []
    divided = [_Part(table, heads, limited, [*map(float.__lt__, limited, widths)], one) for one in columns]
    notes = "".join(f"{{\\raggedright {_breakable(note)}\\par}}\n" for note in table.notes)
    small, caption = "\\scriptsize\\setlength{\\tabcolsep}{3pt}", f"\\caption{{{_breakable(table.caption)}}}"
    lines, below = (
        3 + sum(_lines(table, row, limited) for row in table.rows),
        sum(len(note) // NOTE + 1 for note in table.notes),
    )
    if lines + below > PAGE:
        captions = [f"{caption}\\\\\n", *[""] * (len(divided) - 1)]
        bodies = [_tabular(part, "longtable", above) for part, above in zip(divided, captions, strict=True)]
        return f"{{{small}\n{''.join(bodies)}{notes}}}\n"
    each = (PAGE - below) // lines  # parts of the table that fit on a page
    floats = list[str]()
    for first in range(0, max(1, len(divided)), each):
        parts = [_tabular(part, "tabular") for part in divided[first : first + each]]
        body = "\\par\\medskip\n".join(parts) or EMPTY
        above = "\\addtocounter{table}{-1}\\caption{(continued)}" if first else caption
        end = notes if first + each >= len(divided) else ""
        floats.append(
            f"\\begin{{table}}\n\\centering{small}\n{above}\\smallskip\n\n{body}\\par\\smallskip\n{end}\\end{{table}}\n"
        )
    return "".join(floats)


def _own(table: Table, row: list[Cell], at: int) -> bool:
    """Return whether a row's text needs a column of its own width."""
    return at < table.labels or not same_reason(row, table.labels)


class _Part(NamedTuple):
    """Some columns of a table: lines of all headings, widths, and whether they wrap; the places of its own columns."""

    table: Table
    heads: list[list[str]]
    widths: list[float]
    wraps: list[bool]
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
    """List the columns of numbers, without those that have none in any row, of which the notes say why."""
    numbers = range(table.labels, len(table.columns))
    rows = [row for row in table.rows if not same_reason(row, table.labels)]
    found = [at for at in numbers if any(row[at].text not in (NOT_MEASURED, NOT_QUALIFIED) for row in rows)]
    return found or list(numbers)


def _limited(widths: list[float], labels: int, repeated: int) -> list[float]:
    """Return the widths of a table's columns, those that have to wrap cut so that one number fits beside its labels."""
    names = _cut(widths[:labels], LINE)
    names = [*_cut(names[:repeated], LINE - NUMBER), *names[repeated:]]
    rest = LINE - sum(width + BETWEEN for width in names[:repeated])
    return [*names, *(min(width, rest) for width in widths[labels:])]


def _cut(widths: list[float], room: float) -> list[float]:
    """Cut the widest columns until all fit."""
    most = max(widths)
    while sum(min(width, most) + BETWEEN for width in widths) > room:
        most -= 1
    return [min(width, most) for width in widths]


def _lines(table: Table, row: list[Cell], limited: list[float]) -> int:
    """Return how many lines a row takes, at most: what wraps does not fill them."""
    if same_reason(row, table.labels):
        room = [*limited[: table.labels], NUMBER]
        return max(math.ceil(1.3 * points(cell) / width) for cell, width in zip(row, room, strict=False))
    wrapped = [points(cell) / width for cell, width in zip(row, limited, strict=True) if points(cell) > width]
    return max([1, *(math.ceil(1.3 * lines) for lines in wrapped)])


def fitting(widths: list[float], numbers: list[int], labels: int, repeated: int) -> list[list[int]]:
    """Divide columns of numbers into parts that fit into a line, each behind the labels, later ones behind fewer."""
    parts = [list(range(labels))]
    for at in numbers:
        if sum(widths[one] + BETWEEN for one in [*parts[-1], at]) - BETWEEN > LINE:
            parts.append(list(range(min(labels, repeated))))
        parts[-1].append(at)
    return parts


def _tabular(part: _Part, kind: str, caption: str = "") -> str:
    """Return a part of a table as a tabular, or a longtable with its caption and its head on every page."""
    align, names = "", list[str]()
    for at in part.columns:
        side = "l" if at < part.table.labels else "r"
        lines = " \\\\ ".join(map(escape_latex, part.heads[at]))
        align += f"p{{{part.widths[at]:.0f}pt}}" if part.wraps[at] else side
        names.append(_wrapped(" ".join(part.heads[at])) if part.wraps[at] else f"\\shortstack[{side}]{{{lines}}}")
    head = f"\\toprule\n{' & '.join(names)} \\\\\n\\midrule\n"
    body = "".join(f"{' & '.join(_latex_row(part, row))} \\\\\n" for row in part.table.rows)
    if kind == "longtable":
        head = f"{caption}{head}\\endfirsthead\n{head}\\endhead\n"
    return f"\\begin{{{kind}}}{{@{{}}{align}@{{}}}}\n{head}{body}\\bottomrule\n\\end{{{kind}}}\n"


def _latex_row(part: _Part, row: list[Cell]) -> list[str]:
    if not same_reason(row, part.table.labels):
        return [_latex_cell(row[at], part.wraps[at]) for at in part.columns]
    # The reason is given once, over all numbers, and makes no column wider.
    numbers = [at for at in part.columns if at >= part.table.labels]
    width = max(100.0, sum(part.widths[at] + BETWEEN for at in numbers) - BETWEEN)
    box = rf"\rlap{{\parbox[t]{{{width:.0f}pt}}{{\raggedright {_breakable(row[numbers[0]].text)}}}}}"
    labels = [_latex_cell(row[at], part.wraps[at]) for at in part.columns if at < part.table.labels]
    return [*labels, rf"\multicolumn{{{len(numbers)}}}{{l}}{{{box}}}"]


def _latex_cell(cell: Cell, wraps: bool) -> str:
    if wraps:
        return _wrapped(cell.text, COMMANDS.get(cell.mark, "textrm").replace("underline", "textsl"))
    text = escape_latex(cell.text)
    if cell.mark in COMMANDS:
        return f"\\{COMMANDS[cell.mark]}{{{text}}}"
    # A row that begins with a bracket would be read as an argument of the line break before it.
    return f"{{{text}}}" if text.startswith("[") else text


def _wrapped(text: str, command: str = "textrm") -> str:
    return f"{{\\raggedright\\{command}{{{_breakable(text)}}}\\par}}"


def _breakable(text: str) -> str:
    """Escape a text, which may break within a long name or path."""
    return re.sub(r"(\\_|/)(?=\w)", r"\1\\allowbreak{}", escape_latex(text))


def escape_latex(text: str) -> str:
    """Make text show as it is in LaTeX, whatever it holds; a letter that its usual fonts lack as its number."""
    return "".join(map(_latex_letter, " ".join(text.split())))


def _latex_letter(letter: str) -> str:
    if letter in _LATEX:
        return _LATEX[letter]
    base, *accents = unicodedata.normalize("NFD", letter)
    known = (letter in "ßæøåœÆØÅŒ" or base.isascii()) and len(accents) < 2 and set(accents) <= _ACCENTS
    return letter if known and letter.isprintable() else f"[U+{ord(letter):04X}]"
