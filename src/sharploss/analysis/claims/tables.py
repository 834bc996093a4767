"""The verdicts and the anomalies as tables: csv, md, tex."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sharploss.analysis.claims.spec import SIDES
from sharploss.analysis.measures import interval, metric_title
from sharploss.analysis.tables.layout import Cell, Mark, Table, one_seed
from sharploss.analysis.tables.writers import write_csv, write_table

MARKS: dict[str, Mark] = {"supported": "best", "contradicted": "worse", "undecided": "", "not testable": "gone"}
"""Every verdict, and how its cell is marked."""


def write_tables(folder: Path, found: dict[str, Any]) -> None:
    """Write the tables of claims and anomalies (csv, md, tex) into a folder.

    Args:
        folder: made where it is missing.
        found: what `evaluate.evaluate_claims` returns.
    """
    import pandas as pd

    write_csv(pd.DataFrame(claim_rows(found["claims"])), folder / "claims.csv")
    write_table([claims_table(found["claims"])], folder / "claims")
    write_csv(pd.DataFrame(anomaly_rows(found["anomalies"])), folder / "anomalies.csv")
    write_table([anomaly_table(found["anomalies"])], folder / "anomalies")


def claim_rows(claims: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a flat row per claim and side: claim, paper, side, verdict, why, seeds, counts, effects in words."""
    return [
        {
            "claim": key,
            "paper": claim["paper"],
            "statement": claim["statement"],
            "where": claim["where"],
            "side": side,
            "verdict": claim[side]["verdict"],
            "why": claim[side]["why"],
            "seeds": "" if claim[side]["seeds"] is None else claim[side]["seeds"],
            **claim[side]["cells"],
            "effect": effects(claim[side]["effects"]),
        }
        for key, claim in claims.items()
        for side in SIDES
    ]


def claims_table(claims: dict[str, Any]) -> Table:
    """Lay out the table of claims: a row per claim, what its paper published and what was measured.

    Args:
        claims: what `evaluate.evaluate_all` returns.
    """
    rows = [
        [
            *(Cell(text) for text in (key, claim["paper"], claim["statement"])),
            *(cell for side in SIDES for cell in _side(claim[side])),
        ]
        for key, claim in claims.items()
    ]
    columns = ["claim", "paper", "statement", *(name for side in SIDES for name in (side, "cells", "effect"))]
    notes = [
        "Cells: for the claim, of all. Effects: mean change over the cells, + is up; measured ones with the 95 % "
        "interval over images (and seeds, where there are several); published numbers carry no spread.",
        "Supported: every cell agrees, each measured one by its own 95 % interval. Contradicted: a cell is the other "
        "way round (published also: equal), a measured one after Holm's correction. Undecided: anything else.",
        "What was measured are small, equal trainings, no replications of the papers'.",
        *_one_seed(claims),
    ]
    caption = "What the papers claim, what they published, and what was measured."
    return Table(caption, columns, rows, labels=3, notes=notes, words=True)


def _one_seed(claims: dict[str, Any]) -> list[str]:
    """Return a note on the claims that rest on one training each; every suite has seeds of its own."""
    seeds = {key: claim["measured"]["seeds"] for key, claim in claims.items() if claim["measured"]["seeds"] is not None}
    alone = [key for key, number in seeds.items() if number == 1]
    return [one_seed("" if len(alone) == len(seeds) else f" behind {', '.join(alone)}")] if alone else []


def _side(side: dict[str, Any]) -> list[Cell]:
    counts = side["cells"]
    cells = f"{counts['for']}/{counts['total']}" if counts["total"] else "—"
    return [Cell(side["verdict"], MARKS[side["verdict"]]), Cell(cells), Cell(effects(side["effects"]) or "—")]


def effects(by_metric: dict[str, dict[str, Any]]) -> str:
    """Return the mean change of every metric with its interval, as "PSNR +0.12 [+0.03, +0.20]"."""
    parts: list[str] = []
    for key, one in by_metric.items():
        metric, _, what = key.partition(": ")
        change = interval(metric, one["change"], one["low"], one["high"])
        parts.append(f"{metric_title(metric)} {change}{f' ({what})' if what else ''}")
    return "; ".join(parts)


def anomaly_rows(anomalies: dict[str, Any]) -> list[dict[str, Any]]:
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


def anomaly_table(anomalies: dict[str, Any]) -> Table:
    """Lay out the anomalies of the published tables with the evidence."""
    rows = [[Cell(str(value)) for value in row.values()] for row in anomaly_rows(anomalies)]
    columns = ["anomaly", "table", "what", "evidence, computed from the cells", "holds", "reading"]
    return Table("What is odd about the published tables.", columns, rows, labels=1, words=True)
