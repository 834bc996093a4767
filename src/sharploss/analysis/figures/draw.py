"""`plot`: draws every figure of the study and lists them, with captions, in figures.json."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sharploss.analysis.figures import crops, gv, mdf, overview, sharpgan, sploss, training
from sharploss.analysis.figures.drawing import Drawing
from sharploss.analysis.load import Study, load_study
from sharploss.analysis.plotting.style import save, style
from sharploss.utils.files import write_json

SUBJECTS = (
    overview.claims,
    overview.tradeoffs,
    overview.pareto_fronts,
    overview.ranks,
    overview.scoreboard,
    training.leads,
    sploss.pictures,
    sploss.mechanism,
    sploss.sweeps,
    gv.gradients,
    gv.variances,
    gv.protocol,
    mdf.comparisons,
    mdf.searches,
    training.extractions,
    mdf.second_order,
    sharpgan.pictures,
    crops.crops,
    training.adversaries,
    training.training,
)


def plot(study_name: str, root: Path) -> None:
    """Write the figures of a study: png, svg, and figures.json, which the report reads.

    figures.json lists name, section, caption, alt and paper of each figure; one that the study has not the runs for is
    listed with the reason, `not_drawn`, and has no files.

    Raises:
        UserError: a result file, column or crop is missing; the message names it.
    """
    study = load_study(study_name, root)
    folder = study.paths.figures
    listed: list[dict[str, str]] = []
    with style():
        for drawing in drawings(study):
            if drawing.figure is not None:
                save(drawing.figure, folder, drawing.name)
            about = {key: str(value) for key, value in drawing._asdict().items() if key != "figure"}
            listed.append(about if drawing.figure is None else {k: v for k, v in about.items() if k != "not_drawn"})
    write_json(folder / "figures.json", listed)


def drawings(study: Study) -> Iterator[Drawing]:
    """Draw the figures one after the other."""
    for subject in SUBJECTS:
        yield from subject(study)
