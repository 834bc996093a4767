"""Adversarial training: what a discriminator and the network against it do, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sharploss.analysis.figures.curves import log_scale
from sharploss.analysis.figures.style import GREY, WIDTH, colours, level, markers, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Row(NamedTuple):
    """A row of panels: what its axis says, its lines (measure -> dashed), and whether its scale is logarithmic."""

    label: str
    lines: dict[str, bool]
    log: bool = False


PLAYERS = (
    Row("mean logit", {"real": False, "fake": True}),
    Row("discriminator's loss", {"discriminator_loss": False}),
    Row("gradient norm", {"gradient": False, "network_gradient": True}, log=True),
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
    names = {"real; the discriminator": "-", "restored; the network": "--"}
    return _figure(parts, PLAYERS, ("loss", "step", "step"), names)


def extraction_figure(lines: pd.DataFrame) -> Figure:
    """Draw the training of MDF's discriminators: a column per extractor, a colour per scale, coarsest first.

    Args:
        lines: extractor, scale, iteration, and the columns that EXTRACTION names.
    """
    last = int(lines["iteration"].max())
    turns = lines.assign(step=lines["scale"] * last + lines["iteration"], scale="scale " + lines["scale"].astype(str))
    parts = {str(name): part for name, part in turns.groupby("extractor", sort=False)}
    return _figure(
        parts, EXTRACTION, ("scale", "step", "iteration, scale after scale"), {"real": "-", "restored": "--"}
    )


def _figure(
    parts: dict[str, pd.DataFrame], rows: tuple[Row, ...], axis: tuple[str, str, str], dashes: dict[str, str]
) -> Figure:
    """Lay out a column per part; `axis` names the column that has colours, that of the x axis, and its label."""
    from matplotlib.lines import Line2D

    hue, x, x_label = axis
    figure = new_figure(min(WIDTH, 1.0 + 2.4 * len(parts)), 1.5 * len(rows) + 1.0)
    grid = figure.subplots(len(rows), len(parts), squeeze=False, sharex="col", sharey="row")
    kinds = list(dict.fromkeys(name for part in parts.values() for name in part[hue]))
    palette, shapes = colours(kinds), markers(kinds)
    for column, (title, part) in enumerate(parts.items()):
        grid[0][column].set_title(title)
        grid[-1][column].set_xlabel(x_label)
        for row, panels in zip(rows, grid, strict=True):
            for kind, own in part.groupby(hue, sort=False):
                # Each thinner than the one before, which it may cover.
                width = max(1.0, 2.5 - 0.5 * kinds.index(kind))
                look: dict[str, Any] = {
                    "color": palette[kind],
                    "marker": shapes[kind],
                    "ms": 3 * width**0.5,
                    "lw": width,
                }
                means = own.groupby(x)[list(row.lines)].mean()
                look["markevery"] = max(1, len(means) // 5)
                for measure, dashed in row.lines.items():
                    panels[column].plot(means.index, means[measure], ls="--" if dashed else "-", **look)
            if not row.log:
                level(panels[column], 0, color=GREY, lw=0.8, zorder=0)
        for row, panels in zip(rows, grid, strict=True):
            if row.log:
                log_scale(panels[column])
    for row, panels in zip(rows, grid, strict=True):
        panels[0].set_ylabel(row.label)
    handles = [Line2D([], [], color=palette[kind], marker=shapes[kind], lw=1.4, ms=5, label=kind) for kind in kinds]
    handles += [Line2D([], [], color=GREY, ls=dash, lw=1.4, label=name) for name, dash in dashes.items()]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=max(1, int(figure.get_figwidth() / 1.9)), frameon=False
    )
    return figure
