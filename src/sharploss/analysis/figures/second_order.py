"""The figures of the paper on the second-order gradient loss (SOG), as measured."""

from __future__ import annotations

from collections.abc import Iterator

from sharploss.analysis.figures.comparisons import by_measure, changes_against, shown, weight_sweeps
from sharploss.analysis.figures.study_figure import StudyFigure, not_drawn
from sharploss.analysis.plotting.dots import FAR, dots_figure
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import records
from sharploss.analysis.tables.tables import first_tested

PAPER, NAME = "SOG", "second_order"
METRICS = ("psnr", "lpips", "fid", "gradient_variance_ratio")


def weights(study: Study) -> Iterator[StudyFigure]:
    """Draw the sweeps of the second-order term's weight."""
    about = (f"{NAME}_weights", NAME, "Weight of the second-order gradient term")
    return weight_sweeps(study, TERMS, about)


def changes(study: Study) -> Iterator[StudyFigure]:
    """Draw what the second-order term changes for every network that has it, against L1."""
    import pandas as pd

    caption = "The second-order gradient term against L1, per network"
    losses = {loss for loss, terms in study.terms.items() if set(terms) == {"l1", *TERMS}}
    parts = [
        changes_against(study, str(row["task"]), str(row["dataset"]), losses, "l1").assign(task=row["task"])
        for row in records(first_tested(study))
    ]
    found = pd.concat(parts, ignore_index=True)
    found = by_measure(found, shown(study, found, METRICS))
    if found.empty:
        yield not_drawn(NAME, NAME, f"{caption}.", "No network was trained with L1 with and without it.")
        return
    found["row"], found["series"] = found["series"] + ", " + found["task"], found["row"]
    yield StudyFigure(
        NAME,
        NAME,
        dots_figure(found, "change against l1", changes=True),
        f"{caption}, on each task's first test set, with 95 % paired intervals. {FAR} Of the paper the abstract "
        "alone is known: it claims lower LPIPS and FID for every super-resolution network.",
        "Dot plots of the change of each measure, a row per network.",
    )


FIGURES, TERMS = (weights, changes), ("second_order",)
