"""claims.yaml: what the papers claim, as tests on tables, read strictly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import Field

from sharploss.analysis.published import demo, load_index, published_values
from sharploss.analysis.stats.baselines import Baselines
from sharploss.analysis.strict import load_strict
from sharploss.assets.catalogue import ASSETS
from sharploss.config.params import Params, load_params
from sharploss.config.protocols import METRIC_INFO, PROTOCOLS, REFERENCES
from sharploss.config.tasks import Name, Strict
from sharploss.utils.errors import UserError, unknown

SIDE = r"^([a-z0-9_]+:)?[a-z0-9_]+$"
Side = Annotated[str, Field(pattern=SIDE, description="a loss, or network:loss where the two sides differ in network")]
Sense = Literal["higher", "lower", "better", "worse"]
SIDES: tuple[Literal["published", "measured"], ...] = ("published", "measured")
COLUMNS = {"task": "task", "network": "network", "loss": "loss", "metric": "metric", "protocol": "protocol"} | {
    "data set": "dataset"
}
"""Kinds of names that a published cell has, and the columns that hold them."""


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
    tolerance: float = Field(default=0.0, ge=0, description="what counts as no difference, in the metric's unit")


class Direction(Cells):
    """The first loss of every pair against the second, in every cell."""

    kind: Literal["direction"]
    pairs: list[tuple[Side, Side]] = Field(min_length=1)
    sense: Sense
    or_equal: bool = False


class TradeOff(Cells):
    """The first loss of the pair gains in some metrics and pays in others."""

    kind: Literal["trade_off"]
    pairs: list[tuple[Side, Side]] = Field(min_length=1)
    pays: list[Name] = Field(min_length=1, description="metrics that get worse; those of `metrics` get better")


class Steps(Cells):
    """Losses in an order along which a metric moves one way, step by step."""

    kind: Literal["monotone", "ordering"]
    along: list[Side] = Field(min_length=2)
    sense: Sense


class ArgMax(Cells):
    """One loss is the best, or has the highest or lowest value, among several."""

    kind: Literal["arg_max"]
    at: Side
    among: list[Side] = Field(min_length=1)
    sense: Sense


class LargestAt(Cells):
    """What the first loss gains over the second is larger on one task than on the others."""

    kind: Literal["largest_at"]
    pairs: list[tuple[Side, Side]] = Field(min_length=1)
    at: Name
    others: list[Name] = Field(min_length=1)


class Equals(Cells):
    """The difference of a pair has a stated size."""

    kind: Literal["equals"]
    pairs: list[tuple[Side, Side]] = Field(min_length=1)
    expected: float


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


CellTest = Direction | TradeOff | Steps | ArgMax | LargestAt | Equals | Bound
Test = Annotated[CellTest | AllOf | NotTestable, Field(discriminator="kind")]


class Claim(Strict):
    """One claim of one paper, tested on its published cells and on what the study measured."""

    paper: str
    where: str = Field(description="where the paper says so")
    statement: str = Field(description="in our words")
    published: list[Test] = Field(min_length=1)
    measured: list[Test] = Field(min_length=1)
    note: str = ""


class ExtraNames(Strict):
    """Names that claims use beyond those of the studies and published tables: what a study may come to have."""

    tasks: list[Name] = Field(default=[])
    networks: list[Name] = Field(default=[])
    losses: list[Name] = Field(default=[])
    metrics: list[Name] = Field(default=[])
    protocols: list[str] = Field(default=[])
    datasets: list[Name] = Field(default=[])


class Claims(Strict):
    """claims.yaml."""

    names: ExtraNames = ExtraNames()
    papers: dict[str, Name] = Field(default={}, description="paper -> its page")
    baselines: Baselines | None = None
    claims: dict[str, Claim]


PARTS = (Claim, ExtraNames, Baselines, Direction, TradeOff, Steps, ArgMax, LargestAt, Equals, Bound, AllOf, NotTestable)


def load_claims(root: Path) -> Claims:
    """Read claims.yaml of the repository in `root` and look up every name in it.

    Raises:
        UserError: the file is missing or damaged, or a claim names a metric, protocol, table, task, network, loss,
            data set or claim that nothing has; the message names the claim, the name and the nearest known one. Or
            a published test asks its tables for a name that none of them has, or claims join each other in a circle.
    """
    content = load_strict(root / "claims.yaml", Claims, PARTS)
    known = known_names(root, content.names)
    for key, claim in content.claims.items():
        for test in (*claim.published, *claim.measured):
            for kind, name in _names_of(test):
                _look_up(key, kind, name, content.claims if kind == "claim" else known[kind])
    _check_tables(root, content.claims)
    for side in SIDES:
        in_order(content.claims, side)
    return content


def in_order(claims: dict[str, Claim], side: Literal["published", "measured"]) -> list[str]:
    """Return the claims in an order in which those that join others (`all_of`) come after them.

    Raises:
        UserError: claims join each other in a circle; the message names them.
    """
    joined = {key: _joined(getattr(claim, side)) for key, claim in claims.items()}
    try:
        return list(TopologicalSorter(joined).static_order())
    except CycleError as error:
        first, second, *_ = reversed(cast("list[str]", error.args[1]))
        raise UserError(
            f"claims.yaml, {first}: its test '{side}' joins {second}, which by itself or through others joins {first} "
            "again: take one of them out of the other."
        ) from None


def _joined(tests: list[Any]) -> list[str]:
    return [name for test in tests if isinstance(test, AllOf) for name in test.claims]


def _check_tables(root: Path, claims: dict[str, Claim]) -> None:
    """Refuse a test of published cells that asks its tables for what none of them has: it would find no cells."""
    import pandas as pd

    tested = [(key, test) for key, claim in claims.items() for test in claim.published if isinstance(test, Cells)]
    cells = pd.concat([published_values(root), demo(root)], ignore_index=True) if tested else pd.DataFrame()
    for key, test in tested:
        rows = cells[cells["table"].isin(test.tables)] if test.tables else cells
        for kind, name in _names_of(test.model_copy(update={"without_datasets": []})):
            known = set(rows[COLUMNS[kind]].astype(str)) if kind in COLUMNS else {name}
            if name not in known:
                tables = ", ".join(test.tables) or "any table"
                raise UserError(f"claims.yaml, {key}, published in {tables}: {unknown(kind, name, known)}")


def _look_up(claim: str, kind: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise UserError(f"claims.yaml, {claim}: {unknown(kind, name, known)}")


def known_names(root: Path, extra: ExtraNames) -> dict[str, set[str]]:
    """Return every name that a claim may use: those of params.yaml, studies/, published tables and `extra`."""
    studies, index = _studies(root), load_index(root)
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


def _studies(root: Path) -> list[Params]:
    files = [root / "params.yaml", *sorted((root / "studies").glob("*.yaml"))]
    return [load_params(path) for path in files if path.is_file()]


def _of(studies: list[Params], section: str) -> set[str]:
    return {str(name) for study in studies for name in getattr(study, section)}


def _names_of(test: Any) -> Iterator[tuple[str, str]]:
    """List every name in a test with its kind."""
    if isinstance(test, AllOf):
        yield from (("claim", name) for name in test.claims)
    if not isinstance(test, Cells):
        return
    yield from (("table", name) for name in test.tables)
    yield from (("recipe", name) for name in test.recipes)
    yield from (("task", name) for name in (*test.tasks, *_tasks_of(test)))
    yield from (("network", name) for name in test.networks)
    yield from (("data set", name) for name in (*test.datasets, *test.without_datasets))
    yield from (("metric", name) for name in (*test.metrics, *(test.pays if isinstance(test, TradeOff) else [])))
    yield from (("protocol", name) for name in test.protocols)
    for side in sides_of(test):
        network, _, loss = side.rpartition(":")
        yield "loss", loss
        yield from [("network", network)] if network else []


def _tasks_of(test: Cells) -> list[str]:
    return [test.at, *test.others] if isinstance(test, LargestAt) else []


def sides_of(test: Cells) -> list[str]:
    """List the losses that a test compares, as "loss" or "network:loss"."""
    if isinstance(test, Direction | TradeOff | LargestAt | Equals):
        return [side for pair in test.pairs for side in pair]
    if isinstance(test, Steps):
        return test.along
    if isinstance(test, ArgMax):
        return [test.at, *test.among]
    return test.losses if isinstance(test, Bound) else []
