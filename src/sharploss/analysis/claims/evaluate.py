"""Each claim tested on its paper's published cells and on what was measured: supported, contradicted or undecided."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sharploss.analysis.claims.anomalies import anomalies
from sharploss.analysis.claims.contrasts import Contrast, Scored, Source, contrasts, scored
from sharploss.analysis.claims.pooled_effect import pooled
from sharploss.analysis.claims.sources import measured_source, published_source
from sharploss.analysis.claims.spec import SIDES, AllOf, CellTest, Claim, NotTestable, Test, load_claims
from sharploss.analysis.claims.summary import write_pages
from sharploss.analysis.load import load_study
from sharploss.analysis.stats.effect_sizes import holm, p_value
from sharploss.analysis.stats.intervals import mean_interval
from sharploss.analysis.study import Study
from sharploss.utils.files import write_json

if TYPE_CHECKING:
    from sharploss.analysis.claims.contrasts import Cell

SUPPORTED, CONTRADICTED, UNDECIDED, NOT_TESTABLE = "supported", "contradicted", "undecided", "not testable"
OUTCOMES = ("for", "tie", "open", "missing", "against")
"""What a cell can show, the least favourable last."""

LEVEL = 0.05
ROUNDING = 1e-9
"""Published numbers are decimals: what differs by less than this differs by binary rounding alone."""


class ClaimResult(NamedTuple):
    """One contrast and what it shows.

    Attributes:
        outcome: one of OUTCOMES; "open": the interval spans no effect, "missing": scores of a planned seed are missing.
        scored: what there is of it.
    """

    contrast: Contrast
    outcome: str
    mean: float
    low: float
    high: float
    p: float
    scored: Scored


def evaluate_claims(study: str, root: Path) -> dict[str, Any]:
    """Evaluate every claim on a study; write claims.json, and the tables and a page per paper to its folder `claims`.

    Returns:
        What claims.json holds: `study` (its name), `papers` (paper -> its page), `claims` (key -> paper, where,
        statement, note, published, measured) and `anomalies`.

    Raises:
        UserError: claims.yaml names what does not exist, or a result is missing or damaged; the message names it.
    """
    return write_claims(load_study(study, root))


def write_claims(study: Study) -> dict[str, Any]:
    """Do what `evaluate_claims` does for a study that was read."""
    spec = load_claims(study.root)
    claims = evaluate_all(spec.claims, published_source(study.root), study)
    found = {"study": study.params.study, "papers": spec.papers, "claims": claims, "anomalies": anomalies(study.root)}
    write_json(study.paths.claims, found)
    write_pages(study.paths.claim_pages, found)
    return found


def evaluate_all(claims: dict[str, Claim], published: Source, study: Study) -> dict[str, dict[str, Any]]:
    """Evaluate each claim twice: key -> the claim's text and the verdicts "published" and "measured"."""
    sources, found = {"published": published, "measured": measured_source(study)}, dict[str, dict[str, Any]]()
    for side in SIDES:
        found[side] = {}
        # Claims that join others come after them; those join none themselves (`load_claims`).
        for key in sorted(claims, key=lambda key: any(isinstance(test, AllOf) for test in getattr(claims[key], side))):
            tests = getattr(claims[key], side)
            found[side][key] = verdict(tests, sources[side], found[side], exact=side == "published")
    return {
        key: claim.model_dump(include={"paper", "where", "statement", "note"})
        | {side: found[side][key] for side in SIDES}
        for key, claim in claims.items()
    }


def verdict(tests: list[Test], source: Source, others: dict[str, Any], *, exact: bool) -> dict[str, Any]:
    """Evaluate a claim's tests on one source; all of them must hold.

    `others` are verdicts of the claims that it joins (`all_of`); `exact` numbers are published ones, without spread.

    Returns:
        verdict, why (a sentence), seeds (how many trainings stand behind the measured cell that has the fewest; None
        where nothing trained was measured, as of published cells), cells (how many are for, against, tie, open,
        missing), by (the same per table or recipe, network and metric), effects (per metric: the mean change in the
        metric's unit, with its interval where it was measured), and exceptions
        (cells not for it).
    """
    for test in tests:
        if isinstance(test, NotTestable):
            return _empty(NOT_TESTABLE, test.reason)
    if joined := [name for test in tests if isinstance(test, AllOf) for name in test.claims]:
        return _all_of({name: others[name] for name in joined})
    asked = {recipe for test in tests if isinstance(test, CellTest) for recipe in test.recipes}
    if asked and not any(cell.block in asked for cell in source.cells):
        why = f"It is about the paper's own budget (recipes: {', '.join(sorted(asked))}); this study has no such runs."
        return _empty(NOT_TESTABLE, why)
    by_test = [
        [examine(one, source, exact=exact) for one in contrasts(test, source)]
        for test in tests
        if isinstance(test, CellTest)
    ]
    results = [one for part in by_test for one in part]
    cells = _cells(results)
    word, why = conclude(cells, results, exact=exact)
    return {
        "verdict": word,
        "why": f"{why}{_left_out(results)}",
        "seeds": None if exact else _seeds(results),
        "cells": _count(cells.values()),
        "by": {name: _by(cells, name) for name in ("block", "network", "metric")},
        "effects": _effects(by_test, exact=exact),
        "exceptions": [_described(one) for one in results if one.outcome not in ("for", "missing")],
    }


def examine(contrast: Contrast, source: Source, *, exact: bool) -> ClaimResult:
    """Evaluate one contrast."""
    one = scored(contrast, source)
    if one.table is None or one.lost:  # the seeds that are left are those that went well: they prove nothing
        return ClaimResult(contrast, "missing", math.nan, math.nan, math.nan, math.nan, one._replace(table=None))
    mean, low, high = mean_interval(one.table)
    if exact:
        mean = round(mean, 9)
        low = high = mean
    p = math.nan if exact else p_value(one.table - _tested(contrast, mean))
    return ClaimResult(contrast, outcome(contrast, low, high), mean, low, high, p, one)


def _tested(contrast: Contrast, mean: float) -> float:
    """Return the value that a p-value tests against.

    Zero for a direction. For a size it is what the claim allows that lies nearest to the mean, which is an edge of the
    tolerance: a cell surely off the exact size and within the tolerance is for the claim, not against it.
    """
    if contrast.expected is None:
        return 0.0
    return contrast.expected + min(max(mean - contrast.expected, -contrast.tolerance), contrast.tolerance)


def outcome(contrast: Contrast, low: float, high: float) -> str:
    """Return what an interval shows about a contrast, which the claim wants above zero, or at the expected size."""
    if math.isnan(low):
        return "open"
    slack = contrast.tolerance + ROUNDING
    if contrast.expected is not None:
        low, high = low - contrast.expected, high - contrast.expected
        inside, outside = low >= -slack and high <= slack, low > slack or high < -slack
        return "for" if inside else "against" if outside else "open"
    if low > slack or (contrast.or_equal and low >= -slack):
        return "for"
    if high < -slack:
        return "against"
    return "tie" if low >= -slack and high <= slack else "open"


def conclude(cells: dict[Cell, str], results: list[ClaimResult], *, exact: bool) -> tuple[str, str]:
    """Draw the conclusion from a claim's cells.

    A claim is about all of its cells. It is supported when every cell is for it, each by its own 95 % interval (that
    every cell must pass makes a correction needless: an intersection-union test). It is contradicted when some cell is
    against it, or ties where the claim wants a difference; among measured cells only when that stands after Holm's
    correction for having looked at all cells. Anything else is undecided.
    """
    counts, total = Counter(cells.values()), len(cells)
    if not total:
        return UNDECIDED, "No table has such cells." if exact else "This study has no such runs or measures."
    if counts["for"] == total:
        return SUPPORTED, f"All {total} cells agree."
    against = counts["against"] + counts["tie"] if exact else _confirmed(results)
    if against:
        seeds = _seeds(results)
        known = "" if seeds is None else ", with one seed" if seeds == 1 else f", with {seeds} seeds"
        measured = f"are the other way round after Holm's correction (over images{known})"
        return CONTRADICTED, f"{against} of {total} cells {'are equal or the other way round' if exact else measured}."
    reasons = {
        "open": "have intervals that span no effect",
        "missing": _missing(results),
        "against": "are the other way round, which may be chance among so many",
        "tie": "are equal",
    }
    return UNDECIDED, "; ".join(
        f"{counts[name]} of {total} cells {why}" for name, why in reasons.items() if counts[name]
    ) + "."


def _missing(results: list[ClaimResult]) -> str:
    """Distinguish cells without any scores from those that lost some of their seeds, in words."""
    partly = [one for one in results if 0 < one.scored.lost < one.scored.planned]
    if not partly:
        return "have no scores"
    worst = max((one.scored for one in partly), key=lambda one: one.lost / one.planned)
    cells = len({one.contrast.cell for one in partly})
    return f"lack scores ({cells} of them those of some planned seeds, up to {worst.lost} of {worst.planned})"


def _left_out(results: list[ClaimResult]) -> str:
    """Say, where it is so, that cells are over fewer images than were tested on."""
    fewer = [one for one in results if one.scored.left_out and one.scored.table is not None]
    if not fewer:
        return ""
    most = max(one.scored.left_out for one in fewer)
    return (
        f" In {len({one.contrast.cell for one in fewer})} of the cells images are left out, up to {most}, of which one "
        "side has no finite score."
    )


def _confirmed(results: list[ClaimResult]) -> int:
    """Count the cells that have a contrast against the claim after Holm's correction for all contrasts."""
    adjusted = zip(results, holm(np.array([one.p for one in results])), strict=True)
    return len({one.contrast.cell for one, p in adjusted if one.outcome == "against" and p < LEVEL})


def _seeds(results: list[ClaimResult]) -> int | None:
    """Return the smallest number of seeds behind a measured contrast; what was never trained has none."""
    trained = [one for one in results if any(cell.network for _, cell in one.contrast.terms)]
    return min((one.scored.table.shape[1] for one in trained if one.scored.table is not None), default=None)


def _effects(by_test: list[list[ClaimResult]], *, exact: bool) -> dict[str, Any]:
    """Pool the effects of every test; several tests of one metric are named by what they compare."""
    found: dict[str, Any] = {}
    for part in by_test:
        measured = [(one.contrast, one.scored) for one in part if one.scored.table is not None]
        labels = ", ".join(dict.fromkeys(contrast.label for contrast, _ in measured))
        for metric, effect in pooled(measured, exact=exact).items():
            alone = sum(any(one.contrast.cell.metric == metric for one in other) for other in by_test) == 1
            found[metric if alone else f"{metric}: {labels}"] = effect
    return found


def _cells(results: list[ClaimResult]) -> dict[Cell, str]:
    """Merge contrasts that count as one cell: the least favourable decides."""
    cells: dict[Cell, str] = {}
    for one in results:
        before = cells.get(one.contrast.cell, "for")
        cells[one.contrast.cell] = max(before, one.outcome, key=OUTCOMES.index)
    return cells


def _count(outcomes: Any) -> dict[str, int]:
    counts = Counter(outcomes)
    return {"total": counts.total(), **{name: counts[name] for name in ("for", "against", "tie", "open", "missing")}}


def _by(cells: dict[Cell, str], name: str) -> dict[str, dict[str, int]]:
    groups = dict.fromkeys(str(getattr(cell, name)) for cell in cells)
    return {group: _count(o for cell, o in cells.items() if getattr(cell, name) == group) for group in groups}


def _described(one: ClaimResult) -> dict[str, Any]:
    """Return a contrast as plain values: where, what, and by how much the metric changes."""
    ends = sorted(one.contrast.sense * value for value in (one.low, one.high))
    where = {name: value for name, value in one.contrast.cell._asdict().items() if name != "loss"}
    change = {"change": one.contrast.sense * one.mean, "low": ends[0], "high": ends[1], "p": one.p}
    numbers = {name: None if math.isnan(value) else value for name, value in change.items()}
    return {**where, "what": one.contrast.label, "outcome": one.outcome, **numbers, "left_out": one.scored.left_out}


def _empty(word: str, why: str) -> dict[str, Any]:
    empty: dict[str, Any] = {"cells": _count([]), "by": {}, "effects": {}, "exceptions": []}
    return {"verdict": word, "why": why, "seeds": None, **empty}


def _all_of(parts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Join verdicts: contradicted when one part is, supported when all are."""
    known = {part["verdict"] for part in parts.values()}
    word = CONTRADICTED if CONTRADICTED in known else SUPPORTED if known == {SUPPORTED} else UNDECIDED
    why = ", ".join(f"{name} {part['verdict']}" for name, part in parts.items())
    counts = sum((Counter(part["cells"]) for part in parts.values()), Counter[str]())
    seeds = min((part["seeds"] for part in parts.values() if part["seeds"] is not None), default=None)
    cells = {name: counts[name] for name in _count([])}
    return _empty(word, f"{why[0].upper()}{why[1:]}.") | {"seeds": seeds, "cells": cells}
