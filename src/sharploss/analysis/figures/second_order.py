"""What the paper on the second-order gradient loss (SOG) claims for every network, as measured."""

from __future__ import annotations

from collections.abc import Iterator

from sharploss.analysis.figures.study_figure import StudyFigure, by_measure, labelled, least_of, on_largest
from sharploss.analysis.measures import metric_title
from sharploss.analysis.plotting.dots import dots_figure
from sharploss.analysis.stats.smallest import BETTER, WORSE, state
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import records
from sharploss.analysis.titles import name_title

NAME = "second_order"
METRICS = ("psnr", "lpips", "fid", "gradient_variance_ratio")


def changes(study: Study) -> Iterator[StudyFigure]:
    """Draw what the second-order term changes for every network that has it, against L1."""
    losses = [loss for loss, terms in study.terms.items() if set(terms) == {"l1", NAME}]
    found = study.compared[study.compared["loss"].isin(losses) & (study.compared["against"] == "l1")]
    found = by_measure(study, labelled(study, on_largest(study, found)), METRICS)
    if found.empty:
        return
    rows, least = found["network"].map(name_title) + ", " + found["task"], least_of(found)
    dots = found.assign(row=rows, series=[study.titles[str(loss)] for loss in found["loss"]], value=found["difference"])
    metric = next(name for name in ("lpips", *METRICS) if name in set(found["metric"]))
    cells = records(found[found["metric"] == metric])
    states = [state(metric, row, row["baseline"]) for row in cells]
    yield StudyFigure(
        NAME,
        "Second-order gradients",
        dots_figure(dots.assign(least=dots["panel"].map(least)), "change against L1"),
        f"Added to L1, the second-order term improves {metric_title(metric)} in {states.count(BETTER)} of {len(cells)} "
        f"trainings and worsens it in {states.count(WORSE)}",
        "The second-order gradient term against L1, per network, on each task's largest test set, with 95 % paired "
        "intervals; in the grey band, and for hollow points, a change counts for nothing. What lies farther out than "
        "an axis reaches is marked at its end. Of the paper the abstract alone is "
        "known: it claims lower LPIPS and FID for every super-resolution network.",
        "Dot plots of the change of each measure, a row per network.",
    )


FIGURES = {NAME: changes}
NEEDS = {NAME: ("L1 with the second-order term, beside L1", r"^l1_second_order$")}
