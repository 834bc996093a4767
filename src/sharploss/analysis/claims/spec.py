"""claims.yaml: what the papers claim, as tests on tables, read strictly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pandas as pd
from pydantic import Field

from sharploss.analysis.papers import About
from sharploss.analysis.published import load_index, published_cells
from sharploss.assets.catalogue import ASSETS
from sharploss.config.params import Params, load_params
from sharploss.config.protocols import METRIC_INFO, PROTOCOLS, REFERENCES
from sharploss.config.tasks import Name, Strict
from sharploss.utils.errors import UserError, unknown
from sharploss.utils.models import load_model

Side = Annotated[
    str,
    Field(
        pattern=r"^([a-z0-9_]+:)?[a-z0-9_]+$", description="a loss, or network:loss where the sides differ in network"
    ),
]
SIDES: tuple[Literal["published", "measured"], ...] = ("published", "measured")
COLUMNS = ("task", "network", "loss", "metric", "protocol", "dataset")
"""Of published cells, those that hold a kind of names."""


class Cells(Strict):
    """Which cells a test looks at; an empty list leaves that open."""

    tables: list[str] = Field(default=[], description="tables of results/published; none for what was measured")
    recipes: list[Name] = Field(default=[], description="measured: the paper's, for a claim about its budget alone")
    tasks: list[Name] = Field(default=[])
    networks: list[Name] = Field(default=[])
    datasets: list[Name] = Field(default=[])
    without_datasets: list[Name] = Field(default=[])
    metrics: list[Name] = Field(min_length=1)
    protocols: list[str] = Field(default=[], description="measured: y or grey8 where open, for metrics that have them")
    mean_over_sets: bool = Field(default=False, description="measured: one cell of all test sets, as the paper prints")
    tolerance: float = Field(default=0.0, ge=0, description="what counts as no difference, in the metric's unit")


class Pairs(Cells):
    """A test of pairs of losses."""

    pairs: list[tuple[Side, Side]] = Field(min_length=1)


class Direction(Pairs):
    """The first loss of every pair against the second, in every cell."""

    kind: Literal["direction"]
    sense: Literal["higher", "lower", "better", "worse"]
    or_equal: bool = False
    expected: ClassVar[float | None] = None


class Monotone(Cells):
    """Each loss against the one before it, of those that were planned, where these are three or more."""

    kind: Literal["monotone"]
    sense: Literal["higher", "lower", "better", "worse"]
    losses: list[Name] = Field(min_length=2)
    or_equal: ClassVar = False
    expected: ClassVar[float | None] = None


class LargestAt(Pairs):
    """What the first loss gains over the second is larger on one task than on the others."""

    kind: Literal["largest_at"]
    at: Name
    others: list[Name] = Field(min_length=1)


class Equals(Pairs):
    """The difference of a pair has a stated size."""

    kind: Literal["equals"]
    expected: float
    sense: ClassVar = "higher"
    or_equal: ClassVar = False


class Bound(Cells):
    """A value lies above or below a number: a share of pixels, a ratio to the ground truth."""

    kind: Literal["bound"]
    losses: list[Side] = Field(min_length=1)
    above: float | None = None
    at_most: float | None = None


class AllOf(Strict):
    """Other claims, which must all hold."""

    kind: Literal["all_of"]
    claims: list[str] = Field(min_length=2)


class NotTestable(Strict):
    """Nothing to test it on."""

    kind: Literal["not_testable"]
    reason: str


CellTest = Direction | Monotone | LargestAt | Equals | Bound
Test = Annotated[CellTest | AllOf | NotTestable, Field(discriminator="kind")]


class Claim(Strict):
    """One claim of one paper, tested on its published cells and on what the study measured."""

    paper: str
    where: str = Field(description="where the paper says so")
    statement: str = Field(description="in our words")
    published: list[Test] = Field(min_length=1)
    measured: list[Test] = Field(min_length=1)
    note: str = ""

    @property
    def papers(self) -> list[str]:
        """List the papers that it is about: mostly one, else as "SPLoss and GV"."""
        return self.paper.split(" and ")


class ExtraNames(Strict):
    """Names that claims use beyond those of the studies and published tables: what a study may come to have."""

    tasks: list[Name] = Field(default=[])
    networks: list[Name] = Field(default=[])
    losses: list[Name] = Field(default=[])
    metrics: list[Name] = Field(default=[])
    protocols: list[str] = Field(default=[])
    datasets: list[Name] = Field(default=[])


class Claims(About):
    """claims.yaml."""

    names: ExtraNames = ExtraNames()
    claims: dict[str, Claim]


def load_claims(root: Path) -> Claims:
    """Read claims.yaml of the repository in `root` and look up every name in it; a UserError names what nothing has."""
    content = load_model(root / "claims.yaml", Claims)
    known = known_names(root, content.names) | {"claim": set(content.claims), "paper": set(content.papers)}
    named = [
        (key, side, *found)
        for key, claim in content.claims.items()
        for side in SIDES
        for test in getattr(claim, side)
        for found in _names_of(test)
    ] + [(place, "", *found) for place, found in _names_beside(content)]
    for key, _, kind, name in named:
        if name not in known[kind]:
            raise UserError(f"claims.yaml, {key}: {unknown(kind, name, known[kind])}")
    joining = {(key, side) for key, side, kind, _ in named if kind == "claim"}
    for key, side, kind, name in named:
        if kind == "claim" and (name, side) in joining:
            raise UserError(
                f"claims.yaml, {key}: its test '{side}' joins {name}, which joins other claims itself: name those here."
            )
    cells = published_cells(root)
    for key, claim in content.claims.items():
        for test in claim.published:
            if isinstance(test, Cells):
                _check_tables(cells, key, test)
    return content


def _check_tables(cells: pd.DataFrame, key: str, test: Cells) -> None:
    """Refuse a test of published cells that asks its tables for what none of them has: it would find no cells."""
    rows = cells[cells["table"].isin(test.tables)] if test.tables else cells
    for kind, name in _names_of(test.model_copy(update={"without_datasets": []})):
        column = kind.replace("data set", "dataset")
        if column in COLUMNS and name not in (known := set(rows[column].astype(str))):
            tables = ", ".join(test.tables) or "any table"
            raise UserError(f"claims.yaml, {key}, published in {tables}: {unknown(kind, name, known)}")


def known_names(root: Path, extra: ExtraNames) -> dict[str, set[str]]:
    """Return every name that a claim may use: those of params.yaml, studies/, published tables and `extra`."""
    files = [root / "params.yaml", *sorted((root / "studies").glob("*.yaml"))]
    studies, index = [load_params(path) for path in files if path.is_file()], load_index(root)
    tables = list(index.tables.values())
    sets = [name for name, asset in ASSETS.items() if asset.kind == "dataset"]
    published_tasks = [name for table in tables for task in table.tasks.values() for name in task]
    published_losses = [*index.names.losses.values(), *(loss for table in tables for loss in table.losses.values())]
    return {
        "table": {*index.tables, *index.reference},
        "recipe": _of(studies, "recipes"),
        "task": {*_of(studies, "tasks"), *extra.tasks, *published_tasks},
        "network": {*_of(studies, "networks"), *extra.networks, *index.names.networks.values()},
        "loss": {*_of(studies, "losses"), *extra.losses, *REFERENCES, *published_losses},
        "metric": {*METRIC_INFO, *extra.metrics},
        "protocol": {*PROTOCOLS, *extra.protocols, *(to for table in tables for _, to in table.metrics.values())},
        "data set": {*sets, *_of(studies, "datasets"), *extra.datasets, *map(str.lower, index.names.datasets)},
    }


def _of(studies: list[Params], section: str) -> set[str]:
    return {str(name) for study in studies for name in getattr(study, section)}


def _names_beside(content: Claims) -> Iterator[tuple[str, tuple[str, str]]]:
    """List the names that stand beside the tests: their place, and each name with its kind."""
    yield from ((key, ("paper", name)) for key, claim in content.claims.items() for name in claim.papers)
    for name, paper in content.papers.items():
        losses = [paper.loss, *paper.losses, *(paper.table.losses if paper.table else [])]
        metrics = [*paper.metrics.values(), *(paper.table.measures if paper.table else [])]
        yield from ((f"papers.{name}", ("loss", loss)) for loss in losses)
        yield from ((f"papers.{name}", ("metric", metric)) for metric in metrics)
    subject = content.subject
    yield from (("subject", ("loss", loss)) for loss in (subject.loss, *subject.budgets))
    yield "subject", ("claim", subject.claim)


def _names_of(test: Any) -> Iterator[tuple[str, str]]:
    """List every name in a test with its kind."""
    if isinstance(test, AllOf):
        yield from (("claim", name) for name in test.claims)
    if isinstance(test, CellTest):
        tasks = [test.at, *test.others] if isinstance(test, LargestAt) else []
        sides = [side for pair in test.pairs for side in pair] if isinstance(test, Pairs) else test.losses
        named = {
            "table": test.tables,
            "recipe": test.recipes,
            "task": [*test.tasks, *tasks],
            "network": [*test.networks, *(side.rpartition(":")[0] for side in sides if ":" in side)],
            "data set": [*test.datasets, *test.without_datasets],
            "metric": test.metrics,
            "protocol": test.protocols,
            "loss": [side.rpartition(":")[2] for side in sides],
        }
        yield from ((kind, name) for kind, names in named.items() for name in names)
