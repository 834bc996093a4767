"""Fidelity against perception: PSNR over LPIPS, with the losses that no other one beats joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sharploss.analysis.plotting.labels import label_points
from sharploss.analysis.plotting.style import WIDTH, colours, markers, new_figure, panels_of
from sharploss.analysis.tables.layout import records

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def pareto_figure(points: pd.DataFrame) -> Figure:
    """Draw a panel per network; to the left looks closer to the target, upwards is closer pixel by pixel.

    Args:
        points: network, loss, psnr (dB), lpips, front (whether no other loss beats it).
    """
    networks = list(dict.fromkeys(points["network"]))
    palette, shapes = colours(points["loss"]), markers(points["loss"])
    figure = new_figure(WIDTH / 2 * min(2, len(networks)), 3.1 * -(-len(networks) // 2))
    panels = panels_of(figure, len(networks), 2)
    for index, (network, axes) in enumerate(zip(networks, panels, strict=True)):
        part = points[points["network"] == network]
        front = part[part["front"]].sort_values("lpips")
        axes.plot(front["lpips"].to_numpy(), front["psnr"].to_numpy(), color="#888888", lw=1, ls="--", zorder=1)
        for row in records(part):
            look: dict[str, Any] = {
                "marker": shapes[row["loss"]],
                "color": palette[row["loss"]],
                "alpha": 1.0 if row["front"] else 0.45,
            }
            axes.plot([row["lpips"]], [row["psnr"]], ms=6.5, ls="", zorder=2, **look)
        axes.margins(0.2, 0.16)
        axes.set(title=network, xlabel="LPIPS")
        axes.set_ylabel("PSNR (dB)" if index % 2 == 0 else "")
    for index, (network, axes) in enumerate(zip(networks, panels, strict=True)):
        _label(axes, points[points["network"] == network], laid_out=index > 0)
    return figure


def _label(axes: Axes, part: pd.DataFrame, *, laid_out: bool) -> None:
    rows, front = records(part), records(part[part["front"]].sort_values("lpips"))
    texts = [row["loss"] if row["front"] else "" for row in rows]
    points, line = ([(row["lpips"], row["psnr"]) for row in found] for found in (rows, front))
    label_points(axes, points, texts, line, laid_out=laid_out)
