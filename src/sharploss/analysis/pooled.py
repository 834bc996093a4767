"""The size of a claimed effect over all of its cells, with an interval over images and seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sharploss.analysis.contrasts import Contrast
from sharploss.analysis.ranks import draws

Floats = npt.NDArray[np.float64]
RESAMPLES = 4_000


def pooled(found: Sequence[tuple[Contrast, Floats]], *, exact: bool) -> dict[str, dict[str, float | int | None]]:
    """Average the change of each metric over a claim's contrasts.

    Images are resampled once per task and test set, the same ones for every network and loss, and seeds once for all,
    so that the interval (95 %, percentile) allows for cells sharing them. Printed numbers carry no spread: no interval.

    Args:
        found: contrasts and their values, (images, seeds).
        exact: whether the numbers are printed ones.

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
    if exact or all(table.size == 1 for _, table in found):
        return effect
    drawn = np.mean([contrast.sense * _resampled(contrast, table) for contrast, table in found], axis=0)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return effect | {"low": round(float(low), 9), "high": round(float(high), 9)}


def _resampled(contrast: Contrast, table: Floats) -> Floats:
    images, seeds = table.shape
    by_image = draws(f"{contrast.cell.task} {contrast.cell.dataset}", images, RESAMPLES)
    by_seed = draws("seeds", seeds, RESAMPLES)
    return np.einsum("bi,is,bs->b", by_image, table, by_seed, optimize=True)
