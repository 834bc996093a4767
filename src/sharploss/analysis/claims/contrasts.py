"""Claims as contrasts: sums of cells, each with a sign that the claim predicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sharploss.analysis.claims import spec as claims
from sharploss.analysis.measures import Floats, direction
from sharploss.analysis.stats.effect_sizes import Variance
from sharploss.analysis.stats.smallest import counts
from sharploss.config.protocols import MAIN

STANDARD = {"psnr": MAIN, "ssim": MAIN}
"""The protocols that measured claims are tested under where they leave that open: no score counts twice."""


class CellKey(NamedTuple):
    """Where a value stands. `block` is what is never mixed: a published table, or a recipe of the study."""

    block: str
    task: str
    network: str
    dataset: str
    metric: str
    protocol: str
    loss: str


@dataclass(frozen=True)
class Source:
    """Cells to test claims on."""

    cells: list[CellKey]  # every cell that was published, or planned, in order
    # cell -> (images, seeds), NaN where there is no score, infinite PSNR where an image was restored exactly; the
    # images of a test set are in the same order in every cell. A published number is (1, 1). Planned cells without
    # scores are absent.
    values: dict[CellKey, Floats]
    # cell -> the columns of its values that a training was planned for; a cell that is not here was planned with
    # every seed. One column, of what was never trained, stands for all seeds.
    planned: dict[CellKey, frozenset[int]] = field(default_factory=dict[CellKey, frozenset[int]])
    # cell -> the variance of one training's mean, where seeds show it
    spreads: dict[CellKey, Variance] = field(default_factory=dict[CellKey, Variance])
    # block, task, network and loss of planned runs that count nowhere
    unqualified: frozenset[tuple[str, ...]] = frozenset()
    # block -> how many steps its trainings have; none of published tables
    steps: dict[str, int] = field(default_factory=dict[str, int])
    absent: list[CellKey] = field(
        default_factory=list[CellKey]
    )  # the cells of what is planned and has no results at all
    # block, task and network of trainings that are not converged: L1 is below every published reference
    short: frozenset[tuple[str, ...]] = frozenset()

    def counts(self, contrast: Contrast) -> bool:
        """Return whether all runs of a contrast qualify."""
        return all((*cell[:3], cell.loss) not in self.unqualified for _, cell in contrast.terms)


class Contrast(NamedTuple):
    """`constant` plus the weighted sum of cells, which the claim says is positive."""

    cell: CellKey  # what it is counted as: all contrasts with the same `cell` make one
    label: str  # what is compared, in words
    terms: tuple[tuple[float, CellKey], ...]  # weights and cells
    constant: float = 0.0  # added to the sum
    or_equal: bool = False  # whether zero will do
    tolerance: float = 0.0  # what counts as zero, in the metric's unit
    expected: float | None = None  # the size that the sum should have, within the tolerance; None for a direction
    sense: int = 1  # +1 where a larger value of the metric fulfils the claim, else -1; the terms carry it


def contrasts(test: claims.CellTest, source: Source) -> list[Contrast]:
    """Return the contrasts of a test, for all cells whose every side was published or planned."""
    known = set(source.cells)
    made = [contrast for cell in _contexts(test, source) for contrast in _of(test, cell, known)]
    unique = {(contrast.cell, contrast.terms): contrast for contrast in made}
    return [one for one in unique.values() if all(cell in known for _, cell in one.terms)]


def _contexts(test: claims.CellTest, source: Source) -> list[CellKey]:
    """List the cells that a test looks at, without their losses."""
    wanted = {"block": {*test.tables, *test.recipes}, "task": set(test.tasks), "network": set(test.networks)}
    wanted |= {"dataset": set(test.datasets), "metric": set(test.metrics), "protocol": set(test.protocols)}
    standard = {} if test.protocols or test.tables else STANDARD  # a published table has one protocol for each metric
    cells = (
        cell._replace(loss="")
        for cell in source.cells
        if all(not names or getattr(cell, name) in names for name, names in wanted.items())
        and cell.dataset not in test.without_datasets
        and cell.protocol in standard.get(cell.metric, (cell.protocol,))
        and (test.tables or counts(cell.metric, cell.dataset))
    )
    return list(dict.fromkeys(cells))


def _of(test: claims.CellTest, cell: CellKey, known: set[CellKey]) -> Iterator[Contrast]:
    if isinstance(test, claims.LargestAt):
        yield from _largest(test, cell)
    elif isinstance(test, claims.Bound):
        yield from _bounds(test, cell)
    elif isinstance(test, claims.Monotone):
        planned = [loss for loss in test.losses if at(cell, loss) in known]
        if len(planned) > 2:  # two are a pair, and no sweep
            yield from _pairs(test, cell, list(zip(planned[1:], planned[:-1], strict=True)))
    else:
        yield from _pairs(test, cell, test.pairs)


def sign(metric: str, sense: str) -> int:
    """Return +1 where the claim wants a metric to be larger, -1 where smaller."""
    if sense in ("better", "worse"):
        up = direction(metric) != "lower"
        return 1 if up == (sense == "better") else -1
    return 1 if sense == "higher" else -1


def at(cell: CellKey, side: str) -> CellKey:
    """Return the cell of one side of a comparison, "loss" or "network:loss"."""
    network, _, loss = side.rpartition(":")
    return cell._replace(loss=loss, network=network or cell.network)


def _pairs(
    test: claims.Direction | claims.Equals | claims.Monotone, cell: CellKey, pairs: list[tuple[str, str]]
) -> Iterator[Contrast]:
    way = sign(cell.metric, test.sense)
    for one, other in pairs:
        first, second, label = at(cell, one), at(cell, other), f"{one} against {other}"
        yield Contrast(
            first._replace(loss=label),
            label,
            ((float(way), first), (float(-way), second)),
            or_equal=test.or_equal,
            tolerance=test.tolerance,
            expected=test.expected,
            sense=way,
        )


def _largest(test: claims.LargestAt, cell: CellKey) -> Iterator[Contrast]:
    if cell.task != test.at:
        return
    way = float(sign(cell.metric, "better"))
    for pair in test.pairs:
        mine = [(way, at(cell, pair[0])), (-way, at(cell, pair[1]))]
        label = f"what {pair[0]} gains over {pair[1]}"
        for other in test.others:
            theirs = [(-weight, one._replace(task=other)) for weight, one in mine]
            counted = mine[0][1]._replace(loss=label)
            yield Contrast(
                counted, f"{label}, against {other}", (*mine, *theirs), tolerance=test.tolerance, sense=int(way)
            )


def _bounds(test: claims.Bound, cell: CellKey) -> Iterator[Contrast]:
    for side in test.losses:
        one = at(cell, side)
        for limit, way in ((test.above, 1), (test.at_most, -1)):
            if limit is not None:
                yield Contrast(
                    one._replace(loss=f"{side} {'above' if way > 0 else 'at most'} {limit:g}"),
                    f"{side} from {limit:g}",
                    ((float(way), one),),
                    constant=-way * limit,
                    or_equal=way < 0,
                    tolerance=test.tolerance,
                    sense=way,
                )


class Scored(NamedTuple):
    """What there is of a contrast."""

    # (images, seeds), over those on which every cell has a finite score; None where there are none
    table: Floats | None
    places: npt.NDArray[np.bool_]  # which of the test set's images these are
    left_out: int  # how many images some of its cells have a score of, but not all of them a finite one
    lost: int  # how many of the seeds that were planned for all of its cells lack scores, as after divergence
    planned: int  # how many those are


def scored(contrast: Contrast, source: Source) -> Scored:
    """Add up a contrast image by image and seed by seed, and count the images and planned seeds that are not in it."""
    cells = [cell for _, cell in contrast.terms]
    tables = [source.values[cell] for cell in cells if cell in source.values]
    due = set(range(max((table.shape[1] for table in tables), default=0)))
    due = due.intersection(*(source.planned[cell] for cell in cells if cell in source.planned))
    if len(tables) < len(cells):
        return Scored(None, np.empty(0, dtype=bool), 0, len(due), len(due))
    with np.errstate(invalid="ignore"):  # infinite PSNR minus infinite PSNR
        total = sum(weight * source.values[cell] for weight, cell in contrast.terms) + np.float64(contrast.constant)
    table = np.where(np.isfinite(total), total, np.nan)
    # A seed is lost where it has no score at all; an image is left out where a seed that is there lacks it.
    seeds = ~np.isnan(table).all(axis=0)
    images = ~np.isnan(table[:, seeds]).any(axis=1)
    there = np.stack([~np.isnan(one).all(axis=1) for one in tables]).any(axis=0)
    kept = table[np.ix_(images, seeds)]
    lost = due.difference(np.flatnonzero(seeds).tolist())
    left_out = int((there & ~images).sum())
    return Scored(kept if kept.size else None, np.asarray(images), left_out, len(lost), len(due))
