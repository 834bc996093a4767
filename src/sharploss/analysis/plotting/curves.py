"""Training curves: validation PSNR, and the loss terms, over the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sharploss.analysis.plotting.style import (
    GREY,
    WIDTH,
    Look,
    legend_below,
    log_scale,
    looks_of,
    new_figure,
    panels_of,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DASHES: list[Any] = ["-", (0, (3, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1))]


def validation_figure(curves: pd.DataFrame) -> Figure:
    """Draw validation PSNR against the step, a panel per network, a colour and marker per loss.

    Args:
        curves: network, loss, step, psnr_y (dB); lines of several seeds are averaged.
    """
    networks, looks = list(dict.fromkeys(curves["network"])), looks_of(curves["loss"])
    figure = new_figure(WIDTH / 2 * min(2, len(networks)), 2.6 * -(-len(networks) // 2) + 0.9)
    for network, axes in zip(networks, panels_of(figure, len(networks), 2), strict=True):
        for loss, part in curves[curves["network"] == network].groupby("loss", sort=False):
            _line(axes, part, "psnr_y", {"lw": 1.3, "ms": 5, **looks[str(loss)]})
        axes.set(title=network, xlabel="step", ylabel="validation PSNR Y (dB)")
    legend_below(figure, looks, 5)
    return figure


def terms_figure(terms: pd.DataFrame) -> Figure:
    """Draw each loss term (unweighted, log scale) against the step: a panel per term, a dash pattern per network.

    Colours and markers tell the losses apart, of which a term can have several.

    Args:
        terms: network, loss, term, step, value (positive); lines of several seeds are averaged.
    """
    names, networks = list(dict.fromkeys(terms["term"])), list(dict.fromkeys(terms["network"]))
    looks = looks_of(terms["loss"])
    columns = min(4, len(names))
    figure = new_figure(WIDTH / 4 * columns if columns > 1 else 3.4, 1.5 * -(-len(names) // columns) + 1.0)
    dashes = {network: DASHES[index % len(DASHES)] for index, network in enumerate(networks)}
    for index, (name, axes) in enumerate(zip(names, panels_of(figure, len(names), columns, sharex=True), strict=True)):
        for key, part in terms[terms["term"] == name].groupby(["network", "loss"], sort=False):
            network, loss = map(str, key)  # pyright: ignore[reportArgumentType]
            points = max(1, part["step"].nunique() // 5)
            _line(axes, part, "value", {"lw": 1.1, "ms": 3, "markevery": points, "ls": dashes[network], **looks[loss]})
        lowest = index + columns >= len(names)
        axes.set(title=name, xlabel="step" if lowest else "")
        axes.tick_params(labelbottom=lowest)
        log_scale(axes)
    legend_below(
        figure, looks | {network: {"color": GREY, "lw": 1.2, "ls": dash} for network, dash in dashes.items()}, 5
    )
    return figure


def _line(axes: Axes, part: pd.DataFrame, y: str, look: Look) -> None:
    line = part.groupby("step")[y].mean()
    axes.plot(line.index.to_numpy(), line.to_numpy(), **look)
