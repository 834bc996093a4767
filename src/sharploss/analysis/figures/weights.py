"""Sweeps of a term's weight: what each weight brings, beside the loss without the term."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sharploss.analysis.figures.changes import shown
from sharploss.analysis.figures.study_figure import StudyFigure, file_name, labelled, not_drawn
from sharploss.analysis.load import Study
from sharploss.analysis.plotting.weights import weights_figure
from sharploss.analysis.tables.tables import first_tested

METRICS = ("psnr", "lpips", "gradient_variance_ratio")


def weight_sweeps(
    study: Study, terms: Sequence[str], about: tuple[str, str, str], paper: str = "", axis: str = "weight"
) -> Iterator[StudyFigure]:
    """Draw the sweeps of some terms' weights, those beside the same loss in one figure.

    Args:
        study: the study.
        terms: the terms.
        about: name, section and caption of the figures.
        paper: the paper that they go with.
        axis: what the weights are.
    """
    name, section, caption = about
    found = study.weight_sweep.merge(first_tested(study), on=["task", "dataset"])
    found = found[found["term"].isin(terms)]
    if found.empty:
        why = f"No two weights of {' or '.join(terms)} were trained beside the loss without it."
        yield not_drawn(name, section, f"{caption}.", why, paper)
    for key, part in labelled(study, found).groupby(["task", "network", "against", "dataset"], sort=False):
        task, network, against, dataset = map(str, key)  # pyright: ignore[reportArgumentType]
        yield StudyFigure(
            f"{name}_{task}_{file_name(network)}_{against}",
            section,
            weights_figure(part.assign(line=part["term"]), shown(study, part, METRICS), axis),
            f"{caption}, beside {against}; {network}, {task}, {dataset}. The dashed line is {against} alone; bands "
            "are 95 % intervals of the paired difference.",
            "Line plots of measures against the weight of a term, on a log scale.",
            paper,
        )
