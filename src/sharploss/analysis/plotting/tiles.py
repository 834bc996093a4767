"""Pictures in a grid, pixel by pixel, with maps of differences or gradients in rows of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from sharploss.analysis.plotting.pixels import Floats
from sharploss.analysis.plotting.style import GREY, WIDTH, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


LETTERS = 15
"""Of a title that fit into an inch."""


class Tile(NamedTuple):
    """A picture (H, W, 3) in [0, 1] or a map (H, W), with a title above and a note below; None leaves a gap."""

    title: str
    values: Floats | None
    note: str = ""


class Strip(NamedTuple):
    """A row of tiles with a label at its left.

    `kind` tells how values become colours: pictures as they are, "signed" maps around white, "size" maps from white up;
    the maps of one strip share a scale, which a bar at the right tells.
    """

    label: str
    tiles: list[Tile]
    kind: Literal["picture", "signed", "size"] = "picture"


def tiles_figure(strips: list[Strip]) -> Figure:
    """Draw strips below each other, tiles of equal size.

    Args:
        strips: at least one, each with at least one tile; shorter ones leave places empty.
    """
    columns = max(len(strip.tiles) for strip in strips)
    width = min(WIDTH, 1.75 * columns + 0.5)
    side = (width - (0.3 if all(strip.kind == "picture" for strip in strips) else 0.75)) / columns
    strips = [_fitted(strip, round(side * LETTERS)) for strip in strips]
    texts = [
        max(_lines(tile.title) for tile in strip.tiles) + any(tile.note for tile in strip.tiles) for strip in strips
    ]
    height = sum(side + 0.06 + 0.16 * lines for lines in texts) + 0.1
    figure = new_figure(width, height, layout="compressed")
    engine: Any = figure.get_layout_engine()
    engine.set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    grid = figure.subplots(len(strips), columns, squeeze=False)
    for strip, row in zip(strips, grid, strict=True):
        _strip(figure, strip, list(row))
    return figure


def _fitted(strip: Strip, letters: int) -> Strip:
    return strip._replace(tiles=[tile._replace(title=broken(tile.title, letters)) for tile in strip.tiles])


def broken(title: str, letters: int) -> str:
    """Break a title that is too long for a tile at spaces, or where a recipe follows the loss, or within long names."""
    from textwrap import fill

    if " " in title:
        return fill(title, letters)
    lines = fill(title.replace("-", "- "), letters, break_long_words=False).replace("- ", "-").splitlines()
    return "\n".join(
        line if len(line) <= letters else fill(line.replace("_", "_ "), letters).replace("_ ", "_") for line in lines
    )


def _lines(text: str) -> int:
    return len(text.splitlines())


def _strip(figure: Figure, strip: Strip, row: list[Axes]) -> None:
    from matplotlib.ticker import MaxNLocator

    look, shown = _look(strip), None
    for index, axes in enumerate(row):
        tile = strip.tiles[index] if index < len(strip.tiles) else Tile("", None)
        axes.set(xticks=[], yticks=[])
        axes.set_frame_on(False)
        axes.grid(visible=False)
        if tile.values is None:
            axes.patch.set_visible(False)
        else:
            # Raw pixels in the file, not a picture resampled for one resolution: small, and sharp at any size.
            shown = axes.imshow(tile.values, interpolation="none", **look)
        axes.set_title(tile.title, fontsize=7.5, pad=2)
        axes.set_xlabel(tile.note, fontsize=7, labelpad=1.5, color=GREY)
    row[0].set_ylabel(strip.label, fontsize=8)
    if strip.kind != "picture" and shown is not None:
        bar = figure.colorbar(shown, ax=row, aspect=14, pad=0.01, fraction=0.05)
        bar.ax.tick_params(labelsize=7)
        bar.ax.yaxis.set_major_locator(MaxNLocator(3))
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]


def _look(strip: Strip) -> dict[str, Any]:
    from matplotlib import colormaps

    if strip.kind == "picture":
        return {"vmin": 0.0, "vmax": 1.0}
    maps = [np.abs(tile.values) for tile in strip.tiles if tile.values is not None]
    # The largest thousandth may saturate: single pixels would make the rest pale.
    reach = float(np.quantile(np.concatenate([part.ravel() for part in maps]), 0.999)) or 1.0
    # Few enough colours for a small file, more than the eye tells apart.
    return (
        {"cmap": colormaps["PuOr"].resampled(33), "vmin": -reach, "vmax": reach}
        if strip.kind == "signed"
        else {"cmap": colormaps["Greys"].resampled(33), "vmin": 0.0, "vmax": reach}
    )
