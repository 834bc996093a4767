"""What was found about each paper, as a page to read: its claims, what it prints, what our runs show and how surely."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from sharploss.analysis.claims.tables import MARKS
from sharploss.analysis.report import claims as report_ledger
from sharploss.analysis.report.claims import Claim, Side
from sharploss.analysis.tables.layout import Cell, Table
from sharploss.analysis.tables.writers import escape_markdown, markdown
from sharploss.utils.files import write_text

PAGES = {"SPLoss": "sploss", "GV": "gv", "MDF": "mdf", "SOG": "second_order", "SharpGAN": "sharpgan"}
"""The page of each paper, here and in docs/papers, by the name that claims.yaml has for it."""

ABOUT = (
    "Written by `pipelines/claims.py`, like `claims.json` of the results; change nothing here by hand. What is known "
    "about the paper and what was assumed is on [its own page](../../../docs/papers/{page}.md), what the words mean in "
    "[how to read the ledger](../../../docs/ledger.md), what is odd about the printed tables in "
    "[anomalies.md](anomalies.md)."
)


def write_pages(folder: Path, verdicts: dict[str, Any]) -> None:
    """Write a page (md) per paper into a folder; a claim about two papers is on both pages.

    Args:
        folder: made where it is missing.
        verdicts: what `evaluate_claims` returns.
    """
    for paper, name in PAGES.items():
        write_text(folder / f"{name}.md", page(paper, verdicts))


def page(paper: str, verdicts: dict[str, Any]) -> str:
    """Give the page of a paper as Markdown: a table of its claims, then every claim with its effects and exceptions.

    Args:
        paper: a key of `PAGES`.
        verdicts: what `evaluate_claims` returns.
    """
    found = [claim for claim in report_ledger.claims(verdicts["claims"]) if paper in claim.paper.split(" and ")]
    told = f"Our runs are those of the study `{verdicts['study']}`."
    parts = [
        f"# {paper}: what we found\n",
        f"{ABOUT.format(page=PAGES[paper])} {told}\n",
        f"{_counted('In print', [claim.printed for claim in found])}\n"
        f"{_counted('Our runs', [claim.ours for claim in found])}\n",
        markdown(_overview(found)),
        *map(_claim, found),
    ]
    return "\n".join(parts)


def _counted(title: str, sides: list[Side]) -> str:
    counts = Counter(side.verdict for side in sides)
    return f"- {title}: {', '.join(f'{counts[word]} {word}' for word in MARKS if counts[word]) or 'no claims'}."


def _overview(found: list[Claim]) -> Table:
    rows = [[_named(claim), *_brief(claim.printed), *_brief(claim.ours), _effect(claim.ours)] for claim in found]
    columns = ["claim", "in print", "cells for it", "our runs", "cells for it", "mean change, 95 % interval"]
    return Table("The claims, in print and on our runs.", columns, rows, labels=1, words=True)


def _named(claim: Claim) -> Cell:
    return Cell(f"{claim.key}. {claim.statement}")


def _brief(side: Side) -> list[Cell]:
    return [Cell(side.verdict, MARKS[side.verdict]), Cell(re.sub(r" cells?$", "", side.cells) or "—")]


def _effect(side: Side) -> Cell:
    return Cell(side.effect or "—")


def _claim(claim: Claim) -> str:
    rows = [[Cell(side.title), *_brief(side), Cell(side.why), _effect(side)] for side in (claim.printed, claim.ours)]
    columns = ["", "verdict", "cells for it", "why", "mean change"]
    where = f"{claim.paper}, {claim.where}. {claim.note}".strip()
    notes = [claim.ours.caveat] if claim.ours.caveat else []
    sides = Table(f"{claim.key}: {claim.statement}", columns, rows, labels=1, notes=notes, words=True)
    details = [markdown(table) for side in (claim.printed, claim.ours) for table in side.tables]
    return "\n".join([f"## {claim.key}\n", f"{escape_markdown(where)}\n", markdown(sides), *details])
