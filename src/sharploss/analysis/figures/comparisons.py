"""What several papers' figures compare: pairs of losses, changes against a loss, sweeps of a term's weight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sharploss.analysis.figures.study_figure import StudyFigure, file_name, labelled, not_drawn
from sharploss.analysis.measures import Measure, heading, is_shown
from sharploss.analysis.plotting.lines import lines_figure
from sharploss.analysis.stats.families import weight_sweep
from sharploss.analysis.stats.intervals import differences
from sharploss.analysis.tables.tables import first_tested

if TYPE_CHECKING:
    import pandas as pd

    from sharploss.analysis.study import Study

SWEEP_METRICS = ("psnr", "lpips", "gradient_variance_ratio")
PAIR_COLUMNS = ["group", "task", "network", "base", "loss", "base_variant", "variant"]


def trained_pairs(study: Study, pairs: list[tuple[str, str]]) -> pd.DataFrame:
    """List the pairs of losses (a base, and what replaces it) that a network was trained with by the same recipe.

    Returns:
        Columns PAIR_COLUMNS; `base_variant` and `variant` are what their crops and curves are named by.
    """
    import pandas as pd

    runs = study.runs[study.runs["status"] == "finished"]
    rows: list[tuple[str, ...]] = []
    for key, part in runs.groupby(["group", "task", "network", "recipe"], sort=False):
        named = dict(zip(part["loss"], part["variant"], strict=True))
        where = tuple(map(str, key[:3]))  # pyright: ignore[reportIndexIssue]
        both = [(base, loss) for base, loss in pairs if base in named and loss in named]
        rows += [(*where, base, loss, named[base], named[loss]) for base, loss in both]
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def shown(study: Study, measured: pd.DataFrame, metrics: tuple[str, ...]) -> list[Measure]:
    """List the measures of some metrics that a figure shows, of those that its rows have (columns metric, protocol).

    PSNR and SSIM are shown as they stand for fidelity, which differs between colour and grey tasks: rows of both kinds
    give a measure each.
    """
    here = set(zip(measured["metric"], measured["protocol"], strict=True))
    found = [measure for measure in study.measures if measure in here and is_shown(measure)]
    return [measure for metric in metrics for measure in found if measure[0] == metric]


def by_measure(rows: pd.DataFrame, measures: list[Measure]) -> pd.DataFrame:
    """Keep the rows of some measures, in that order, and name each one's panel."""
    import pandas as pd

    parts = [
        rows[(rows["metric"] == metric) & (rows["protocol"] == protocol)].assign(panel=heading((metric, protocol)))
        for metric, protocol in measures
    ]
    return pd.concat(parts or [rows[:0].assign(panel="")], ignore_index=True)


def changes_against(study: Study, task: str, dataset: str, losses: set[str], base: str) -> pd.DataFrame:
    """Return the changes of losses against another one of the same task, network and recipe.

    Returns:
        Columns row (the loss), series (the network, with its recipe where there are several), metric, protocol, value
        (the mean change), low, high.
    """
    scores = study.counted[(study.counted["task"] == task) & (study.counted["dataset"] == dataset)]
    found = differences(scores[scores["loss"].isin({*losses, base})], [base], study.spreads)
    names = {"loss": "row", "network": "series", "difference": "value"}
    return labelled(study, found).rename(columns=names)[["row", "series", "metric", "protocol", "value", "low", "high"]]


def weight_sweeps(
    study: Study, terms: Sequence[str], about: tuple[str, str, str], axis: str = "weight"
) -> Iterator[StudyFigure]:
    """Draw the sweeps of some terms' weights, those beside the same loss in one figure.

    `about` holds name, section and caption of the figures, `axis` says what the weights are.
    """
    name, section, caption = about
    found = weight_sweep(study).merge(first_tested(study), on=["task", "dataset"])
    found = found[found["term"].isin(terms)]
    if found.empty:
        why = f"No two weights of {' or '.join(terms)} were trained beside the loss without it."
        yield not_drawn(name, section, f"{caption}.", why)
    for key, part in labelled(study, found).groupby(["task", "network", "against", "dataset"], sort=False):
        task, network, against, dataset = map(str, key)  # pyright: ignore[reportArgumentType]
        rows = by_measure(part, shown(study, part, SWEEP_METRICS)).rename(columns={"weight": "x", "value": "y"})
        if rows.empty:
            why = f"None of {', '.join(SWEEP_METRICS)} was measured."
            yield not_drawn(f"{name}_{task}_{file_name(network)}_{against}", section, f"{caption}.", why)
            continue
        levels = rows.assign(line=against, y=rows["baseline"]).drop_duplicates("panel")
        yield StudyFigure(
            f"{name}_{task}_{file_name(network)}_{against}",
            section,
            lines_figure(rows.assign(line=rows["term"]), axis, columns=3, log_x=True, levels=levels),
            f"{caption}, beside {against}; {network}, {task}, {dataset}. The dashed line is {against} alone; bands "
            "are 95 % intervals of the paired difference.",
            "Line plots of measures against the weight of a term, on a log scale.",
        )
