"""Pictures in a grid, pixel by pixel, with maps of differences or gradients in rows of their own."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sharploss.analysis.plotting.pixels import Floats
from sharploss.analysis.plotting.style import MUTED, WIDTH, new_figure, wrapped

LETTERS = 14  # of a title that fit into an inch


class Tile(NamedTuple):
    """A picture (H, W, 3) or (H, W) in [0, 1], or a map (H, W), with a title above and a note below; None is a gap."""

    title: str
    values: Floats | None
    note: str = ""


class Strip(NamedTuple):
    """A row of tiles with a label at its left; "signed" maps share a scale, which a bar at the right tells."""

    label: str
    tiles: list[Tile]
    kind: Literal["picture", "signed"] = "picture"


def tiles_figure(strips: list[Strip]) -> Figure:
    """Draw strips (at least one, each of at least one tile) below each other, tiles of equal size."""
    columns = max(len(strip.tiles) for strip in strips)
    width = min(WIDTH, 1.75 * columns + 0.5)
    side = (width - (0.3 if all(strip.kind == "picture" for strip in strips) else 0.75)) / columns
    titles = [[wrapped(tile.title, round(side * LETTERS)) for tile in strip.tiles] for strip in strips]
    lines = [
        max(len(title.splitlines()) for title in its) + any(tile.note for tile in strip.tiles)
        for its, strip in zip(titles, strips, strict=True)
    ]
    figure = new_figure(width, sum(side + 0.06 + 0.16 * count for count in lines) + 0.1)
    figure.set_layout_engine("compressed", w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    grid = figure.subplots(len(strips), columns, squeeze=False)
    for strip, its, row in zip(strips, titles, grid, strict=True):
        _strip(figure, strip, its, list(row))
    return figure


def _strip(figure: Figure, strip: Strip, titles: list[str], row: list[Axes]) -> None:
    look, shown = _look(strip), None
    for axes in row:
        axes.set(xticks=[], yticks=[])
        axes.set_frame_on(False)
        axes.grid(visible=False)
    for axes, tile, title in zip(row, strip.tiles, titles, strict=False):
        if tile.values is not None:
            # Raw pixels in the file, not a picture resampled for one resolution: small, and sharp at any size.
            shown = axes.imshow(tile.values, interpolation="none", **look)
        axes.set_title(title, fontsize=7.5, pad=2)
        axes.set_xlabel(tile.note, fontsize=7.5, labelpad=1.5, color=MUTED)
    row[0].set_ylabel(strip.label)
    if strip.kind != "picture" and shown is not None:
        bar = figure.colorbar(shown, ax=row, aspect=14, pad=0.01, fraction=0.05)
        bar.ax.yaxis.set_major_locator(MaxNLocator(3))
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]


def _look(strip: Strip) -> dict[str, Any]:
    from matplotlib import colormaps

    if strip.kind == "picture":
        return {"cmap": "gray", "vmin": 0.0, "vmax": 1.0}
    maps = np.concatenate([[0.0], *(np.abs(tile.values).ravel() for tile in strip.tiles if tile.values is not None)])
    # The largest thousandth may saturate: single pixels would make the rest pale.
    reach = float(np.quantile(maps[np.isfinite(maps)], 0.999)) or 1.0
    # Few enough colours for a small file, more than the eye tells apart.
    return {"cmap": colormaps["PuOr"].resampled(33), "vmin": -reach, "vmax": reach}
