"""The claims with their results, to be read: tables of claims and anomalies, and a page per paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from sharploss.analysis.claims.spec import SIDES
from sharploss.analysis.files import (
    CellException,
    Counts,
    Effect,
    EvaluatedClaim,
    EvaluatedClaims,
    FoundAnomaly,
    Verdict,
)
from sharploss.analysis.measures import interval, metric_title, number
from sharploss.analysis.tables.layout import Cell, Mark, Table, count
from sharploss.analysis.tables.writers import escape_markdown, markdown, write_frame, write_table
from sharploss.analysis.titles import name_title
from sharploss.utils.files import write_text

MARKS: dict[str, Mark] = {
    "supported": "best", "contradicted": "worse", "no material difference": "", "undecided": "",
    "not trained yet": "gone", "not testable": "gone",
}  # fmt: skip
"""Every verdict, and how its cell is marked."""

VERDICTS = tuple(MARKS)
LETTERS = dict(zip(VERDICTS, "SC=UNX", strict=True))  # how the matrix of claims says a verdict
OUTCOMES = {"against": "the other way round"}
MOST = 8  # how many exceptions of a claim the page lists; claims.json holds all
COUNTS = ("for", "against", "equal", "open", "missing")
GROUPS = {"block": "table or recipe", "network": "network", "metric": "metric"}
NOTES = (
    "Cells: for the claim, of all. Effects: mean change over the cells, + is up; measured ones with the 95 % interval "
    "over images and seeds; published numbers carry no spread.",
    "Supported: every cell agrees, each measured one by its own 95 % interval and by at least the smallest effect that "
    "counts. Contradicted: a cell is as far the other way round (published also: equal), a measured one after Holm's "
    "correction. No material difference: every cell is equal within the smallest effects. Undecided: anything else.",
    "Preliminary, one seed: no second seed shows how far two trainings of one loss lie apart, which is assumed.",
    "What was measured are small, equal trainings, no replications of the papers'.",
)

ABOUT = (
    "Written by the stage `claims`, like `results/{study}/claims.json`; change nothing here by hand. What is known "
    "about the paper and what was assumed is on [its own page](../../../docs/papers/{page}.md), what the words mean in "
    "[how to read the table of claims](../../../docs/claims.md), what is odd about the published tables in "
    "[anomalies.md](anomalies.md). What was measured are the runs of the study `{study}`."
)


class SideView(NamedTuple):
    """What one source says about a claim."""

    title: str  # "Published" or "Measured"
    verdict: str  # one of VERDICTS
    why: str  # a sentence
    scope: str  # at which budget and with how many seeds, in words; "" for what is published
    cells: str  # "5 of 6 cells", "" without cells
    effect: str  # mean changes in words, "" without numbers
    tables: list[Table]  # effects, counts by group, exceptions: those that have rows


class ClaimView(NamedTuple):
    """A claim: its key in claims.yaml, paper, place, words, a note of ours, and both sides."""

    key: str
    paper: str
    where: str
    statement: str
    note: str
    published: SideView
    measured: SideView


def claims(found: dict[str, EvaluatedClaim]) -> list[ClaimView]:
    """Read the claims of claims.json, of which `found` is the entry `claims`."""
    return [
        ClaimView(
            key,
            claim["paper"],
            claim["where"],
            claim["statement"],
            claim["note"],
            *(_side(key, side.title(), claim[side]) for side in SIDES),
        )
        for key, claim in found.items()
    ]


def tally(found: list[ClaimView]) -> Table:
    """Count the verdicts of each paper, published and measured."""
    papers = list(dict.fromkeys(claim.paper for claim in found))
    rows = [_tally_row(paper, [claim for claim in found if claim.paper == paper]) for paper in papers]
    columns = ["paper", "claims", *(f"{side}: {word}" for side in SIDES for word in VERDICTS)]
    return Table("Verdicts by paper: published and measured.", columns, [*rows, _tally_row("all", found)], labels=1)


def _tally_row(paper: str, part: list[ClaimView]) -> list[Cell]:
    sides = [[claim.published.verdict for claim in part], [claim.measured.verdict for claim in part]]
    numbers = [side.count(word) for side in sides for word in VERDICTS]
    return [Cell(paper), Cell(str(len(part))), *(Cell(str(n)) if n else Cell("·", "gone") for n in numbers)]


def claims_table(found: dict[str, EvaluatedClaim]) -> Table:
    """Format the table of claims: a row per claim, what its paper published and what was measured."""
    rows = [
        [*map(Cell, (one.key, one.paper, one.statement)), *brief(one.published), *brief(one.measured)]
        for one in claims(found)
    ]
    columns = ["claim", "paper", "statement", *(name for side in SIDES for name in (side, "cells", "effect"))]
    caption = "What the papers claim, what they published, and what was measured."
    return Table(caption, columns, rows, labels=3, notes=list(NOTES), words=True)


def brief(side: SideView) -> list[Cell]:
    """Return verdict, cells and effect of one side of a claim."""
    cells = side.cells.removesuffix("s").removesuffix(" cell")
    word = f"{side.verdict} ({side.scope})" if side.scope else side.verdict
    return [Cell(word, MARKS[side.verdict]), Cell(cells or "—"), Cell(side.effect or "—")]


def _side(key: str, title: str, side: Verdict) -> SideView:
    name, counts = f"{key}, {title.lower()}", side["cells"]
    made = [_effects(name, side["effects"]), _groups(name, side["by"]), _exceptions(name, side["exceptions"])]
    return SideView(
        title,
        side["verdict"],
        side["why"],
        side["scope"],
        f"{counts['for']} of {count(counts['total'], 'cell')}" if counts["total"] else "",
        effects(side["effects"]),
        [table for table in made if table.rows],
    )


def effects(by_metric: dict[str, Effect]) -> str:
    """Return the mean change of every metric with its interval, as "PSNR +0.12 [+0.03, +0.20]"."""
    parts: list[str] = []
    for key, one in by_metric.items():
        metric, _, what = key.partition(": ")
        change = interval(metric, one["change"], one["low"], one["high"])
        parts.append(f"{metric_title(metric)} {change}{f' ({what})' if what else ''}")
    return "; ".join(parts)


def _effects(name: str, found: dict[str, Effect]) -> Table:
    columns = ["measure", "mean change and 95 % interval", "smallest", "largest", "contrasts"]
    rows: list[list[Cell]] = []
    for key, one in found.items():
        metric, _, what = key.partition(": ")
        title, ends = f"{metric_title(metric)}{f' ({what})' if what else ''}", (one["smallest"], one["largest"])
        change = interval(metric, one["change"], one["low"], one["high"])
        texts = [title, change, *(number(metric, end, sign=True) for end in ends), str(one["contrasts"])]
        rows.append([Cell(text) for text in texts])
    return Table(f"{name}: how large the changes are.", columns, rows, labels=1)


def _groups(name: str, by: dict[str, dict[str, Counts]]) -> Table:
    """Count cells per table or recipe, network and metric; what has one member alone tells nothing."""
    rows = [
        [Cell(GROUPS[kind]), Cell(name_title(metric_title(of))), *(Cell(str(counts[word])) for word in COUNTS)]
        for kind, members in by.items()
        if len(members) > 1
        for of, counts in members.items()
    ]
    columns = ["by", "of", "for", "against", "equal", "open", "missing"]
    caption = f"{name}: cells for the claim and against it (open: they decide nothing)."
    return Table(caption, columns, rows, labels=2)


def _exceptions(name: str, found: list[CellException]) -> Table:
    left = len(found) - MOST
    notes = [f"And {left} more, in claims.json."] if left > 0 else []
    columns = ["task", "network", "test set", "what", "measure", "change and 95 % interval", "p", "which is"]
    rows = [_exception(one) for one in found[:MOST]]
    return Table(f"{name}: cells that are not for the claim.", columns, rows, labels=5, notes=notes)


def _exception(one: CellException) -> list[Cell]:
    metric, change = one["metric"], one["change"]
    # A published number is what it is: its "interval" has no width.
    ends = (None, None) if one["p"] is None else (one["low"], one["high"])
    texts = [
        *(name_title(str(one[name])) for name in ("task", "network", "dataset", "what")),
        metric_title(metric),
        "—" if change is None else interval(metric, change, *ends),
        "—" if one["p"] is None else f"{one['p']:.3f}",
        OUTCOMES.get(one["outcome"], one["outcome"]),
    ]
    return [Cell(text) for text in texts]


def anomaly_rows(anomalies: dict[str, FoundAnomaly]) -> list[dict[str, Any]]:
    """Return a flat row per anomaly: anomaly, tables, statement, evidence, holds, reading."""
    return [
        {
            "anomaly": key,
            "tables": " ".join(one["tables"]),
            "statement": one["statement"],
            "evidence": "; ".join(f"{name}: {value:g}" for name, value in one["evidence"].items()),
            "holds": {True: "yes", False: "no", None: "not from the cells"}[one["holds"]],
            "reading": one["reading"],
        }
        for key, one in anomalies.items()
    ]


def anomaly_table(anomalies: dict[str, FoundAnomaly]) -> Table:
    """Format the anomalies of the published tables with the evidence."""
    rows = [[Cell(str(value)) for value in row.values()] for row in anomaly_rows(anomalies)]
    columns = ["anomaly", "table", "what", "evidence, computed from the cells", "holds", "reading"]
    return Table("What is odd about the published tables.", columns, rows, labels=1, words=True)


def write_pages(folder: Path, found: EvaluatedClaims) -> None:
    """Write the tables of claims and anomalies (csv, md) and a page (md) per paper; `found` is claims.json."""
    write_frame(pd.DataFrame(claim_rows(found["claims"])), folder / "claims.csv")
    write_table([claims_table(found["claims"])], folder / "claims")
    write_frame(pd.DataFrame(anomaly_rows(found["anomalies"])), folder / "anomalies.csv")
    write_table([anomaly_table(found["anomalies"])], folder / "anomalies")
    for paper, name in found["papers"].items():
        write_text(folder / f"{name}.md", page(paper, found))


def claim_rows(found: dict[str, EvaluatedClaim]) -> list[dict[str, Any]]:
    """Return a flat row per claim and side: claim, paper, side, verdict, why, seeds, counts, effects in words."""
    return [
        {
            "claim": key,
            **{name: claim[name] for name in ("paper", "statement", "where")},
            "side": side,
            "verdict": claim[side]["verdict"],
            "why": claim[side]["why"],
            "scope": claim[side]["scope"],
            "unqualified": claim[side]["unqualified"],
            "seeds": "" if claim[side]["seeds"] is None else claim[side]["seeds"],
            **claim[side]["cells"],
            "effect": effects(claim[side]["effects"]),
        }
        for key, claim in found.items()
        for side in SIDES
    ]


def page(paper: str, found: EvaluatedClaims) -> str:
    """Return the page of a paper as Markdown; a claim about two papers is on both pages."""
    mine = {key: claim for key, claim in found["claims"].items() if paper in claim["paper"].split(" and ")}
    found_here = claims(mine)
    parts = [
        f"# {paper}: what we found\n",
        f"{ABOUT.format(page=found['papers'][paper], study=found['study'])}\n",
        markdown(tally(found_here)),
        markdown(claims_table(mine)),
        *map(_claim_section, found_here),
    ]
    return "\n".join(parts)


def _claim_section(claim: ClaimView) -> str:
    sides = (claim.published, claim.measured)
    rows = [[Cell(side.title), *brief(side)[:2], Cell(side.why), brief(side)[2]] for side in sides]
    columns = ["", "verdict", "cells for it", "why", "mean change"]
    where = f"{claim.paper}, {claim.where}. {claim.note}".strip()
    table = Table(f"{claim.key}: {claim.statement}", columns, rows, labels=1, words=True)
    details = [markdown(one) for side in sides for one in side.tables]
    return "\n".join([f"## {claim.key}\n", f"{escape_markdown(where)}\n", markdown(table), *details])
