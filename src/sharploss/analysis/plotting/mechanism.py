"""How SPLoss works, on a real edge (after Figures 1 and 2 of the SPLoss paper); `edge`: record's EDGE_COLUMNS."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sharploss.analysis.plotting.style import COLOURS, new_figure
from sharploss.analysis.plotting.tiles import Strip, Tile, tiles_figure

REACH = 12  # pixels shown on each side of the edge


MAPS = {
    "target": "target",
    "output": "output: the input",
    "penalised": "penalised: white",
    "laplacian": "Laplacian of the target",
    "error": "error: output minus target",
}


def profile_figure(edge: pd.DataFrame) -> Figure:
    """Draw the profile across the strongest edge: luma, Laplacian of the target, error, and the penalised pixels."""
    row, name = strongest_profile(edge)
    blue, orange, green, red = COLOURS[:4]
    figure = new_figure(6.6, 5.4)
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=[3, 2.4, 1.6])
    x, hits = row["position"].to_numpy(), row["penalised"].to_numpy(dtype=bool)
    top.plot(x, row["target"], color="black", marker="o", ms=3.5, label="target")
    top.plot(x, row["output"], color=blue, marker="s", ms=3.5, label="output (the input)")
    middle.plot(x, row["laplacian"], color=green, marker="^", ms=3.5, label="Laplacian of the target")
    middle.plot(x, row["error"], color=orange, marker="v", ms=3.5, label="error (output minus target)")
    middle.axhline(0, color="#888888", lw=0.8)
    bottom.bar(x, row["weight"], width=0.8, color=np.where(hits, red, "#bbbbbb"))
    bottom.axhline(1, color="#888888", lw=0.8)
    bottom.set(ylabel="weight", xlabel=f"pixel along {name}", ylim=(0.9, None))
    for axes in (top, middle, bottom):
        axes.bar(
            x[hits], 1, width=1, color=red, alpha=0.13, lw=0, transform=axes.get_xaxis_transform(), label="penalised"
        )
    for axes in (top, middle):
        axes.set_ylabel("luma")
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def strongest_profile(edge: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Find the row or column that crosses the strongest step of the target: its pixels within REACH, and its name."""
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
    return float(inner.max()), part.sort_values(along).assign(position=lambda pixels: pixels[along]), f"{line} {number}"


def maps_figure(edge: pd.DataFrame) -> Figure:
    """Draw the same quantities as maps: target, output, penalised pixels; the target's Laplacian and the error."""
    tiles = {
        name: Tile(title, edge.pivot(index="row", columns="column", values=name).to_numpy(dtype=np.float64))
        for name, title in MAPS.items()
    }
    rows = [[tiles[name] for name in names] for names in (list(MAPS)[:3], list(MAPS)[3:])]
    return tiles_figure([Strip("luma", rows[0]), Strip("signed", rows[1], "signed")])
