"""How SPLoss works, on a real edge (after Figures 1 and 2 of the SPLoss paper)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sharploss.analysis.plotting.style import COLOURS, WIDTH, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REACH = 12
"""Pixels shown on each side of the edge."""


def profile_figure(edge: pd.DataFrame) -> Figure:
    """Draw the profile across the strongest edge: luma, Laplacian of the target and error, and where the penalty acts.

    Args:
        edge: columns of `load.EDGE_COLUMNS`.
    """
    row, name = strongest_profile(edge)
    blue, orange, green, red = COLOURS[:4]
    figure = new_figure(6.6, 5.4)
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=[3, 2.4, 1.6])
    x = row["position"]
    top.plot(x, row["target"], color="black", marker="o", ms=3.5, label="target")
    top.plot(x, row["output"], color=blue, marker="s", ms=3.5, label="output (unrestored)")
    top.set_ylabel("luma")
    middle.plot(x, row["laplacian"], color=green, marker="^", ms=3.5, label="Laplacian of the target")
    middle.plot(x, row["error"], color=orange, marker="v", ms=3.5, label="error (output minus target)")
    middle.axhline(0, color="#888888", lw=0.8)
    middle.set_ylabel("luma")
    bottom.bar(x, row["weight"], width=0.8, color=[red if hit else "#bbbbbb" for hit in row["penalised"]])
    bottom.axhline(1, color="#888888", lw=0.8)
    bottom.set(ylabel="weight", xlabel=f"pixel along {name}", ylim=(0.9, None))
    for axes in (top, middle, bottom):
        _shade(axes, row, red)
    top.axvspan(np.nan, np.nan, color=red, alpha=0.13, lw=0, label="same sign: penalised")
    for axes in (top, middle):
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _shade(axes: Axes, row: pd.DataFrame, colour: str) -> None:
    for column, hit in zip(row["position"], row["penalised"], strict=True):
        if hit:
            axes.axvspan(column - 0.5, column + 0.5, color=colour, alpha=0.13, lw=0)


def strongest_profile(edge: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Find the profile along a row or a column that crosses the strongest step of the target with room on both sides.

    Returns:
        Its pixels, up to REACH on each side of the step, with their `position` along it; and its name, as "row 26".
    """
    profiles = [_profile(edge, "row", "column"), _profile(edge, "column", "row")]
    _, part, name = max(profiles, key=lambda profile: profile[0])
    return part, name


def _profile(edge: pd.DataFrame, line: str, along: str) -> tuple[float, pd.DataFrame, str]:
    """Return the largest step along one direction, the pixels about it, and the name of its line."""
    target = edge.pivot(index=line, columns=along, values="target")
    step = np.abs(np.diff(target.to_numpy(), axis=1))
    margin = min(REACH, step.shape[1] // 2)
    inner = step[:, margin : step.shape[1] - margin + 1]
    across, at = divmod(int(inner.argmax()), inner.shape[1])
    number, centre = int(target.index[across]), int(target.columns[at + margin])
    part = edge[(edge[line] == number) & edge[along].between(centre - REACH, centre + REACH)]
    part = part.sort_values(along).assign(position=lambda pixels: pixels[along])
    return float(inner.max()), part, f"{line} {number}"


def maps_figure(edge: pd.DataFrame) -> Figure:
    """Draw the same quantities as maps: target, output, Laplacian, error, penalised pixels, weight.

    Args:
        edge: columns of `load.EDGE_COLUMNS`.
    """
    figure = new_figure(WIDTH, 4.3, layout="compressed")
    panels = figure.subplots(2, 3).flat
    titles = {
        "target": "target (luma)",
        "output": "output: unrestored (luma)",
        "penalised": "penalised (orange): same sign",
        "laplacian": "Laplacian of the target",
        "error": "error: output minus target",
        "weight": "weight: 1 + alpha |Laplacian|",
    }
    for (name, title), axes in zip(titles.items(), panels, strict=True):
        _map(figure, axes, grid(edge, name), name)
        axes.set_title(title, fontsize=8)
        axes.set(xticks=[], yticks=[])
        axes.set_frame_on(False)
    return figure


def _map(figure: Figure, axes: Axes, values: npt.NDArray[np.float64], name: str) -> None:
    from matplotlib.colors import ListedColormap

    reach = float(np.abs(values).max()) or 1.0
    signed: dict[str, Any] = {"cmap": "PuOr", "vmin": -reach, "vmax": reach}
    looks: dict[str, dict[str, Any]] = {
        "penalised": {"cmap": ListedColormap(["#eeeeee", "#d55e00"]), "vmin": 0.0, "vmax": 1.0},
        "error": signed,
        "laplacian": signed,
        "weight": {"cmap": "cividis", "vmin": 1.0},
    }
    grey = {"cmap": "gray", "vmin": 0.0, "vmax": 1.0}
    image = axes.imshow(values, interpolation="nearest", **looks.get(name, grey))
    if name in ("laplacian", "error", "weight"):
        figure.colorbar(image, ax=axes, shrink=0.8)


def grid(edge: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    """Return one quantity as a (rows, columns) array."""
    return edge.pivot_table(index="row", columns="column", values=name).to_numpy(dtype=np.float64)
