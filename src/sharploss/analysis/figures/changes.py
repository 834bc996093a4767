"""What losses change against another one, as several papers' figures compare them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharploss.analysis.figures.study_figure import labelled
from sharploss.analysis.measures import Measure, is_shown, measures_of
from sharploss.analysis.stats.intervals import differences

if TYPE_CHECKING:
    import pandas as pd

    from sharploss.analysis.load import Study


def shown(study: Study, measured: pd.DataFrame, metrics: tuple[str, ...]) -> list[Measure]:
    """List the measures of some metrics that a figure shows, of those that its rows have (columns metric, protocol).

    PSNR and SSIM are shown as they stand for fidelity, which differs between colour and grey tasks: rows of both kinds
    give a measure each.
    """
    here = set(zip(measured["metric"], measured["protocol"], strict=True))
    found = [measure for measure in measures_of(study) if measure in here and is_shown(measure)]
    return [measure for metric in metrics for measure in found if measure[0] == metric]


def changes_against(study: Study, task: str, dataset: str, losses: set[str], base: str) -> pd.DataFrame:
    """Return the changes of losses against another one of the same task, network and recipe.

    Returns:
        Columns row (the loss), series (the network, with its recipe where there are several), metric, protocol,
        difference, low, high.
    """
    scores = study.scores[(study.scores["task"] == task) & (study.scores["dataset"] == dataset)]
    found = differences(scores[scores["loss"].isin({*losses, base})], [base])
    found = labelled(study, found).rename(columns={"loss": "row", "network": "series"})
    return found[["row", "series", "metric", "protocol", "difference", "low", "high"]]
