"""The numbers that the papers publish, under our names: results/published, read and checked."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from sharploss.config.tasks import Name, Strict
from sharploss.record.paths import PUBLISHED
from sharploss.utils.errors import UserError, unknown
from sharploss.utils.files import sha256
from sharploss.utils.models import load_model


class PaperTable(Strict):
    """One table of a paper."""

    paper: str
    where: str = Field(description="its place in the paper")
    title: str
    rows: int = Field(gt=0)
    sha256: str
    budget: str = Field(description="the training behind it, as far as the paper states it")
    protocol: str = Field(description="how it was measured, as far as the paper states it")
    tasks: dict[str, list[Name]] = Field(description="'task scale' as printed -> our tasks, the best match first")
    losses: dict[str, Name] = Field(default={}, description="names of this table alone")
    against: dict[str, str] = Field(default={}, description="loss -> what it is compared with; else what it adds to")
    metrics: dict[str, tuple[Name, str]] = Field(description="as printed -> our metric and protocol")
    notes: list[str] = Field(default=[])


class Reference(Strict):
    """Numbers from elsewhere."""

    file: str
    rows: int
    sha256: str
    source: str
    losses: dict[str, Name] = Field(default={}, description="as called there -> our names")


class Names(Strict):
    """What the papers' names are called here."""

    networks: dict[str, Name]
    losses: dict[str, Name]
    datasets: dict[str, list[Name]]


class PublishedTables(Strict):
    """results/published/tables.yaml."""

    names: Names
    tables: dict[str, PaperTable]
    reference: dict[str, Reference]


@cache
def load_index(root: Path) -> PublishedTables:
    """Read tables.yaml of the repository in `root`. UserError: it is missing or damaged; the message names the key."""
    return load_model(root / PUBLISHED / "tables.yaml", PublishedTables)


def published_values(root: Path) -> pd.DataFrame:
    """Read every table under our names.

    A row per printed number: table, paper, task, network, loss, alpha (NaN where there is none), dataset (in small
    letters), metric, protocol, value, decimals (printed), and label_* for the names as printed.
    """
    return pd.concat([_table(root, name) for name in load_index(root).tables], ignore_index=True)


def reference(root: Path, name: str) -> pd.DataFrame:
    """Read numbers from elsewhere, as they are; NaN where a cell is empty."""
    index = load_index(root)
    if name not in index.reference:
        raise unknown("reference", name, index.reference)
    path = root / PUBLISHED / index.reference[name].file
    _checked(path, index.reference[name])
    return pd.read_csv(path)


def demo(root: Path) -> pd.DataFrame:
    """Read the MDF repository's demonstration, pixels optimised from noise by each loss: PSNR ("after_500" steps)."""
    table, names = reference(root, "mdf_demo"), load_index(root).reference["mdf_demo"].losses
    table = table[table["metric"].str.startswith("PSNR@") & table["loss"].isin(list(names))]
    about = {"table": "mdf_demo", "task": "pixels", "network": "none", "dataset": "i10", "metric": "psnr"}
    protocol = "after_" + table["metric"].str.removeprefix("PSNR@")
    return table[["value"]].assign(**about, loss=table["loss"].map(names), protocol=protocol).reset_index(drop=True)


def published_cells(root: Path) -> pd.DataFrame:
    """Read every cell that a claim can be about: the papers' tables and the demonstration."""
    return pd.concat([published_values(root), demo(root)], ignore_index=True)


def _checked(path: Path, about: PaperTable | Reference) -> pd.DataFrame:
    """Read a file as text, if it is the one that tables.yaml describes."""
    if not path.is_file():
        raise UserError(f"{path} is missing: take it from the repository again.")
    if sha256(path) != about.sha256:
        raise UserError(f"{path} is not what tables.yaml describes: its checksum differs; take it from the repository.")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if len(table) != about.rows:
        raise UserError(f"{path} has {len(table)} rows, where tables.yaml states {about.rows}: put one of them right.")
    return table


@cache
def _table(root: Path, name: str) -> pd.DataFrame:
    index = load_index(root)
    about, names = index.tables[name], index.names
    table = _checked(root / PUBLISHED / f"{name}.csv", about)

    def ours(kind: str, printed: pd.Series[str], known: dict[str, Any]) -> list[Any]:
        for text in printed[~printed.isin(list(known))]:
            raise UserError(f"results/published/tables.yaml, {name}: {unknown(kind, text, known)}")
        return [known[text] for text in printed]

    alpha = pd.to_numeric(table["alpha"])
    exact = table["loss"] + alpha.map(lambda value: f" alpha={value:g}")
    loss = exact.where(exact.isin(list(about.losses)), table["loss"])
    metric, protocol = zip(*ours("metric", table["metric"], about.metrics), strict=True)
    ours("data set", table["dataset"], names.datasets)
    found = pd.DataFrame(
        {
            "table": name,
            "paper": table["paper"],
            "task": [tasks[0] for tasks in ours("task", table["task"] + " " + table["scale"], about.tasks)],
            "network": ours("network", table["network"], names.networks),
            "loss": ours("loss", loss, names.losses | about.losses),
            "alpha": alpha,
            "dataset": table["dataset"].str.lower(),
            "metric": metric,
            "protocol": protocol,
            "value": pd.to_numeric(table["value"]),
            "decimals": table["value"].str.partition(".")[2].str.len(),
        }
    )
    return found.join(table[["network", "loss", "dataset", "metric", "scale"]].add_prefix("label_"))
