"""The figures stage: draws every figure of a study and lists them, with captions, in figures.json."""

from __future__ import annotations

from collections.abc import Iterator

from sharploss.analysis.figures import gv, overview, second_order, sharpgan, sploss
from sharploss.analysis.figures.study_figure import StudyFigure
from sharploss.analysis.plotting.style import save, style
from sharploss.analysis.study import Study
from sharploss.utils.files import write_json

ROOMS = (overview, sploss, gv, second_order, sharpgan)
"""A file per paper: PAPER (its short name) and its FIGURES by name; our own come first."""

NOT_YET = "Not trained yet, or not measured."
"""What a study says of figures and claims while some of its runs have no results."""


def write_figures(study: Study) -> None:
    """Write the figures of a study, svg files, and figures.json, which the report reads.

    figures.json lists name, section, caption, alt and paper of each figure, and its width and height in pixels of 1/96
    inch; one that the study has not the runs for is listed with the reason, `not_drawn`, and has no files.

    Raises:
        UserError: a result file, column or crop is missing; the message names it.
    """
    folder, listed = study.paths.figures, list[dict[str, str | int]]()
    why = NOT_YET if study.absent else "This study has not the runs for it, or did not measure it."
    with style():
        for one in study_figures(study):
            about: dict[str, str | int] = {key: value for key, value in one._asdict().items() if key != "figure"}
            if one.figure is None:
                about["not_drawn"] = why
            else:
                width, height = one.figure.get_size_inches()
                about |= {"width": round(96 * width), "height": round(96 * height)}
                save(one.figure, folder, one.name)
            listed.append(about)
    write_json(folder / "figures.json", listed)


def study_figures(study: Study) -> Iterator[StudyFigure]:
    """Draw the figures one after the other, in the order of the report; what draws none is an entry without one."""
    for room in ROOMS:
        for name, subject in room.FIGURES.items():
            one = None
            for one in subject(study):
                yield one._replace(paper=room.PAPER)
            if one is None:
                yield StudyFigure(name, "", None, "", "", room.PAPER)
