"""The figures stage: draws every figure of a study and lists them, with captions, in figures.json."""

from __future__ import annotations

from collections.abc import Iterator

from sharploss.analysis.figures import gv, mdf, overview, second_order, sharpgan, sploss
from sharploss.analysis.figures.comparisons import weight_sweeps
from sharploss.analysis.figures.study_figure import StudyFigure
from sharploss.analysis.measures import ALPHA
from sharploss.analysis.plotting.style import save, style
from sharploss.analysis.study import Study
from sharploss.utils.files import write_json

PAPERS = (sploss, gv, mdf, second_order, sharpgan)
"""A file per paper: PAPER (its short name), its FIGURES, and TERMS, the terms of losses that it brought."""


def write_figures(study: Study) -> None:
    """Write the figures of a study, svg files, and figures.json, which the report reads.

    figures.json lists name, section, caption, alt and paper of each figure, and its width and height in pixels of 1/96
    inch; one that the study has not the runs for is listed with the reason, `not_drawn`, and has no files.

    Raises:
        UserError: a result file, column or crop is missing; the message names it.
    """
    folder, listed = study.paths.figures, list[dict[str, str | int]]()
    with style():
        for one in study_figures(study):
            about: dict[str, str | int] = {key: value for key, value in one._asdict().items() if key != "figure"}
            if one.figure is not None:
                del about["not_drawn"]
                width, height = one.figure.get_size_inches()
                about |= {"width": round(96 * width), "height": round(96 * height)}
                save(one.figure, folder, one.name)
            listed.append(about)
    write_json(folder / "figures.json", listed)


def study_figures(study: Study) -> Iterator[StudyFigure]:
    """Draw the figures one after the other, in the order of the report."""
    terms = [term for paper in PAPERS for term in paper.TERMS]
    for subject in overview.FIGURES:
        yield from subject(study)
    yield from overview.leads(study, terms)
    for paper in PAPERS:
        for subject in paper.FIGURES:
            yield from (one._replace(paper=paper.PAPER) for one in subject(study))
    caption = (
        "Each term at several weights (SPLoss: at several alphas), of which the table 'best_weight' takes the best"
    )
    axis = f"weight ({ALPHA} of SPLoss)"
    yield from weight_sweeps(study, [*terms, gv.RIVAL], ("best_weights", "weights", caption), axis=axis)
