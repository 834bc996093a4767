"""Which losses are worth their price: the Pareto front of fidelity against perception."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sharploss.analysis.stats.intervals import TRAINED, means
from sharploss.config.protocols import MAIN, REFERENCES

if TYPE_CHECKING:
    import pandas as pd

WHERE = [*TRAINED, "dataset"]


def on_front(truth: npt.ArrayLike, distance: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return which points no other point beats: none is at least as good in both and better in one.

    Args:
        truth: (n,), the larger the better (PSNR).
        distance: (n,), the smaller the better (LPIPS).

    Returns:
        (n,) booleans; points with a NaN are never on the front and beat none; equal points stay together.
    """
    x, y = np.asarray(truth, dtype=np.float64), np.asarray(distance, dtype=np.float64)
    no_worse = (x[None, :] >= x[:, None]) & (y[None, :] <= y[:, None])
    better = (x[None, :] > x[:, None]) | (y[None, :] < y[:, None])
    return ~(no_worse & better).any(axis=1) & ~np.isnan(x) & ~np.isnan(y)


def fronts(scores: pd.DataFrame) -> pd.DataFrame:
    """Return every loss's PSNR (dB) and LPIPS per task, network, recipe and test set, and whether it is on the front.

    Args:
        scores: Study.scores; input baselines are left out.

    Returns:
        Columns task, network, recipe, loss, dataset, psnr, lpips, front; no rows where LPIPS was not measured.
    """
    mean = means(scores[~scores["loss"].isin(REFERENCES)])
    truth = mean[(mean["metric"] == "psnr") & mean["protocol"].isin(MAIN)].rename(columns={"value": "psnr"})
    seen = mean[mean["metric"] == "lpips"].rename(columns={"value": "lpips"})
    keys = [*TRAINED, "loss", "dataset"]
    # With several LPIPS networks the first one counts, as in the tables.
    table = truth[[*keys, "psnr"]].merge(seen[[*keys, "lpips"]].drop_duplicates(keys), on=keys)
    front = np.zeros(len(table), dtype=bool)
    for at in table.groupby(WHERE, sort=False).indices.values():
        front[at] = on_front(table["psnr"].to_numpy()[at], table["lpips"].to_numpy()[at])
    return table.assign(front=front)
