"""A crop of a test image as restored by one network trained with each loss."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sharploss.analysis.figures.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 6


def crops_figure(pictures: dict[str, list[tuple[str, Path]]]) -> Figure:
    """Draw the pictures of each crop in rows of six, every pixel as it is.

    Args:
        pictures: crop -> (title, PNG file) in the order shown, which begins with the target and bicubic.
    """
    from PIL import Image

    rows = {crop: -(-len(items) // COLUMNS) for crop, items in pictures.items()}
    figure = new_figure(1.6 * COLUMNS, 1.8 * sum(rows.values()))
    panels = iter(figure.subplots(sum(rows.values()), COLUMNS, squeeze=False).flat)
    for crop, items in pictures.items():
        for title, path in items:
            axes = next(panels)
            with Image.open(path) as image:
                axes.imshow(image.convert("RGB"), interpolation="nearest")
            axes.set_title(title)
            axes.set_ylabel(crop if title == items[0][0] else "")
            axes.set(xticks=[], yticks=[])
            axes.set_frame_on(False)
        for _ in range(rows[crop] * COLUMNS - len(items)):
            next(panels).remove()
    return figure
