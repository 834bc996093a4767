"""Adversarial training: what a discriminator and the network against it do, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sharploss.analysis.plotting.style import GREY, WIDTH, Look, legend_below, level, log_scale, looks_of, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


DASHED: dict[bool, Look] = {False: {"ls": "-"}, True: {"ls": "--", "markerfacecolor": "white"}}
"""How lines are told apart: by dashes, and where a line is short by hollow markers."""


class Row(NamedTuple):
    """A row of panels: what its axis says, its lines (measure -> dashed), and whether its scale is logarithmic."""

    label: str
    lines: dict[str, bool]
    log: bool = False


ADVERSARIAL = (
    Row("mean logit", {"real": False, "fake": True}),
    Row("discriminator's loss", {"discriminator_loss": False}),
    Row("gradient norm", {"discriminator_gradient": False, "gradient": True}, log=True),
)
EXTRACTION = (
    Row("mean logit", {"d_real": False, "d_fake": True}),
    Row("gradient penalty", {"gradient_penalty": False}, log=True),
    Row("squared error", {"reconstruction": False}, log=True),
)


def discriminator_figure(lines: pd.DataFrame) -> Figure:
    """Draw the logits, the loss and the gradients of adversarial trainings: a column per network, a colour per loss.

    Args:
        lines: network, loss, step, and the columns that ADVERSARIAL names; lines of several seeds are averaged.
    """
    parts = {str(name): part for name, part in lines.groupby("network", sort=False)}
    names = {"real; the discriminator": False, "restored; the network": True}
    return _figure(parts, ADVERSARIAL, ("loss", "step", "step"), names)


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
    looks = looks_of(name for part in parts.values() for name in part[hue])
    for index, look in enumerate(looks.values()):  # each line is thinner than the one before, which it may cover
        width = max(1.0, 2.5 - 0.5 * index)
        look |= {"lw": width, "ms": 3 * width**0.5}
    figure = new_figure(min(WIDTH, 1.0 + 2.4 * len(parts)), 1.5 * len(rows) + 1.0)
    grid = figure.subplots(len(rows), len(parts), squeeze=False, sharex="col", sharey="row")
    for index, (title, part) in enumerate(parts.items()):
        for row, panels in zip(rows, grid, strict=True):
            _draw(panels[index], part, row, (hue, x), looks)
        grid[0][index].set_title(title)
        grid[-1][index].set_xlabel(x_label)
    for row, panels in zip(rows, grid, strict=True):
        panels[0].set_ylabel(row.label)
    legend_below(
        figure,
        looks | {name: {"color": GREY, "marker": "o", "ms": 4, **DASHED[dashed]} for name, dashed in dashes.items()},
        max(1, int(figure.get_figwidth() / 1.9)),
    )
    return figure


def _draw(axes: Axes, part: pd.DataFrame, row: Row, columns: tuple[str, str], looks: dict[str, Look]) -> None:
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
