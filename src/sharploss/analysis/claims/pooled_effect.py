"""The size of a claimed effect over all of its cells, with an interval over images and seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from sharploss.analysis.claims.contrasts import Contrast
from sharploss.analysis.stats.effect_sizes import margins, standard_error
from sharploss.analysis.stats.intervals import widest
from sharploss.analysis.stats.ranks import draws

Floats = npt.NDArray[np.float64]
RESAMPLES = 4_000


def pooled(found: Sequence[tuple[Contrast, Floats]], *, exact: bool) -> dict[str, dict[str, float | int | None]]:
    """Average the change of each metric over a claim's contrasts.

    Cells share images and seeds, so their errors do not cancel. The contrasts are therefore added up image by image
    within each test set, whatever the task, network or loss (Set5 at x2 and at x4 is the same five images), and seed by
    seed over everything, before their spread is taken. The 95 % interval is made of that as a cell's is
    (`intervals.mean_interval`), with the degrees of freedom of the smallest test set, or of the seeds. Published
    numbers carry no spread: no interval. Nor is there one with one seed where a test set is a single image or number.

    Args:
        found: contrasts and their values, (images, seeds).
        exact: whether the numbers are published ones.

    Returns:
        metric -> change (mean, in the metric's unit; + is up, whatever the claim says), low, high, smallest, largest
        (over contrasts), contrasts (how many).
    """
    metrics = dict.fromkeys(contrast.cell.metric for contrast, _ in found)
    return {
        metric: _effect([pair for pair in found if pair[0].cell.metric == metric], exact=exact) for metric in metrics
    }


def _effect(found: list[tuple[Contrast, Floats]], *, exact: bool) -> dict[str, float | int | None]:
    changes = [contrast.sense * float(table.mean()) for contrast, table in found]
    effect: dict[str, float | int | None] = {
        "change": round(float(np.mean(changes)), 9),
        "low": None,
        "high": None,
        "smallest": round(min(changes), 9),
        "largest": round(max(changes), 9),
        "contrasts": len(found),
    }
    ends = None if exact else _interval(found)
    return effect | {name: round(end, 9) for name, end in zip(("low", "high"), ends or (), strict=False)}


def _interval(found: list[tuple[Contrast, Floats]]) -> tuple[float, float] | None:
    """Return low and high of the mean over contrasts; None where nothing was drawn twice."""
    signed = [(contrast.cell.dataset, *margins(contrast.sense * table / len(found))) for contrast, table in found]
    by_set = _added((dataset, images) for dataset, images, _ in signed)
    by_seed = _added(("", seeds) for _, _, seeds in signed)
    mean = float(sum(part.mean() for part in by_set.values()))
    error, freedom = standard_error(*by_set.values(), *by_seed.values())
    if any(seeds > 1 for _, seeds in by_seed):
        return widest(mean, error, freedom)
    if any(images == 1 for _, images in by_set):
        return None
    drawn = [draws(name, images, RESAMPLES) @ part for (name, images), part in by_set.items()]
    return widest(mean, error, freedom, np.sum(drawn, axis=0))


def _added(parts: Iterable[tuple[str, Floats]]) -> dict[tuple[str, int], Floats]:
    """Add up the arrays of one name and one length, which stand for the same images or seeds."""
    sums: dict[tuple[str, int], Floats] = {}
    for name, part in parts:
        key = (name, len(part))
        sums[key] = sums[key] + part if key in sums else part
    return sums
