"""What several papers' figures compare: pairs of losses, and sweeps of a term's weight."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from sharploss.analysis.figures.study_figure import StudyFigure, file_name, labelled, not_drawn
from sharploss.analysis.measures import heading, is_shown
from sharploss.analysis.plotting.lines import lines_figure
from sharploss.analysis.stats.families import weight_sweep
from sharploss.analysis.tables.tables import first_tested

if TYPE_CHECKING:
    import pandas as pd

    from sharploss.analysis.study import Study

SWEEP_METRICS = ("psnr", "lpips", "gradient_variance_ratio")


def trained_pairs(study: Study, pairs: list[tuple[str, str]]) -> pd.DataFrame:
    """List the pairs of losses (a base, and what replaces it) that a network was trained with by the same recipe.

    Returns:
        Columns group, task, network, recipe, base, loss; base_variant and variant, by which their crops and curves are
        named. The first of `pairs` come first.
    """
    import pandas as pd

    same = ["group", "task", "network", "recipe"]
    runs = study.runs.loc[study.runs["status"] == "finished", [*same, "loss", "variant"]].drop_duplicates()
    asked = pd.DataFrame(pairs, columns=["base", "loss"])
    bases = runs.rename(columns={"loss": "base", "variant": "base_variant"})
    return asked.merge(runs, on="loss").merge(bases, on=[*same, "base"])


def by_measure(study: Study, rows: pd.DataFrame, metrics: Collection[str] = ()) -> pd.DataFrame:
    """Keep the rows of the shown measures of some metrics (or of all), in their order, and name each one's panel.

    PSNR and SSIM of colour and of grey tasks are measures of their own.
    """
    import pandas as pd

    parts = [
        rows[(rows["metric"] == metric) & (rows["protocol"] == protocol)].assign(panel=heading((metric, protocol)))
        for metric, protocol in study.measures
        if is_shown((metric, protocol)) and (not metrics or metric in metrics)
    ]
    return pd.concat(parts or [rows[:0].assign(panel="")], ignore_index=True)


def weight_sweeps(
    study: Study, terms: Collection[str], about: tuple[str, str, str], axis: str = "weight"
) -> Iterator[StudyFigure]:
    """Draw the sweeps of some terms' weights, those beside the same loss in one figure.

    `about` holds name, section and caption of the figures, `axis` says what the weights are.
    """
    name, section, caption = about
    found = weight_sweep(study).merge(first_tested(study), on=["task", "dataset"])
    found = by_measure(study, found[found["term"].isin(terms)], SWEEP_METRICS)
    if found.empty:
        why = f"No two weights of {' or '.join(terms)} were trained beside the loss without it."
        yield not_drawn(name, section, f"{caption}.", why)
    for key, part in labelled(study, found).groupby(["task", "network", "against", "dataset"], sort=False):
        task, network, against, dataset = map(str, key)  # pyright: ignore[reportArgumentType]
        rows = part.assign(line=part["term"], x=part["weight"], y=part["value"])
        levels = rows.assign(line=against, y=rows["baseline"]).drop_duplicates("panel")
        yield StudyFigure(
            f"{name}_{task}_{file_name(network)}_{against}",
            section,
            lines_figure(rows, axis, columns=3, log_x=True, levels=levels),
            f"{caption}, beside {against}; {network}, {task}, {dataset}. The dashed line is {against} alone; bands "
            "are 95 % intervals of the paired difference.",
            "Line plots of measures against the weight of a term, on a log scale.",
        )
