"""Training curves: validation PSNR, and the loss terms, over the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sharploss.analysis.plotting.style import WIDTH, Palette, colours, markers, new_figure, panels_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DASHES: list[Any] = ["", (3, 1.5), (1, 1), (5, 1, 1, 1)]


def validation_figure(curves: pd.DataFrame) -> Figure:
    """Draw validation PSNR against the step, a panel per network, a colour and marker per loss.

    Args:
        curves: network, loss, step, psnr_y (dB); lines of several seeds are averaged.
    """
    networks = list(dict.fromkeys(curves["network"]))
    palette, shapes = colours(curves["loss"]), markers(curves["loss"])
    figure = new_figure(WIDTH / 2 * min(2, len(networks)), 2.6 * -(-len(networks) // 2) + 0.9)
    panels = panels_of(figure, len(networks), 2)
    looks: dict[str, Any] = {"palette": palette, "style": "loss", "markers": shapes, "dashes": False, "ms": 5}
    for network, axes in zip(networks, panels, strict=True):
        _lines(axes, curves[curves["network"] == network], "psnr_y", looks)
        axes.set(title=network, xlabel="step", ylabel="validation PSNR Y (dB)")
    _legend(figure, palette, shapes, {})
    return figure


def terms_figure(terms: pd.DataFrame) -> Figure:
    """Draw each loss term (unweighted, log scale) against the step: a panel per term, a dash pattern per network.

    Colours and markers tell the losses apart, of which a term can have several.

    Args:
        terms: network, loss, term, step, value (positive); lines of several seeds are averaged.
    """
    names, networks = list(dict.fromkeys(terms["term"])), list(dict.fromkeys(terms["network"]))
    palette, shapes = colours(terms["loss"]), markers(terms["loss"])
    columns = min(4, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(WIDTH / 4 * columns if columns > 1 else 3.4, 1.5 * rows + 1.0)
    panels = panels_of(figure, len(names), columns, sharex=True)
    dashes = {network: DASHES[index % len(DASHES)] for index, network in enumerate(networks)}
    for index, (name, axes) in enumerate(zip(names, panels, strict=True)):
        for (network, loss), part in terms[terms["term"] == name].groupby(["network", "loss"], sort=False):
            _term(axes, part, dashes[network], {"color": palette[loss], "marker": shapes[loss]})
        lowest = index >= len(names) - columns  # of its column, which the last row may not fill
        axes.set(title=name, xlabel="step" if lowest else "", ylabel="")
        axes.tick_params(labelbottom=lowest)
        log_scale(axes)
    _legend(figure, palette, shapes, dashes)
    return figure


def _lines(axes: Axes, part: pd.DataFrame, y: str, looks: dict[str, Any]) -> None:
    import seaborn as sns

    sns.lineplot(part, x="step", y=y, hue="loss", lw=1.3, ax=axes, errorbar=None, legend=False, **looks)


def _term(axes: Axes, part: pd.DataFrame, dash: Any, look: dict[str, Any]) -> None:
    line = part.groupby("step")["value"].mean()
    style = (0, dash) if dash else "-"
    axes.plot(line.index.to_numpy(), line.to_numpy(), lw=1.1, ms=3, markevery=max(1, len(line) // 5), ls=style, **look)


def log_scale(axes: Axes) -> None:
    """Use a logarithmic scale that says its numbers as they are."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    # Within less than a decade two of 1, 2 and 5 may not be found, and then matplotlib's own choice crowds the axis.
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 5 * low else (1, 1.5, 2, 3, 4, 5, 7)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _legend(figure: Figure, palette: Palette, shapes: dict[str, str], dashes: dict[str, Any]) -> None:
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], color=colour, lw=1.6, marker=shapes[loss], ms=5, label=loss)
        for loss, colour in palette.items()
        if loss in shapes
    ]
    for network, dash in dashes.items():
        lines.append(Line2D([], [], color="#555555", lw=1.2, ls=(0, dash) if dash else "-", label=network))
    figure.legend(handles=lines, loc="outside lower center", ncols=min(5, len(lines)), frameon=False)
