"""What the paper on the second-order gradient loss (SOG) claims for every network, as measured."""

from __future__ import annotations

from collections.abc import Iterator

from sharploss.analysis.figures.study_figure import StudyFigure, by_measure, labelled
from sharploss.analysis.plotting.dots import dots_figure
from sharploss.analysis.study import Study
from sharploss.analysis.tables.tables import first_tested

PAPER, NAME = "SOG", "second_order"
METRICS = ("psnr", "lpips", "fid", "gradient_variance_ratio")


def changes(study: Study) -> Iterator[StudyFigure]:
    """Draw what the second-order term changes for every network that has it, against L1."""
    losses = [loss for loss, terms in study.terms.items() if set(terms) == {"l1", NAME}]
    found = study.compared[study.compared["loss"].isin(losses) & (study.compared["against"] == "l1")]
    found = by_measure(study, labelled(study, found.merge(first_tested(study))), METRICS)
    if found.empty:
        return
    dots = found.assign(row=found["network"] + ", " + found["task"], series=found["loss"], value=found["difference"])
    yield StudyFigure(
        NAME,
        NAME,
        dots_figure(dots, "change against l1"),
        "The second-order gradient term against L1, per network, on each task's first test set, with 95 % paired "
        "intervals. What lies farther out than an axis "
        "reaches is marked at its end; the tables of differences have the numbers. Of the paper the abstract alone is "
        "known: it claims lower LPIPS and FID for every super-resolution network.",
        "Dot plots of the change of each measure, a row per network.",
    )


FIGURES = {NAME: changes}
