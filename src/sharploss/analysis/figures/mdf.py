"""The comparisons of the MDF page and its search for weights, as measured, and how its discriminators were trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sharploss.analysis.figures.comparisons import by_measure, changes_against, shown, weight_sweeps
from sharploss.analysis.figures.study_figure import StudyFigure, not_drawn
from sharploss.analysis.figures.training import players_figure
from sharploss.analysis.plotting.dots import FAR, dots_figure
from sharploss.analysis.stats.baselines import Terms
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import records
from sharploss.analysis.tables.tables import first_tested

if TYPE_CHECKING:
    import pandas as pd

PAPER, SECTION = "MDF", "mdf"
PIXELS = {"l1", "l2", "ssim", "ms_ssim"}
RIVALS = ("vgg", "lpips")
"""The features that the page compares MDF with, whose weights it searches."""

FEATURES = {*RIVALS, "mdf"}
METRICS = ("psnr", "ssim", "lpips", "gradient_variance_ratio")
BASE = "l2"
EXTRACTION = {
    "mean logit": {"d_real": "real", "d_fake": "restored"},
    "gradient penalty": {"gradient_penalty": "real"},
    "squared error": {"reconstruction": "real"},
}
"""Panels of the training of an extractor, and the columns whose lines each has: column -> dash pattern."""


def is_compared(terms: Terms) -> bool:
    """Return whether the MDF page compares such a loss: a pixel loss alone, or features with or without one."""
    if set(terms) & FEATURES:
        return set(terms) <= PIXELS | FEATURES
    return len(terms) == 1 and set(terms) <= PIXELS


def comparisons(study: Study) -> Iterator[StudyFigure]:
    """Draw, per task on which an MDF loss was to be trained, the page's losses against the squared error."""
    terms = study.terms
    with_mdf = {loss for loss, its in terms.items() if "mdf" in its}
    compared = {loss for loss, its in terms.items() if is_compared(its)}
    tasks = study.runs.loc[study.runs["loss"].isin(with_mdf), "task"]
    if tasks.empty:
        caption = "Losses on features against the squared error, per task (after the MDF page)."
        yield not_drawn("mdf", SECTION, caption, "No run has an MDF loss.")
    for row in records(first_tested(study)):
        if row["task"] in set(tasks):
            yield _comparison(study, row["task"], row["dataset"], compared)


def _comparison(study: Study, task: str, dataset: str, compared: set[str]) -> StudyFigure:
    name = f"mdf_{task}"
    caption = (
        f"The MDF page's comparison on {task} ({dataset}): each loss against the squared error of the same network and "
        f"recipe, image by image, with 95 % intervals. {FAR} The page prints no numbers."
    )
    changes = usual_weights(changes_against(study, task, dataset, compared, BASE), study.terms)
    changes = by_measure(changes, shown(study, changes, METRICS))
    if changes.empty:
        return not_drawn(name, SECTION, caption, f"No loss to compare was trained beside {BASE} on {task}.")
    runs = study.runs[(study.runs["task"] == task) & study.runs["loss"].isin(compared - set(changes["row"]))]
    gone = {str(row["loss"]): "not trained: no weights" for row in records(runs) if row["status"] == "not_trained"}
    gone |= {str(row["loss"]): "diverged" for row in records(runs) if row["status"] == "diverged"}
    figure = dots_figure(changes, f"change against {BASE}", changes=True, gone=gone)
    return StudyFigure(
        name, SECTION, figure, caption, "Dot plots of the change of each measure, a row per loss.", PAPER
    )


def usual_weights(changes: pd.DataFrame, terms: dict[str, Terms]) -> pd.DataFrame:
    """Keep networks that have a loss on features, and of losses of the same terms those that most networks have."""
    featured = {loss for loss, its in terms.items() if set(its) & FEATURES}
    mine = changes[changes["series"].isin(changes.loc[changes["row"].isin(featured), "series"])]
    used = mine.groupby("row")["series"].nunique()
    alike = {
        row: [other for other in used.index if set(terms[str(other)]) == set(terms[str(row)])] for row in used.index
    }
    kept = [row for row, others in alike.items() if used[row] == used[others].max()]
    return mine[mine["row"].isin(kept)].reset_index(drop=True)


def weights(study: Study) -> Iterator[StudyFigure]:
    """Draw the sweeps of the weights of VGG and LPIPS features."""
    about = ("mdf_weights", SECTION, "The MDF page's search: weight of VGG or LPIPS features")
    return weight_sweeps(study, RIVALS, about)


def extractions(study: Study) -> Iterator[StudyFigure]:
    """Draw the training of MDF's discriminators."""
    name = "extractors"
    caption = (
        "How MDF's discriminators were trained here, each from one image, coarsest scale first: logits of the image "
        "and of what the generator restores, the gradient penalty, and the generator's error (images in [-1, 1])."
    )
    lines = study.extractions
    if lines.empty:
        why = "No run has an MDF loss whose discriminators are trained here."
        yield not_drawn(name, SECTION, caption, why)
        return
    turns = lines["scale"] * int(lines["iteration"].max()) + lines["iteration"]
    lines = lines.assign(of=lines["extractor"], x=turns, line="scale " + lines["scale"].astype(str))
    figure = players_figure(
        lines, EXTRACTION, "iteration, scale after scale", log=("gradient penalty", "squared error")
    )
    alt = "Line plots of logits, gradient penalty and squared error against the iteration."
    yield StudyFigure(name, SECTION, figure, caption, alt)


FIGURES, TERMS = (comparisons, weights, extractions), ("mdf",)
