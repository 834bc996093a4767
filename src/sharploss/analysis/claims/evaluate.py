"""Each claim tested on its paper's published cells and on what was measured: supported, contradicted or undecided."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from sharploss.analysis import files
from sharploss.analysis.claims.anomalies import anomalies
from sharploss.analysis.claims.contrasts import CellKey, Contrast, Scored, Source, contrasts, scored
from sharploss.analysis.claims.pooled_effect import estimate, pooled
from sharploss.analysis.claims.sources import measured_source, published_source
from sharploss.analysis.claims.spec import SIDES, AllOf, CellTest, Claim, NotTestable, Test, load_claims
from sharploss.analysis.claims.summary import write_pages
from sharploss.analysis.files import CellException, Counts, Effect, EvaluatedClaim, EvaluatedClaims, Verdict
from sharploss.analysis.load import load_study
from sharploss.analysis.stats.effect_sizes import ends, holm, p_value, smallest
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import count

SUPPORTED, CONTRADICTED, NO_DIFFERENCE = "supported", "contradicted", "no material difference"
UNDECIDED, NOT_TRAINED, NOT_TESTABLE = "undecided", "not trained yet", "not testable"
OUTCOMES = ("for", "equal", "open", "missing", "against")  # what a cell can show, the least favourable last
LEVEL = 0.05
SINGULAR = {"are": "is", "have": "has", "lack": "lacks"}
TEXTS = {"paper", "where", "statement", "note"}  # of a claim
ROUNDING = 1e-9  # published numbers are decimals: what differs by less than this differs by binary rounding alone
LONGER = 4  # how many times the steps a contrast must stand, to hold beyond them
OPEN = "are open: the interval reaches both no effect and one that counts, or the effect is too small or may be chance"


class ClaimResult(NamedTuple):
    """What one cell's contrast shows, of one test set or as the mean over several."""

    contrast: Contrast
    outcome: str  # one of OUTCOMES; "missing": scores of a planned seed are missing
    mean: float
    low: float
    high: float
    p: float
    least: float  # the smallest difference that counts
    parts: Sequence[tuple[Contrast, Scored]]  # what there is of it on each test set
    # how far two trainings lie apart is shown by its own seeds ("own") or those of others ("borrowed"), or "assumed";
    # "" where nothing was trained
    spread: str

    @property
    def left_out(self) -> int:
        """How many images some of its cells have a score of, but not all of them a finite one."""
        return sum(one.left_out for _, one in self.parts)


def evaluate_claims(study: str, root: Path) -> EvaluatedClaims:
    """Evaluate every claim on a study; write and return claims.json, and write its tables and a page per paper."""
    return write_claims(load_study(study, root))


def write_claims(study: Study) -> EvaluatedClaims:
    """Do what `evaluate_claims` does for a study that was read."""
    spec = load_claims(study.root)
    claims = evaluate_all(spec.claims, published_source(study.root), study)
    pages = {name: paper.page for name, paper in spec.papers.items()}
    odd = anomalies(study.root)
    found = EvaluatedClaims(study=study.params.study, papers=pages, claims=claims, anomalies=odd)
    files.save_evaluated(study.paths, found)
    write_pages(study.paths.claim_pages, found)
    return found


def evaluate_all(claims: dict[str, Claim], published: Source, study: Study) -> dict[str, EvaluatedClaim]:
    """Evaluate each claim twice: key -> the claim's text and the verdicts "published" and "measured"."""
    sources, found = {"published": published, "measured": measured_source(study)}, dict[str, dict[str, Verdict]]()
    for side in SIDES:
        found[side] = {}
        # Claims that join others come after them; those join none themselves (`load_claims`).
        for key in sorted(claims, key=lambda key: any(isinstance(test, AllOf) for test in getattr(claims[key], side))):
            tests = getattr(claims[key], side)
            found[side][key] = verdict(tests, sources[side], found[side], exact=side == "published")
    return {
        key: cast("EvaluatedClaim", claim.model_dump(include=TEXTS) | {side: found[side][key] for side in SIDES})
        for key, claim in claims.items()
    }


def verdict(tests: list[Test], source: Source, others: dict[str, Verdict], *, exact: bool) -> Verdict:
    """Evaluate a claim's tests on one source; all of them must hold.

    `others` are verdicts of the claims that it joins (`all_of`); `exact` numbers are published ones, without spread.
    Returns verdict, why (a sentence), scope (its budget and seeds, in words), seeds (how many trainings stand behind
    the measured cell that has the fewest; None where nothing trained was measured), cells (how many are for, against,
    equal, open, missing), unqualified (how many more count nowhere, since a run of them does not qualify), by (cells
    per table or recipe, network and metric), effects (per metric: the mean change in its unit, with its interval where
    it was measured), and exceptions (cells not for it).
    """
    for test in tests:
        if isinstance(test, NotTestable):
            return _empty(NOT_TESTABLE, test.reason)
    if joined := [name for test in tests if isinstance(test, AllOf) for name in test.claims]:
        return _all_of({name: others[name] for name in joined})
    asked = {recipe for test in tests if isinstance(test, CellTest) for recipe in test.recipes}
    if asked and not any(cell.block in asked for cell in [*source.cells, *source.absent]):
        why = f"It is about the paper's own budget (recipes: {', '.join(sorted(asked))}); this study has no such runs."
        return _empty(NOT_TESTABLE, why)
    of_cells = [test for test in tests if isinstance(test, CellTest)]
    by_test, out, beyond = list[list[ClaimResult]](), set["CellKey"](), True
    for test in of_cells:
        found = contrasts(test, source)
        out |= {one.cell for one in found if not source.counts(one)}
        counted = _by_cell([one for one in found if source.counts(one)], over_sets=test.mean_over_sets)
        kept, same = _longest([examine(part, source, exact=exact) for part in counted], source)
        by_test.append(kept)
        beyond = beyond and same
    results = _corrected([one for part in by_test for one in part])
    cells = _cells(results)
    word, why = conclude(cells, results, exact=exact) if cells else _without_cells(of_cells, source, len(out), exact)
    more = f" {_count_of(len(out), 'more cell')} not counted: a run does not qualify." if out and cells else ""
    return {
        "verdict": word,
        "why": f"{why}{more}{_left_out(results)}",
        "scope": _scope(results, source, beyond),
        "seeds": None if exact else _seeds(results),
        "cells": _count(cells.values()),
        "unqualified": len(out),
        "by": {name: _by(cells, name) for name in ("block", "network", "metric")},
        "effects": _effects(by_test, source, exact=exact),
        "exceptions": [_described(one) for one in results if one.outcome not in ("for", "missing")],
    }


def _by_cell(found: list[Contrast], *, over_sets: bool) -> list[list[Contrast]]:
    """Group contrasts that are judged together: each by itself, or all test sets of one comparison."""
    if not over_sets:
        return [[one] for one in found]
    groups: dict[tuple[CellKey, str], list[Contrast]] = {}
    for one in found:
        groups.setdefault((one.cell._replace(dataset=""), one.label), []).append(one)
    return list(groups.values())


def examine(group: Sequence[Contrast], source: Source, *, exact: bool) -> ClaimResult:
    """Evaluate one contrast, or the mean of one over several test sets."""
    parts, first, nothing = [(one, scored(one, source)) for one in group], group[0], math.nan
    if len(group) > 1:
        first = first._replace(cell=first.cell._replace(dataset=f"mean of {len(group)} sets"))
    if any(one.table is None or one.lost for _, one in parts):  # seeds that are left went well: they prove nothing
        gone = [(contrast, one._replace(table=None)) for contrast, one in parts]
        return ClaimResult(first, "missing", nothing, nothing, nothing, nothing, nothing, gone, "")
    mean, variance, seeds = estimate(parts, source)
    mean *= first.sense
    if exact:
        mean = round(mean, 9)
        return ClaimResult(first, outcome(first, mean, mean, mean, 0.0), mean, mean, mean, nothing, 0.0, parts, "")
    low, high = ends(mean, variance)
    least = smallest(first.cell.metric, seeds)
    p, trained = p_value(mean - _tested(first, mean), variance), [cell for _, cell in first.terms if cell.network]
    several = all(one.table.shape[1] > 1 for _, one in parts if one.table is not None)
    spread = "own" if several else "borrowed"
    if not all(cell in source.spreads for cell in trained):
        spread = "assumed"
    found = outcome(first, mean, low, high, least)
    return ClaimResult(first, found, mean, low, high, p, least, parts, spread if trained else "")


def _tested(contrast: Contrast, mean: float) -> float:
    """Return the value that a p-value tests against.

    Zero for a direction. For a size it is what the claim allows that lies nearest to the mean, which is an edge of the
    tolerance: a cell surely off the exact size and within the tolerance is for the claim, not against it.
    """
    if contrast.expected is None:
        return 0.0
    return contrast.expected + min(max(mean - contrast.expected, -contrast.tolerance), contrast.tolerance)


def outcome(contrast: Contrast, mean: float, low: float, high: float, least: float) -> str:
    """Return what an interval shows about a contrast, which the claim wants above zero, or at the expected size."""
    if math.isnan(low):
        return "open"
    if contrast.expected is not None:
        slack = contrast.tolerance + ROUNDING
        low, high = low - contrast.expected, high - contrast.expected
        inside, outside = low >= -slack and high <= slack, low > slack or high < -slack
        return "for" if inside else "against" if outside else "open"
    slack = max(contrast.tolerance, least)
    counts, above = abs(mean) >= slack - ROUNDING, low >= -slack - ROUNDING
    if (low > ROUNDING and counts) or (contrast.or_equal and above):
        return "for"
    if high < -ROUNDING and counts:
        return "against"
    return "equal" if above and high <= slack + ROUNDING else "open"


def _corrected(results: list[ClaimResult]) -> list[ClaimResult]:
    """Leave open what is against a claim, but not after Holm's correction for having looked at all of its cells."""
    adjusted = zip(results, holm(np.array([one.p for one in results])), strict=True)
    return [one._replace(outcome="open") if one.outcome == "against" and p >= LEVEL else one for one, p in adjusted]


def _longest(results: list[ClaimResult], source: Source) -> tuple[list[ClaimResult], bool]:
    """Keep, of every comparison, the trainings with most steps; and say whether all of these hold beyond their budget.

    They do where a quarter of the steps gave the same but for less than counts, and L1 is as good as published.
    """

    def place(one: ClaimResult) -> tuple[CellKey, str]:
        return one.contrast.cell._replace(block=""), one.contrast.label

    def steps(one: ClaimResult) -> int:
        return source.steps.get(one.contrast.cell.block, 0)

    def holds(one: ClaimResult) -> bool:
        shorter = [other for other in results if place(other) == place(one) and LONGER * steps(other) <= steps(one)]
        moved = abs(max(shorter, key=steps).mean - one.mean) if shorter else math.inf
        return not steps(one) or (moved < one.least and one.contrast.cell[:3] not in source.short)

    most: dict[tuple[CellKey, str], int] = {}
    for one in results:
        most[place(one)] = max(steps(one), most.get(place(one), 0))
    kept = [one for one in results if steps(one) == most[place(one)]]
    return kept, all(map(holds, kept))


def _scope(results: list[ClaimResult], source: Source, beyond: bool) -> str:
    """State what measured cells are about: their steps, and how their trainings' spread is known."""
    budgets = sorted({source.steps.get(one.contrast.cell.block, 0) for one in results} - {0})
    spreads = {one.spread for one in results}
    seeds = ["preliminary, one seed"] if "assumed" in spreads else ["one seed in part"] if "borrowed" in spreads else []
    span = " to ".join(f"{steps:,}" for steps in dict.fromkeys([*budgets[:1], *budgets[-1:]]))
    return "; ".join([*seeds, *([f"at {span} steps{' and beyond' if beyond else ''}"] if budgets else [])])


def conclude(cells: dict[CellKey, str], results: list[ClaimResult], *, exact: bool) -> tuple[str, str]:
    """Draw the conclusion from a claim's cells.

    A claim is about all of its cells. It is supported when every cell is for it, each by its own 95 % interval (that
    every cell must pass makes a correction needless: an intersection-union test). It is contradicted when some cell is
    against it; of published ones also where it is equal and the claim wants a difference. Measured cells that are all
    equal are a finding of their own. Anything else is undecided.
    """
    counts, total = Counter(cells.values()), len(cells)
    if counts["for"] == total:
        return SUPPORTED, f"All {total} cells agree." if total > 1 else "The 1 cell agrees."
    if counts["equal"] == total and not exact:
        every = f"All {total} cells are" if total > 1 else "The 1 cell is"
        return NO_DIFFERENCE, f"{every} equal within the smallest effects that count."
    if against := counts["against"] + (counts["equal"] if exact else 0):
        how = "are equal or the other way round" if exact else "are the other way round after Holm's correction"
        return CONTRADICTED, f"{_cells_which(against, total, how)}."
    reasons = {"open": OPEN, "missing": _missing(results), "equal": "are equal"}
    return UNDECIDED, "; ".join(
        _cells_which(counts[name], total, why) for name, why in reasons.items() if counts[name]
    ) + "."


def _without_cells(tests: list[CellTest], source: Source, out: int, exact: bool) -> tuple[str, str]:
    """State why a claim has no cells: not one qualifies, nothing was trained yet, or nothing is planned."""
    if out:
        return UNDECIDED, f"None of its {_count_of(out, 'cell')} counted: a run of each does not qualify."
    if exact:
        return UNDECIDED, "No table has such cells."
    whole = Source([*source.cells, *source.absent], {})
    if any(contrasts(test, whole) for test in tests):
        return NOT_TRAINED, "Not trained yet: the study plans such runs and has no results of them."
    return UNDECIDED, "This study has no such runs or measures."


def _cells_which(n: int, total: int, verb: str) -> str:
    """Return "2 of 6 cells are open", "1 of 6 cells is open"; `verb` is plural."""
    first, _, rest = verb.partition(" ")
    return f"{n} of {count(total, 'cell')} {SINGULAR[first] if n == 1 else first} {rest}"


def _count_of(n: int, noun: str) -> str:
    return f"{n} {noun} is" if n == 1 else f"{n} {noun}s are"


def _missing(results: list[ClaimResult]) -> str:
    """Distinguish cells without any scores from those that lost some of their seeds, in words."""
    lost = {one.contrast.cell: part for one in results for _, part in one.parts if 0 < part.lost < part.planned}
    if not lost:
        return "have no scores"
    worst = max(lost.values(), key=lambda one: one.lost / one.planned)
    return f"lack scores ({len(lost)} of them those of some planned seeds, up to {worst.lost} of {worst.planned})"


def _left_out(results: list[ClaimResult]) -> str:
    """State that cells are over fewer images than were tested on; "" where none is."""
    fewer = {one.contrast.cell: one.left_out for one in results if one.left_out and one.outcome != "missing"}
    if not fewer:
        return ""
    most = max(fewer.values())
    return f" In {len(fewer)} of the cells images are left out, up to {most}, of which one side has no finite score."


def _seeds(results: list[ClaimResult]) -> int | None:
    """Return the smallest number of seeds behind a measured contrast; what was never trained has none."""
    tables = [part.table for one in results if one.spread for _, part in one.parts]
    return min((table.shape[1] for table in tables if table is not None), default=None)


def _effects(by_test: list[list[ClaimResult]], source: Source, *, exact: bool) -> dict[str, Effect]:
    """Pool the effects of every test; several tests of one metric are named by what they compare."""
    found: dict[str, Effect] = {}
    for part in by_test:
        measured = [one_set for one in part for one_set in one.parts if one.outcome != "missing"]
        labels = ", ".join(dict.fromkeys(contrast.label for contrast, _ in measured))
        for metric, effect in pooled(measured, source, exact=exact).items():
            alone = sum(any(one.contrast.cell.metric == metric for one in other) for other in by_test) == 1
            found[metric if alone else f"{metric}: {labels}"] = effect
    return found


def _cells(results: list[ClaimResult]) -> dict[CellKey, str]:
    """Merge contrasts that count as one cell: the least favourable decides."""
    cells: dict[CellKey, str] = {}
    for one in results:
        before = cells.get(one.contrast.cell, "for")
        cells[one.contrast.cell] = max(before, one.outcome, key=OUTCOMES.index)
    return cells


def _count(outcomes: Iterable[str]) -> Counts:
    counts = Counter(outcomes)
    return {"total": counts.total(), **{name: counts[name] for name in ("for", "against", "equal", "open", "missing")}}


def _by(cells: dict[CellKey, str], name: str) -> dict[str, Counts]:
    groups = dict.fromkeys(str(getattr(cell, name)) for cell in cells)
    return {group: _count(o for cell, o in cells.items() if getattr(cell, name) == group) for group in groups}


def _described(one: ClaimResult) -> CellException:
    """Return a contrast as plain values: where, what, and by how much the metric changes."""
    ends = sorted(one.contrast.sense * value for value in (one.low, one.high))
    where = {name: value for name, value in one.contrast.cell._asdict().items() if name != "loss"}
    change = {"change": one.contrast.sense * one.mean, "low": ends[0], "high": ends[1], "p": one.p}
    numbers = {name: None if math.isnan(value) else value for name, value in change.items()}
    about = {**where, "what": one.contrast.label, "outcome": one.outcome, **numbers, "left_out": one.left_out}
    return cast("CellException", about)


def _empty(word: str, why: str) -> Verdict:
    empty: dict[str, Any] = {"cells": _count([]), "unqualified": 0, "by": {}, "effects": {}, "exceptions": []}
    return cast("Verdict", {"verdict": word, "why": why, "scope": "", "seeds": None, **empty})


def _all_of(parts: dict[str, Verdict]) -> Verdict:
    """Join verdicts: contradicted when one part is, else what all parts are, else undecided."""
    known = {part["verdict"] for part in parts.values()}
    word = CONTRADICTED if CONTRADICTED in known else known.pop() if len(known) == 1 else UNDECIDED
    why = ", ".join(f"{name} {part['verdict']}" for name, part in parts.items())
    counts = sum((Counter(part["cells"]) for part in parts.values()), Counter[str]())
    seeds = min((part["seeds"] for part in parts.values() if part["seeds"] is not None), default=None)
    cells = {name: counts[name] for name in _count([])}
    scope = " / ".join(dict.fromkeys(part["scope"] for part in parts.values() if part["scope"]))
    out = sum(part["unqualified"] for part in parts.values())
    joined = _empty(word, f"{why[0].upper()}{why[1:]}.")
    return {**joined, "scope": scope, "seeds": seeds, "cells": cells, "unqualified": out}
