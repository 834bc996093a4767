"""The MDF page's search for the weights of its rivals, as measured."""

from __future__ import annotations

from collections.abc import Iterator

from sharploss.analysis.figures.comparisons import weight_sweeps
from sharploss.analysis.figures.study_figure import StudyFigure
from sharploss.analysis.study import Study

PAPER = "MDF"
RIVALS = ("vgg", "lpips")
"""The features that the page compares MDF with, whose weights it searches."""


def weights(study: Study) -> Iterator[StudyFigure]:
    """Draw the sweeps of the weights of VGG and LPIPS features."""
    return weight_sweeps(
        study, RIVALS, ("mdf_weights", "mdf", "The MDF page's search: weight of VGG or LPIPS features")
    )


FIGURES, TERMS = (weights,), ("mdf",)
