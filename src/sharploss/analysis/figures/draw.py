"""The figures stage: draws every figure of a study and lists them, with captions, in figures.json."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, cast

from sharploss.analysis.figures import overview
from sharploss.analysis.figures.study_figure import StudyFigure
from sharploss.analysis.files import FigureEntry, save_figures
from sharploss.analysis.plotting.style import save, style
from sharploss.analysis.study import Study
from sharploss.utils.errors import cut

WRITTEN = ("name", "section", "title", "caption", "alt", "appendix", "paper")  # of a figure, in figures.json
EVIDENCE = 1000  # steps below which nothing that is drawn of trainings is evidence


def write_figures(study: Study) -> None:
    """Write the figures of a study, svg files, and figures.json, which the report reads.

    What is not drawn has no files.
    """
    folder, listed = study.paths.figures, list[FigureEntry]()
    with style():
        for one in study_figures(study):
            about: dict[str, Any] = {name: getattr(one, name) for name in WRITTEN}
            if one.figure is None:
                about |= {"not_drawn": one.not_drawn}
            else:
                width, height = one.figure.get_size_inches()
                about |= {"width": round(96 * width), "height": round(96 * height)}
                save(one.figure, folder, one.name, one.title)
            listed.append(cast("FigureEntry", about))
    save_figures(folder, listed)


def study_figures(study: Study) -> Iterator[StudyFigure]:
    """Draw the figures one after the other, in the order of the report; what draws none is an entry without one."""
    steps = int(study.runs["step"].max()) if study.runs["step"].notna().any() else 0
    for paper, module in figure_files(study).items():
        for name, subject in module.FIGURES.items():
            one = None
            for one in subject(study):
                title = f"No evidence, {steps} steps: {one.title}" if one.trained and steps < EVIDENCE else one.title
                yield one._replace(paper=paper, title=title)
            if one is None:
                why = why_not(study, *module.NEEDS[name])
                yield StudyFigure(name, "", None, "", "", "", paper=paper, not_drawn=why)


def figure_files(study: Study) -> dict[str, ModuleType]:
    """Return the modules that draw figures: "" -> our own, then each paper that has one -> analysis/figures/<page>.py.

    A module has its FIGURES by name, and what each of these NEEDS: that in words, and the losses (a pattern) whose runs
    bring it.
    """
    pages = {name: f"{__package__}.{paper.page}" for name, paper in study.about.papers.items()}
    return {"": overview} | {name: import_module(page) for name, page in pages.items() if find_spec(page)}


def why_not(study: Study, needs: str, losses: str) -> str:
    """Describe what a figure takes that the study lacks, and which planned runs, of `losses`, will bring it."""
    planned = [run for run in study.absent if losses and re.search(losses, run["loss"])]
    suites = ", ".join(dict.fromkeys(suite for run in planned for suite in run["suites"]))
    waits = (
        f" {len(planned)} planned runs that bring it are not trained yet (suites {cut(suites, 120)})."
        if planned
        else ""
    )
    return f"It takes {needs}.{waits}"
