"""What counts as evidence: which runs qualify, and how far two trainings of one loss lie apart."""

from __future__ import annotations

from typing import cast

import pandas as pd

from sharploss.analysis.stats.effect_sizes import Variance
from sharploss.analysis.stats.intervals import CELL, TRAINED
from sharploss.analysis.stats.smallest import LEAST_GAIN
from sharploss.config.protocols import MAIN, REFERENCES

Spreads = dict[tuple[str, ...], Variance]  # of every cell (CELL) the variance of one training's mean


def qualified(runs: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Decide which runs count: those that finished, below their input in PSNR on no test set, well above on average.

    Returns run, gain (dB over the input, mean over test sets; NaN without scores) and reason: why the run counts
    nowhere, "" where it does. A task without an input baseline has nothing to be judged by.
    """
    truth = scores[(scores["metric"] == "psnr") & scores["protocol"].isin(MAIN)]
    means = truth.groupby(["task", "run", "loss", "dataset"], sort=False)["value"].mean().reset_index()
    inputs = means["loss"].isin(REFERENCES)
    start = means.loc[inputs, ["task", "dataset", "value"]].rename(columns={"value": "input"})
    found = means[~inputs].merge(start, on=["task", "dataset"])
    found = found.assign(gain=found["value"] - found["input"]).sort_values("gain", kind="stable")
    lowest = found.drop_duplicates("run")[["run", "gain", "dataset"]].itertuples(index=False, name=None)
    worst = {str(run): (float(gain), str(data)) for run, gain, data in lowest}
    mean = {str(run): float(gain) for run, gain in found.groupby("run")["gain"].mean().items()}
    reasons = list[str]()
    for run, failure in zip(map(str, runs["run"]), map(str, runs["failure"]), strict=True):
        if not failure and worst.get(run, (0.0,))[0] < 0:
            reasons.append(f"{-worst[run][0]:.2f} dB below its input on {worst[run][1]}")
        elif not failure and mean.get(run, LEAST_GAIN) < LEAST_GAIN:
            reasons.append(f"only {mean[run]:.2f} dB above its input on average")
        else:
            reasons.append(failure)
    return runs[["run"]].assign(gain=runs["run"].map(mean), reason=reasons)


def seed_spreads(scores: pd.DataFrame, baseline_of: dict[str, str]) -> Spreads:
    """Pool the variance of trainings that differ in their seed alone.

    Of every task, network, recipe, test set and measure, the mean over images of each training is taken; the variance
    over seeds, of each loss that has several, is averaged by degrees of freedom over a base loss and all losses whose
    baseline that is. A loss borrows the variance of its baseline's pool; a base loss without baseline that of its own.
    Only cells with trainings whose pool has a second seed have one.
    """
    trained = scores[~scores["loss"].isin(REFERENCES)]
    seeds = trained.groupby([*CELL, "seed"], sort=False)["value"].mean().groupby(CELL, sort=False).agg(["var", "count"])
    cells = seeds.reset_index().assign(base=lambda rows: rows["loss"].map(baseline_of).fillna(rows["loss"]))
    shown = cells[cells["count"] > 1].assign(freedom=lambda rows: rows["count"] - 1)
    shown = shown.assign(square=shown["var"] * shown["freedom"])
    keys = [*TRAINED, "dataset", "metric", "protocol", "base"]
    both = pd.concat([shown, shown.assign(base=shown["loss"])]).drop_duplicates([*CELL, "base"])
    pools = both.groupby(keys)[["square", "freedom"]].sum().reset_index()
    found = cells.merge(pools, on=keys)[[*CELL, "square", "freedom"]]
    rows = (cast("tuple[str, ...]", row) for row in found.itertuples(index=False, name=None))
    return {row[:-2]: Variance(float(row[-2]) / float(row[-1]), float(row[-1])) for row in rows}
