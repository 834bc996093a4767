"""What sharpness costs: PSNR against the gradient-variance ratio, per network and loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharploss.analysis.measures import ALPHA
from sharploss.analysis.plotting.labels import label_points
from sharploss.analysis.plotting.style import GREY, WIDTH, Palette, colours, markers, new_figure, panels_of
from sharploss.analysis.tables.layout import records
from sharploss.config.protocols import REFERENCES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


FAR = 3.0
"""Ratios above this, of trainings that came to noise, are told in words: they would squeeze all others together."""


def tradeoff_figure(points: pd.DataFrame) -> Figure:
    """Draw a panel per network; to the right is sharper, upwards is truer.

    Args:
        points: network, loss, x (gradient-variance ratio), y (PSNR in dB), named (gets a marker and a label), alpha
            (NaN unless the point belongs to an alpha sweep, whose points are joined by a line). Bicubic has the
            network "" and is told in words, since it lies far away, as is what is sharper than FAR.
    """
    points, far = points[points["x"] <= FAR], points[(points["x"] > FAR) & points["named"]]
    named = points[points["named"] & (points["network"] != "")]
    networks = list(dict.fromkeys(named["network"]))
    palette, shapes = colours(named["loss"]), markers(named["loss"])
    figure = new_figure(WIDTH / 2 * min(2, len(networks)), 3.3 * -(-len(networks) // 2))
    panels = panels_of(figure, len(networks), 2)
    for index, (network, axes) in enumerate(zip(networks, panels, strict=True)):
        _draw(axes, points[points["network"] == network], palette, shapes)
        axes.set(title=network, xlabel="Gradient-variance ratio (target: 1)")
        told = records(far[far["network"] == network]) + records(points[points["loss"].isin(REFERENCES)])
        text = "\n".join(f"{row['loss']}: {row['x']:.2f}, {row['y']:.2f} dB" for row in told)
        axes.text(0.02, 0.02, text, transform=axes.transAxes, color=GREY, fontsize=8)
        axes.set_ylabel("PSNR Y (dB)" if index % 2 == 0 else "")
    for index, (network, axes) in enumerate(zip(networks, panels, strict=True)):
        _label(axes, points[points["network"] == network], laid_out=index > 0)
    return figure


def _draw(axes: Axes, part: pd.DataFrame, palette: Palette, shapes: dict[str, str]) -> None:
    sweep = part[part["alpha"].notna()].sort_values("alpha")
    if len(sweep) > 1:
        xs, ys = sweep["x"].to_numpy(), sweep["y"].to_numpy()
        axes.plot(xs, ys, color=palette.get("sploss", GREY), lw=0.9, marker=".", ms=5, zorder=1)
    for row in records(part[part["named"]]):
        loss = row["loss"]
        axes.plot([row["x"]], [row["y"]], marker=shapes[loss], color=palette[loss], ms=6.5, ls="", zorder=2)
    axes.margins(0.2, 0.16)


def _label(axes: Axes, part: pd.DataFrame, *, laid_out: bool) -> None:
    sweep = part[part["alpha"].notna()].sort_values("alpha")
    last = sweep[(sweep["alpha"] == sweep["alpha"].max()) & ~sweep["named"]]
    shown = records(part[part["named"]]) + records(last)
    texts = [row["loss"] if row["named"] else f"sploss, {ALPHA} = {row['alpha']:g}" for row in shown]
    points, line = ([(row["x"], row["y"]) for row in rows] for rows in (shown, records(sweep)))
    label_points(axes, points, texts, line, laid_out=laid_out)
