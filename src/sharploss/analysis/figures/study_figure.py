"""A figure of a study with all that belongs to it, and what several papers' figures ask of a study."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from sharploss.analysis.measures import heading, is_shown
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

    `paper` is the paper that it goes with ("" for our own), which `draw.study_figures` fills in. `figure` is None where
    the study has not the runs for it.
    """

    name: str
    section: str
    figure: Figure | None
    caption: str
    alt: str
    paper: str = ""


def file_name(label: str) -> str:
    """Turn a network's label, "edsr (mini_gan)", into a part of a file name."""
    return label.replace(" (", "_").replace(")", "")


def labelled(study: Study, lines: pd.DataFrame) -> pd.DataFrame:
    """Name every network with its recipe where there are several."""
    return with_recipes(study.runs, lines).drop(columns="network").rename(columns={"label": "network"})


def without_sweeps(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out the losses of sweeps of a weight, whose names end with it; they have figures of their own."""
    return rows[~rows["loss"].astype(str).str.contains(SWEPT)]


def trained_pairs(study: Study, pairs: list[tuple[str, str]]) -> pd.DataFrame:
    """List the pairs of losses (a base, and what replaces it) that a network was trained with by the same recipe.

    Returns:
        Columns group, task, network, recipe, base, loss; base_variant and variant, by which their crops and curves are
        named. The first of `pairs` come first.
    """
    import pandas as pd

    same = ["group", "task", "network", "recipe"]
    runs = study.runs.loc[study.runs["status"] == "finished", [*same, "loss", "variant"]].drop_duplicates()
    asked = pd.DataFrame(pairs, columns=["base", "loss"])
    bases = runs.rename(columns={"loss": "base", "variant": "base_variant"})
    return asked.merge(runs, on="loss").merge(bases, on=[*same, "base"])


def by_measure(study: Study, rows: pd.DataFrame, metrics: Collection[str] = ()) -> pd.DataFrame:
    """Keep the rows of the shown measures of some metrics (or of all), in their order, and name each one's panel.

    PSNR and SSIM of colour and of grey tasks are measures of their own.
    """
    import pandas as pd

    parts = [
        rows[(rows["metric"] == metric) & (rows["protocol"] == protocol)].assign(panel=heading((metric, protocol)))
        for metric, protocol in study.measures
        if is_shown((metric, protocol)) and (not metrics or metric in metrics)
    ]
    return pd.concat(parts or [rows[:0].assign(panel="")], ignore_index=True)
