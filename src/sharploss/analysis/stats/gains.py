"""Whether a loss is better or only faster: its lead over its baseline, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharploss.analysis.stats.intervals import TRAINED

if TYPE_CHECKING:
    import pandas as pd

    from sharploss.analysis.study import Study

COLUMNS = [*TRAINED, "loss", "against", "seed", "step", "gain", "steps"]


def gains(study: Study) -> pd.DataFrame:
    """Return the lead in validation PSNR of each loss over its baseline at the same step, from the record.

    Returns:
        Columns task, network, recipe, loss, against (the baseline, trained with the same network, recipe and seed),
        seed, step, gain (dB; above 0 the loss leads), steps (how many the whole training has). Losses without a
        trained baseline have no rows.
    """
    lines = study.history[study.history["event"] == "validation"][["run", "step", "psnr_y"]]
    lines = lines.merge(study.runs[["run", *TRAINED, "loss", "seed"]], on="run")
    lines["against"] = lines["loss"].map(study.baseline_of)
    same = [*TRAINED, "seed", "step"]
    base = lines[[*same, "loss", "psnr_y"]].rename(columns={"loss": "against", "psnr_y": "base"})
    joined = lines.dropna(subset=["against"]).merge(base, on=[*same, "against"])
    joined["gain"] = joined["psnr_y"].astype(float) - joined["base"].astype(float)
    joined["steps"] = joined.groupby([*TRAINED, "loss", "seed"])["step"].transform("max")
    return joined[COLUMNS].reset_index(drop=True)
