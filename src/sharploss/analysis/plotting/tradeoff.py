"""What sharpness costs: PSNR against the gradient-variance ratio, per network and loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharploss.analysis.measures import ALPHA
from sharploss.analysis.plotting.style import GREY, WIDTH, Look, legend_below, looks_of, new_figure, panels_of
from sharploss.analysis.tables.layout import records
from sharploss.config.protocols import REFERENCES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


FAR = 3.0
"""Ratios above this, of trainings that came to noise, are written, not drawn: they would squeeze all others."""

SWEEP: Look = {"color": GREY, "lw": 0.9, "marker": ".", "ms": 5}


def tradeoff_figure(points: pd.DataFrame) -> Figure:
    """Draw a panel per network; to the right is sharper, upwards is truer.

    Args:
        points: network, loss, x (gradient-variance ratio), y (PSNR in dB), named (gets a marker), alpha (NaN unless the
            point belongs to an alpha sweep, whose points are joined by a line). Unrestored images have the network ""
            and are written above the panel, since they lie far away, as is what is sharper than FAR.
    """
    points, far = points[points["x"] <= FAR], points[(points["x"] > FAR) & points["named"]]
    named = points[points["named"] & (points["network"] != "")]
    networks, looks = list(dict.fromkeys(named["network"])), looks_of(named["loss"])
    figure = new_figure(WIDTH / 2 * min(2, len(networks)), 3.1 * -(-len(networks) // 2) + 0.18 * -(-len(looks) // 4))
    for index, (network, axes) in enumerate(zip(networks, panels_of(figure, len(networks), 2), strict=True)):
        _draw(axes, points[points["network"] == network], looks)
        axes.set_title(network, loc="left")
        axes.set_xlabel("Gradient-variance ratio (target: 1)")
        written = records(far[far["network"] == network]) + records(points[points["loss"].isin(REFERENCES)])
        text = "\n".join(f"{row['loss']}: {row['x']:.2f}, {row['y']:.2f} dB" for row in written)
        axes.set_title(text, loc="right", fontsize=7, color=GREY)
        axes.set_ylabel("PSNR Y (dB)" if index % 2 == 0 else "")
    alphas = points["alpha"].dropna()
    sweep = {f"{ALPHA} from {alphas.min():g} to {alphas.max():g}": SWEEP} if len(alphas) else {}
    legend_below(figure, {loss: {**look, "ls": ""} for loss, look in looks.items()} | sweep)
    return figure


def _draw(axes: Axes, part: pd.DataFrame, looks: dict[str, Look]) -> None:
    sweep = part[part["alpha"].notna()].sort_values("alpha")
    if len(sweep) > 1:
        axes.plot(sweep["x"].to_numpy(), sweep["y"].to_numpy(), zorder=1, **SWEEP)
    for row in records(part[part["named"]]):
        axes.plot([row["x"]], [row["y"]], ms=6.5, ls="", zorder=2, **looks[row["loss"]])
    axes.margins(0.08)
