"""The verdicts and the anomalies as tables: csv, md, tex."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from sharploss.analysis.measures import metric_title, number
from sharploss.analysis.tables.layout import Cell, Table
from sharploss.analysis.tables.writers import write_csv, write_table

MARKS: dict[str, Literal["", "best", "worse", "gone"]] = {
    "supported": "best",
    "contradicted": "worse",
    "undecided": "",
    "not testable": "gone",
}


def write_tables(folder: Path, verdicts: dict[str, Any]) -> None:
    """Write verdicts and anomalies (csv, md, tex) into a folder.

    Args:
        folder: made where it is missing.
        verdicts: what `evaluate_claims` returns.
    """
    import pandas as pd

    write_csv(pd.DataFrame(verdict_rows(verdicts["claims"])), folder / "verdicts.csv")
    write_table([ledger(verdicts["claims"])], folder / "verdicts")
    write_csv(pd.DataFrame(anomaly_rows(verdicts["anomalies"])), folder / "anomalies.csv")
    write_table([anomaly_table(verdicts["anomalies"])], folder / "anomalies")


def verdict_rows(claims: dict[str, Any]) -> list[dict[str, Any]]:
    """Give a flat row per claim and side: claim, paper, side, verdict, why, seeds, counts, effects in words."""
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
        for side in ("printed", "ours")
    ]


def ledger(claims: dict[str, Any]) -> Table:
    """Lay out the ledger: a row per claim, what its paper prints and what our runs show.

    Args:
        claims: what `judge.judge_all` returns.
    """
    rows = [
        [
            Cell(key),
            Cell(claim["paper"]),
            Cell(claim["statement"]),
            *(cell for side in ("printed", "ours") for cell in _side(claim[side])),
        ]
        for key, claim in claims.items()
    ]
    columns = ["claim", "paper", "statement", "in print", "cells", "effect", "our runs", "cells", "effect"]
    notes = [
        "Cells: for the claim, of all. Effects: mean change over the cells, + is up, with the 95 % interval over "
        "images (and seeds, where there are several) on our runs; printed numbers carry no spread.",
        "Supported: every cell agrees, on our runs each by its own 95 % interval. Contradicted: a cell is the other "
        "way round (in print also: equal), on our runs after Holm's correction. Undecided: anything else.",
        "Our runs are small, equal trainings, no replications of the papers'.",
        *_one_seed(claims),
    ]
    caption = "What the papers claim, what they print, and what our runs show."
    return Table(caption, columns, rows, labels=3, notes=notes, words=True)


def _one_seed(claims: dict[str, Any]) -> list[str]:
    """Name the claims that one training speaks for, each suite having seeds of its own."""
    seeds = {key: claim["ours"]["seeds"] for key, claim in claims.items() if claim["ours"]["seeds"] is not None}
    alone = [key for key, number in seeds.items() if number == 1]
    whose = "" if len(alone) == len(seeds) else f" behind {', '.join(alone)}"
    told = f"One seed{whose}: the verdicts are about these trainings; how much others would differ is unknown."
    return [told] if alone else []


def _side(side: dict[str, Any]) -> list[Cell]:
    counts = side["cells"]
    told = f"{counts['for']}/{counts['total']}" if counts["total"] else "—"
    return [Cell(side["verdict"], MARKS[side["verdict"]]), Cell(told), Cell(effects(side["effects"]) or "—")]


def effects(by_metric: dict[str, dict[str, Any]]) -> str:
    """Tell the mean change of every metric with its interval, as "PSNR +0.12 [+0.03, +0.20]"."""
    told: list[str] = []
    for key, one in by_metric.items():
        metric, _, what = key.partition(": ")
        told.append(f"{metric_title(metric)} {_effect(metric, one)}{f' ({what})' if what else ''}")
    return "; ".join(told)


def _effect(metric: str, one: dict[str, Any]) -> str:
    text = number(metric, one["change"], sign=True)
    if one["low"] is None:
        return text
    return f"{text} [{number(metric, one['low'], sign=True)}, {number(metric, one['high'], sign=True)}]"


def anomaly_rows(anomalies: dict[str, Any]) -> list[dict[str, Any]]:
    """Give a flat row per anomaly: anomaly, tables, statement, evidence, holds, reading."""
    return [
        {
            "anomaly": key,
            "tables": " ".join(one["tables"]),
            "statement": one["statement"],
            "evidence": _evidence(one),
            "holds": {True: "yes", False: "no", None: "not from the cells"}[one["holds"]],
            "reading": one["reading"],
        }
        for key, one in anomalies.items()
    ]


def _evidence(one: dict[str, Any]) -> str:
    return "; ".join(f"{name}: {value:g}" for name, value in one["evidence"].items())


def anomaly_table(anomalies: dict[str, Any]) -> Table:
    """Lay out the anomalies of the printed tables with the evidence."""
    rows = [[Cell(str(value)) for value in row.values()] for row in anomaly_rows(anomalies)]
    columns = ["anomaly", "table", "what", "evidence, computed from the cells", "there", "reading"]
    return Table("What is odd about the printed tables.", columns, rows, labels=1, words=True)
