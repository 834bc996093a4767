"""Adversarial training: what a discriminator and the network against it do, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sharploss.analysis.plotting.curves import log_scale
from sharploss.analysis.plotting.style import GREY, WIDTH, colours, level, markers, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


DASHED: dict[bool, dict[str, Any]] = {False: {"ls": "-"}, True: {"ls": "--", "markerfacecolor": "white"}}
"""How lines are told apart: by dashes, and where a line is short by hollow markers."""


class Row(NamedTuple):
    """A row of panels: what its axis says, its lines (measure -> dashed), and whether its scale is logarithmic."""

    label: str
    lines: dict[str, bool]
    log: bool = False


PLAYERS = (
    Row("mean logit", {"real": False, "fake": True}),
    Row("discriminator's loss", {"discriminator_loss": False}),
    Row("gradient norm", {"discriminator_gradient": False, "gradient": True}, log=True),
)
EXTRACTION = (
    Row("mean logit", {"d_real": False, "d_fake": True}),
    Row("gradient penalty", {"gradient_penalty": False}, log=True),
    Row("squared error", {"reconstruction": False}, log=True),
)


def players_figure(lines: pd.DataFrame) -> Figure:
    """Draw the logits, the loss and the gradients of adversarial trainings: a column per network, a colour per loss.

    Args:
        lines: network, loss, step, and the columns that PLAYERS names; lines of several seeds are averaged.
    """
    parts = {str(name): part for name, part in lines.groupby("network", sort=False)}
    names = {"real; the discriminator": False, "restored; the network": True}
    return _figure(parts, PLAYERS, ("loss", "step", "step"), names)


def extraction_figure(lines: pd.DataFrame) -> Figure:
    """Draw the training of MDF's discriminators: a column per extractor, a colour per scale, coarsest first.

    Args:
        lines: extractor, scale, iteration, and the columns that EXTRACTION names.
    """
    last = int(lines["iteration"].max())
    turns = lines.assign(turn=lines["scale"] * last + lines["iteration"], scale="scale " + lines["scale"].astype(str))
    parts = {str(name): part for name, part in turns.groupby("extractor", sort=False)}
    axis = ("scale", "turn", "iteration, scale after scale")
    return _figure(parts, EXTRACTION, axis, {"real": False, "restored": True})


def _figure(
    parts: dict[str, pd.DataFrame], rows: tuple[Row, ...], axis: tuple[str, str, str], dashes: dict[str, bool]
) -> Figure:
    """Lay out a column per part; `axis` names the column that has colours, that of the x axis, and its label."""
    hue, x, x_label = axis
    kinds = list(dict.fromkeys(name for part in parts.values() for name in part[hue]))
    looks = _looks(kinds)
    figure = new_figure(min(WIDTH, 1.0 + 2.4 * len(parts)), 1.5 * len(rows) + 1.0)
    grid = figure.subplots(len(rows), len(parts), squeeze=False, sharex="col", sharey="row")
    for index, (title, part) in enumerate(parts.items()):
        for row, panels in zip(rows, grid, strict=True):
            _draw(panels[index], part, row, (hue, x), looks)
        grid[0][index].set_title(title)
        grid[-1][index].set_xlabel(x_label)
    for row, panels in zip(rows, grid, strict=True):
        panels[0].set_ylabel(row.label)
    _legend(figure, looks, dashes)
    return figure


def _looks(kinds: list[str]) -> dict[str, dict[str, Any]]:
    """Give each kind its colour and marker, and a thinner line than the one before, which it may cover."""
    palette, shapes = colours(kinds), markers(kinds)
    widths = [max(1.0, 2.5 - 0.5 * index) for index in range(len(kinds))]
    return {
        kind: {"color": palette[kind], "marker": shapes[kind], "lw": width, "ms": 3 * width**0.5}
        for kind, width in zip(kinds, widths, strict=True)
    }


def _draw(axes: Axes, part: pd.DataFrame, row: Row, columns: tuple[str, str], looks: dict[str, dict[str, Any]]) -> None:
    hue, x = columns
    for kind, own in part.groupby(hue, sort=False):
        means = own.groupby(x)[list(row.lines)].mean()
        for measure, dashed in row.lines.items():
            line = axes.plot(means.index, means[measure], **DASHED[dashed], **looks[str(kind)])[0]
            line.set_markevery(max(1, len(means) // 5))
    if row.log:
        log_scale(axes)
    else:
        level(axes, 0, color=GREY, lw=0.8, zorder=0)


def _legend(figure: Figure, looks: dict[str, dict[str, Any]], dashes: dict[str, bool]) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], label=kind, **look) for kind, look in looks.items()]
    grey: dict[str, Any] = {"color": GREY, "lw": 1.4, "marker": "o", "ms": 4}
    lines += [Line2D([], [], label=name, **grey, **DASHED[dashed]) for name, dashed in dashes.items()]
    columns = max(1, int(figure.get_figwidth() / 1.9))
    figure.legend(handles=lines, loc="outside lower center", ncols=columns, frameon=False)
