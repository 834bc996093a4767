"""The claims of the report: what each paper published, what was measured, and all that is behind it."""

from __future__ import annotations

from typing import Any, NamedTuple

from sharploss.analysis.claims.spec import SIDES
from sharploss.analysis.claims.tables import MARKS, effects
from sharploss.analysis.measures import metric_title, number
from sharploss.analysis.tables.layout import Cell, Table, count

VERDICTS = tuple(MARKS)
OUTCOMES = {"against": "the other way round", "tie": "equal"}
MOST = 8
"""How many exceptions of a claim the page lists; claims.json holds all."""

ONE_SEED = "One seed: the verdict is about these trainings; how much others would differ is unknown."
COUNTS = ("for", "against", "tie", "open", "missing")
GROUPS = {"block": "table or recipe", "network": "network", "metric": "metric"}


class Side(NamedTuple):
    """What one source says about a claim.

    Attributes:
        title: "Published" or "Measured".
        verdict: one of VERDICTS.
        why: a sentence.
        caveat: that one seed stands behind some cells, as a sentence; "" where there are more.
        cells: "5 of 6 cells", "" without cells.
        effect: mean changes in words, "" without numbers.
        tables: effects, counts by group, exceptions: those that have rows.
    """

    title: str
    verdict: str
    why: str
    caveat: str
    cells: str
    effect: str
    tables: list[Table]


class Claim(NamedTuple):
    """A claim: its key in claims.yaml, paper, place, words, a note of ours, and both sides."""

    key: str
    paper: str
    where: str
    statement: str
    note: str
    published: Side
    measured: Side


def claims(found: dict[str, Any]) -> list[Claim]:
    """Read the claims of claims.json.

    Args:
        found: its entry `claims`.
    """
    return [
        Claim(
            key,
            str(claim["paper"]),
            str(claim["where"]),
            str(claim["statement"]),
            str(claim["note"]),
            _side(key, "Published", claim["published"]),
            _side(key, "Measured", claim["measured"]),
        )
        for key, claim in found.items()
    ]


def tally(found: list[Claim]) -> Table:
    """Count the verdicts of each paper, published and measured."""
    papers = list(dict.fromkeys(claim.paper for claim in found))
    rows = [_tally_row(paper, [claim for claim in found if claim.paper == paper]) for paper in papers]
    columns = ["paper", "claims", *(f"{side}: {word}" for side in SIDES for word in VERDICTS)]
    return Table("Verdicts by paper: published and measured.", columns, [*rows, _tally_row("all", found)], labels=1)


def _tally_row(paper: str, part: list[Claim]) -> list[Cell]:
    sides = [[claim.published.verdict for claim in part], [claim.measured.verdict for claim in part]]
    numbers = [side.count(word) for side in sides for word in VERDICTS]
    return [Cell(paper), Cell(str(len(part))), *(Cell(str(n)) if n else Cell("·", "gone") for n in numbers)]


def _side(key: str, title: str, side: dict[str, Any]) -> Side:
    name, counts = f"{key}, {title[0].lower()}{title[1:]}", side["cells"]
    made = [_effects(name, side["effects"]), _groups(name, side["by"]), _exceptions(name, side["exceptions"])]
    return Side(
        title,
        side["verdict"],
        side["why"],
        ONE_SEED if side["seeds"] == 1 else "",
        f"{counts['for']} of {count(counts['total'], 'cell')}" if counts["total"] else "",
        effects(side["effects"]),
        [table for table in made if table.rows],
    )


def _effects(name: str, found: dict[str, Any]) -> Table:
    columns = ["measure", "mean change", "95 % interval", "smallest", "largest", "contrasts"]
    rows = [_effect(key, one) for key, one in found.items()]
    return Table(f"{name}: how large the changes are.", columns, rows, labels=1)


def _effect(key: str, one: dict[str, Any]) -> list[Cell]:
    metric, _, what = key.partition(": ")
    return [
        Cell(f"{metric_title(metric)}{f' ({what})' if what else ''}"),
        Cell(number(metric, one["change"], sign=True)),
        Cell(_interval(metric, one["low"], one["high"]) or "—"),
        *(Cell(number(metric, one[end], sign=True)) for end in ("smallest", "largest")),
        Cell(str(one["contrasts"])),
    ]


def _interval(metric: str, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return f"[{number(metric, low, sign=True)}, {number(metric, high, sign=True)}]"


def _groups(name: str, by: dict[str, dict[str, dict[str, int]]]) -> Table:
    """Count cells per table or recipe, network and metric; what has one member alone tells nothing."""
    rows = [
        [Cell(GROUPS[kind]), Cell(metric_title(of)), *(Cell(str(counts[word])) for word in COUNTS)]
        for kind, members in by.items()
        if len(members) > 1
        for of, counts in members.items()
    ]
    columns = ["by", "of", "for", "against", "equal", "open", "missing"]
    caption = f"{name}: cells for the claim and against it (open: the interval spans no effect)."
    return Table(caption, columns, rows, labels=2)


def _exceptions(name: str, found: list[dict[str, Any]]) -> Table:
    rows = [_exception(one) for one in found[:MOST]]
    left = len(found) - len(rows)
    notes = [f"And {left} more, in claims.json."] if left else []
    columns = ["task", "network", "test set", "what", "measure", "change", "95 % interval", "p", "which is"]
    return Table(f"{name}: cells that are not for the claim.", columns, rows, labels=5, notes=notes)


def _exception(one: dict[str, Any]) -> list[Cell]:
    metric = one["metric"]
    known = one["change"] is not None
    # A published number is what it is: its "interval" has no width.
    spread = "" if one["p"] is None else _interval(metric, one["low"], one["high"])
    return [
        *(Cell(str(one[name])) for name in ("task", "network", "dataset", "what")),
        Cell(metric_title(metric)),
        Cell(number(metric, one["change"], sign=True) if known else "—"),
        Cell(spread or "—"),
        Cell("—" if one["p"] is None else f"{one['p']:.3f}"),
        Cell(OUTCOMES.get(str(one["outcome"]), str(one["outcome"]))),
    ]
