"""What was found about each paper, as a page: its claims, what it published, what was measured and how surely."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from sharploss.analysis.claims.tables import MARKS
from sharploss.analysis.report import claims as report_claims
from sharploss.analysis.report.claims import Claim, Side
from sharploss.analysis.tables.layout import Cell, Table
from sharploss.analysis.tables.writers import escape_markdown, markdown
from sharploss.utils.files import write_text

ABOUT = (
    "Written by the stage `claims`, like `results/{study}/claims.json`; change nothing here by hand. What is known "
    "about the paper and what was assumed is on [its own page](../../../docs/papers/{page}.md), what the words mean in "
    "[how to read the table of claims](../../../docs/claims.md), what is odd about the published tables in "
    "[anomalies.md](anomalies.md). What was measured are the runs of the study `{study}`."
)


def write_pages(folder: Path, found: dict[str, Any]) -> None:
    """Write a page (md) per paper into a folder; a claim about two papers is on both pages.

    Args:
        folder: made where it is missing.
        found: what `evaluate.evaluate_claims` returns.
    """
    for paper, name in found["papers"].items():
        write_text(folder / f"{name}.md", page(paper, found))


def page(paper: str, found: dict[str, Any]) -> str:
    """Return the page of a paper as Markdown: a table of its claims, then every claim with its effects and exceptions.

    Args:
        paper: a key of the section `papers` of claims.yaml.
        found: what `evaluate.evaluate_claims` returns.
    """
    claims = [claim for claim in report_claims.claims(found["claims"]) if paper in claim.paper.split(" and ")]
    parts = [
        f"# {paper}: what we found\n",
        f"{ABOUT.format(page=found['papers'][paper], study=found['study'])}\n",
        f"{_counted('Published', [claim.published for claim in claims])}\n"
        f"{_counted('Measured', [claim.measured for claim in claims])}\n",
        markdown(_overview(claims)),
        *map(_claim, claims),
    ]
    return "\n".join(parts)


def _counted(title: str, sides: list[Side]) -> str:
    counts = Counter(side.verdict for side in sides)
    return f"- {title}: {', '.join(f'{counts[word]} {word}' for word in MARKS if counts[word]) or 'no claims'}."


def _overview(claims: list[Claim]) -> Table:
    rows = [
        [Cell(f"{one.key}. {one.statement}"), *_brief(one.published), *_brief(one.measured), _effect(one.measured)]
        for one in claims
    ]
    columns = ["claim", "published", "cells for it", "measured", "cells for it", "mean change, 95 % interval"]
    return Table("The claims, published and measured.", columns, rows, labels=1, words=True)


def _brief(side: Side) -> list[Cell]:
    return [Cell(side.verdict, MARKS[side.verdict]), Cell(re.sub(r" cells?$", "", side.cells) or "—")]


def _effect(side: Side) -> Cell:
    return Cell(side.effect or "—")


def _claim(claim: Claim) -> str:
    sides = (claim.published, claim.measured)
    rows = [[Cell(side.title), *_brief(side), Cell(side.why), _effect(side)] for side in sides]
    columns = ["", "verdict", "cells for it", "why", "mean change"]
    where = f"{claim.paper}, {claim.where}. {claim.note}".strip()
    notes = [claim.measured.caveat] if claim.measured.caveat else []
    summary = Table(f"{claim.key}: {claim.statement}", columns, rows, labels=1, notes=notes, words=True)
    details = [markdown(table) for side in sides for table in side.tables]
    return "\n".join([f"## {claim.key}\n", f"{escape_markdown(where)}\n", markdown(summary), *details])
