"""The files of the claims: tables of claims and anomalies, and a page per paper with all that was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sharploss.analysis.claims.spec import SIDES
from sharploss.analysis.claims.summary import (
    Claim,
    anomaly_rows,
    anomaly_table,
    brief,
    claims,
    claims_table,
    effects,
    tally,
)
from sharploss.analysis.tables.layout import Cell, Table
from sharploss.analysis.tables.writers import escape_markdown, markdown, write_csv, write_table
from sharploss.utils.files import write_text

ABOUT = (
    "Written by the stage `claims`, like `results/{study}/claims.json`; change nothing here by hand. What is known "
    "about the paper and what was assumed is on [its own page](../../../docs/papers/{page}.md), what the words mean in "
    "[how to read the table of claims](../../../docs/claims.md), what is odd about the published tables in "
    "[anomalies.md](anomalies.md). What was measured are the runs of the study `{study}`."
)


def write_pages(folder: Path, found: dict[str, Any]) -> None:
    """Write the tables of claims and anomalies (csv, md, tex) and a page (md) per paper into a folder.

    Args:
        folder: made where it is missing.
        found: what `evaluate.evaluate_claims` returns.
    """
    import pandas as pd

    write_csv(pd.DataFrame(claim_rows(found["claims"])), folder / "claims.csv")
    write_table([claims_table(found["claims"])], folder / "claims")
    write_csv(pd.DataFrame(anomaly_rows(found["anomalies"])), folder / "anomalies.csv")
    write_table([anomaly_table(found["anomalies"])], folder / "anomalies")
    for paper, name in found["papers"].items():
        write_text(folder / f"{name}.md", page(paper, found))


def claim_rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a flat row per claim and side: claim, paper, side, verdict, why, seeds, counts, effects in words."""
    return [
        {
            "claim": key,
            **{name: claim[name] for name in ("paper", "statement", "where")},
            "side": side,
            "verdict": claim[side]["verdict"],
            "why": claim[side]["why"],
            "seeds": "" if claim[side]["seeds"] is None else claim[side]["seeds"],
            **claim[side]["cells"],
            "effect": effects(claim[side]["effects"]),
        }
        for key, claim in found.items()
        for side in SIDES
    ]


def page(paper: str, found: dict[str, Any]) -> str:
    """Return the page of a paper as Markdown: a table of its claims, then every claim with its effects and exceptions.

    Args:
        paper: a key of the section `papers` of claims.yaml; a claim about two papers is on both pages.
        found: what `evaluate.evaluate_claims` returns.
    """
    mine = {key: claim for key, claim in found["claims"].items() if paper in claim["paper"].split(" and ")}
    parts = [
        f"# {paper}: what we found\n",
        f"{ABOUT.format(page=found['papers'][paper], study=found['study'])}\n",
        markdown(tally(claims(mine))),
        markdown(claims_table(mine)),
        *map(_claim, claims(mine)),
    ]
    return "\n".join(parts)


def _claim(claim: Claim) -> str:
    sides = (claim.published, claim.measured)
    rows = [[Cell(side.title), *brief(side)[:2], Cell(side.why), brief(side)[2]] for side in sides]
    columns = ["", "verdict", "cells for it", "why", "mean change"]
    where = f"{claim.paper}, {claim.where}. {claim.note}".strip()
    notes = [claim.measured.caveat] if claim.measured.caveat else []
    table = Table(f"{claim.key}: {claim.statement}", columns, rows, labels=1, notes=notes, words=True)
    details = [markdown(one) for side in sides for one in side.tables]
    return "\n".join([f"## {claim.key}\n", f"{escape_markdown(where)}\n", markdown(table), *details])
