"""The numbers that the papers publish, under our names: results/published, read and checked."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from sharploss.config.tasks import Name, Strict
from sharploss.record.paths import PUBLISHED
from sharploss.utils.errors import UserError, unknown
from sharploss.utils.files import sha256
from sharploss.utils.models import load_model

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["paper", "table", "task", "dataset", "scale", "network", "loss", "alpha", "metric", "value"]


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


class Published(Strict):
    """results/published/tables.yaml."""

    names: Names
    tables: dict[str, PaperTable]
    reference: dict[str, Reference]


@cache
def load_index(root: Path) -> Published:
    """Read tables.yaml of the repository in `root`.

    Raises:
        UserError: it is missing or damaged; the message names the key.
    """
    return load_model(root / PUBLISHED / "tables.yaml", Published)


def published_values(root: Path) -> pd.DataFrame:
    """Read every table under our names.

    Returns:
        A row per printed number: table, paper, task, network, loss, alpha (NaN where there is none), dataset (as
        printed, in small letters), metric, protocol, value, decimals (how many are printed), and the names as printed:
        label_network, label_loss, label_dataset, label_metric, label_scale.

    Raises:
        UserError: a file is missing or was altered, or holds a name that tables.yaml does not know.
    """
    import pandas as pd

    index = load_index(root)
    return pd.concat([_table(root, index, name) for name in index.tables], ignore_index=True)


def reference(root: Path, name: str) -> pd.DataFrame:
    """Read numbers from elsewhere, as they are; values are numbers.

    Raises:
        UserError: there is no such file, or it was altered.
    """
    index = load_index(root)
    if name not in index.reference:
        raise unknown("reference", name, index.reference)
    about = index.reference[name]
    table = _checked(root / PUBLISHED / about.file, about)
    return table.apply(_numbers)


def demo(root: Path) -> pd.DataFrame:
    """Read the MDF repository's demonstration: pixels optimised from noise by each loss.

    Returns:
        A row per PSNR that was reached after 25, 100 and 500 iterations, with the columns of `published_values` that
        have a meaning here: table ("mdf_demo"), task ("pixels"), network ("none"), loss, dataset ("i10"), metric,
        protocol ("after_500"), value (dB).
    """
    table, names = reference(root, "mdf_demo"), load_index(root).reference["mdf_demo"].losses
    table = table[table["metric"].str.startswith("PSNR@") & table["loss"].isin(list(names))]
    about = {"table": "mdf_demo", "task": "pixels", "network": "none", "dataset": "i10", "metric": "psnr"}
    protocol = "after_" + table["metric"].str.removeprefix("PSNR@")
    return table[["value"]].assign(**about, loss=table["loss"].map(names), protocol=protocol).reset_index(drop=True)


def published_cells(root: Path) -> pd.DataFrame:
    """Read every cell that a claim can be about: the papers' tables and the demonstration."""
    import pandas as pd

    return pd.concat([published_values(root), demo(root)], ignore_index=True)


def _numbers(column: pd.Series[str]) -> pd.Series[Any]:
    import pandas as pd

    try:
        return pd.to_numeric(column)
    except ValueError:
        return column


def _checked(path: Path, about: PaperTable | Reference) -> pd.DataFrame:
    import pandas as pd

    if not path.is_file():
        raise UserError(f"{path} is missing: take it from the repository again.")
    if sha256(path) != about.sha256:
        raise UserError(f"{path} is not what tables.yaml describes: its checksum differs; take it from the repository.")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if len(table) != about.rows:
        raise UserError(f"{path} has {len(table)} rows, where tables.yaml states {about.rows}: put one of them right.")
    return table


def _table(root: Path, index: Published, name: str) -> pd.DataFrame:
    import pandas as pd

    table = _checked(root / PUBLISHED / f"{name}.csv", index.tables[name])
    rows = [_row(index, name, {str(key): str(value) for key, value in row.items()}) for row in table.to_dict("records")]
    return pd.DataFrame(rows)


def _row(index: Published, name: str, row: dict[str, str]) -> dict[str, Any]:
    about, names = index.tables[name], index.names
    task = f"{row['task']} {row['scale']}"
    metric, protocol = _find(name, "metric", row["metric"], about.metrics)
    _find(name, "data set", row["dataset"], names.datasets)
    return {
        "table": name,
        "paper": row["paper"],
        "task": _find(name, "task", task, about.tasks)[0],
        "network": _find(name, "network", row["network"], names.networks),
        "loss": _loss(index, name, row),
        "alpha": float(row["alpha"] or "nan"),
        "dataset": row["dataset"].lower(),
        "metric": metric,
        "protocol": protocol,
        "value": float(row["value"]),
        "decimals": len(row["value"].partition(".")[2]),
        **{f"label_{key}": row[key] for key in ("network", "loss", "dataset", "metric", "scale")},
    }


def _loss(index: Published, name: str, row: dict[str, str]) -> str:
    own = index.tables[name].losses
    exact = f"{row['loss']} alpha={float(row['alpha']):g}" if row["alpha"] else row["loss"]
    return own[exact] if exact in own else _find(name, "loss", row["loss"], index.names.losses | own)


def _find(table: str, kind: str, name: str, known: dict[str, Any]) -> Any:
    if name not in known:
        raise UserError(f"results/published/tables.yaml, {table}: {unknown(kind, name, known)}")
    return known[name]
