"""The lead of losses over their partners while training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sharploss.analysis.plotting.style import WIDTH, colours, legend_below, markers, new_figure, panels_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def gains_figure(gains: pd.DataFrame) -> Figure:
    """Draw the lead in validation PSNR against the step: a panel per network, a line per loss; above 0 it leads.

    Args:
        gains: network, loss, against, step, gain (dB), as `gains.gains` gives them; seeds are averaged.
    """
    networks = list(dict.fromkeys(gains["network"]))
    names = {f"{loss} over {base}": (loss, base) for loss, base in zip(gains["loss"], gains["against"], strict=True)}
    palette, shapes = colours(["l1", *names]), markers(names)
    columns = min(3, len(networks))
    rows = -(-len(networks) // columns)
    figure = new_figure(min(WIDTH, 2.3 * columns + 0.9), 1.8 * rows + 0.3 + 0.18 * -(-len(names) // 3))
    panels = panels_of(figure, len(networks), columns)
    for index, (network, axes) in enumerate(zip(networks, panels, strict=True)):
        part = gains[gains["network"] == network]
        axes.axhline(0, color="black", lw=0.9, zorder=1)
        for name, (loss, base) in names.items():
            line = part[(part["loss"] == loss) & (part["against"] == base)].groupby("step")["gain"].mean()
            if len(line):
                look: dict[str, Any] = {"color": palette[name], "marker": shapes[name]}
                axes.plot(line.index.to_numpy(), line.to_numpy(), lw=1.2, ms=4, **look)
        axes.set_title(network, fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set(xlabel="step", ylabel="lead, PSNR Y (dB)" if index % columns == 0 else "")
    legend_below(figure, palette, shapes)
    return figure
