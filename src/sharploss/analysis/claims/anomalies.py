"""What is odd about the published tables: the list, and its evidence computed again from the cells."""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Literal, cast

import pandas as pd
from pydantic import ConfigDict, Field, RootModel

from sharploss.analysis.files import FoundAnomaly
from sharploss.analysis.published import PUBLISHED, load_index, published_values, reference
from sharploss.config.tasks import Strict
from sharploss.utils.errors import UserError, unknown
from sharploss.utils.models import load_model

MUST: dict[str, Callable[[float, float], bool]] = {
    "above": operator.gt, "below": operator.lt, "equal": operator.eq, "size": lambda value, most: abs(value) <= most
}  # fmt: skip


class Where(Strict):
    """Rows of a published table, or of a reference, that make one number; other keys are columns and their values."""

    model_config = ConfigDict(extra="allow", frozen=True)

    origin: str = Field(default="", alias="from", description="a reference; else the published tables")
    value: str = Field(default="value", description="the column of numbers")
    take: Literal["mean", "range", "count"] | None = Field(default=None, description="of several rows; else it is one")


class Evidence(Strict):
    """A number and what must hold of it."""

    of: Where | tuple[Where | float, Where | float] = Field(description="a number, or one minus another")
    above: float | None = None
    below: float | None = None
    equal: float | None = None
    size: float | None = Field(default=None, description="the most it may be, whatever its sign")

    def holds(self, value: float) -> bool:
        """Return whether everything holds of a value that must."""
        limits = {name: getattr(self, name) for name in MUST}
        return all(MUST[name](value, limit) for name, limit in limits.items() if limit is not None)


class Anomaly(Strict):
    """One anomaly of the published tables."""

    tables: list[str]
    statement: str
    reading: str
    evidence: dict[str, Evidence] = Field(default={}, description="none where nothing follows from the cells")


class Anomalies(RootModel[dict[str, Anomaly]]):
    """results/published/anomalies.yaml."""


def anomalies(root: Path) -> dict[str, FoundAnomaly]:
    """List the anomalies of results/published/anomalies.yaml with their evidence.

    Returns key -> tables, statement, reading, evidence (name -> number) and holds (whether the numbers show what the
    statement says; None where nothing follows from the cells).
    """
    listed = load_model(root / PUBLISHED / "anomalies.yaml", Anomalies).root
    published, index = published_values(root), load_index(root)
    found: dict[str, FoundAnomaly] = {}
    for key, about in listed.items():
        for name in about.tables:
            if name not in index.tables:
                raise UserError(f"anomalies.yaml, {key}: {unknown('table', name, index.tables)}")
        try:
            evidence = {name: round(_value(one, published, root), 6) for name, one in about.evidence.items()}
        except UserError as error:
            raise UserError(f"anomalies.yaml, {key}: {error}") from None
        holds = all(about.evidence[name].holds(value) for name, value in evidence.items()) if evidence else None
        texts = about.model_dump(include={"tables", "statement", "reading"})
        found[key] = cast("FoundAnomaly", texts | {"evidence": evidence, "holds": holds})
    return found


def _value(evidence: Evidence, published: pd.DataFrame, root: Path) -> float:
    parts = evidence.of if isinstance(evidence.of, tuple) else (evidence.of, 0.0)
    first, second = (_number(part, published, root) if isinstance(part, Where) else float(part) for part in parts)
    return first - second


def _number(where: Where, published: pd.DataFrame, root: Path) -> float:
    rows = reference(root, where.origin) if where.origin else published
    for name, wanted in {**(where.model_extra or {}), where.value: None}.items():
        if name not in rows:
            raise unknown("column", name, rows.columns)
        rows = rows if wanted is None else rows[rows[name].isin(wanted if isinstance(wanted, list) else [wanted])]
    if not len(rows) or (where.take is None and len(rows) > 1):
        named = ", ".join(f"{name} {value}" for name, value in (where.model_extra or {}).items())
        raise UserError(f"{len(rows)} printed numbers have {named}: name one, or say what to take of them.")
    if where.take == "count":
        return float(len(rows))
    numbers = rows[where.value].astype(float)
    return float(numbers.max() - numbers.min() if where.take == "range" else numbers.mean())
