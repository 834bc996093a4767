"""A figure of a study with all that belongs to it, or the reason why it could not be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sharploss.analysis.tables.tables import with_recipes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sharploss.analysis.study import Study

SWEPT = r"_[aw]\d"
"""What names of losses hold that differ from others in a weight or an alpha alone."""

UNCROPPED = "_no_mod_crop"
"""The end of the names of tasks whose images were not cropped to a multiple of the scale."""


class StudyFigure(NamedTuple):
    """A figure with its file name, section of the report, caption, and a text for those who cannot see it.

    `paper` is the paper that it goes with ("" for our own), which `draw.study_figures` fills in; where `figure` is
    None, `not_drawn` says why in a sentence.
    """

    name: str
    section: str
    figure: Figure | None
    caption: str
    alt: str
    paper: str = ""
    not_drawn: str = ""


def not_drawn(name: str, section: str, caption: str, why: str) -> StudyFigure:
    """Return the entry of a figure that was not drawn, with the reason."""
    return StudyFigure(name, section, None, caption, "", not_drawn=why)


def file_name(label: str) -> str:
    """Turn a network's label, "edsr (mini_gan)", into a part of a file name."""
    return label.replace(" (", "_").replace(")", "")


def labelled(study: Study, lines: pd.DataFrame) -> pd.DataFrame:
    """Name every network with its recipe where there are several."""
    return with_recipes(study.runs, lines).drop(columns="network").rename(columns={"label": "network"})


def without_sweeps(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out the losses of sweeps of a weight, whose names end with it; they have figures of their own."""
    return rows[~rows["loss"].astype(str).str.contains(SWEPT)]
