"""The lead of losses over their baselines while training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharploss.analysis.plotting.style import WIDTH, legend_below, looks_of, new_figure, panels_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def gains_figure(gains: pd.DataFrame) -> Figure:
    """Draw the lead in validation PSNR against the step: a panel per network, a line per loss; above 0 it leads.

    Args:
        gains: network, loss, against, step, gain (dB), as `gains.gains` returns them; seeds are averaged.
    """
    gains = gains.assign(line=gains["loss"] + " over " + gains["against"])
    networks, looks = list(dict.fromkeys(gains["network"])), looks_of(gains["line"])
    columns = min(3, len(networks))
    rows = -(-len(networks) // columns)
    figure = new_figure(min(WIDTH, 2.3 * columns + 0.9), 1.8 * rows + 0.3 + 0.18 * -(-len(looks) // 3))
    for index, (network, axes) in enumerate(zip(networks, panels_of(figure, len(networks), columns), strict=True)):
        axes.axhline(0, color="black", lw=0.9, zorder=1)
        for name, part in gains[gains["network"] == network].groupby("line", sort=False):
            line = part.groupby("step")["gain"].mean()
            axes.plot(line.index.to_numpy(), line.to_numpy(), lw=1.2, ms=4, **looks[str(name)])
        axes.set_title(network, fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set(xlabel="step", ylabel="lead, PSNR Y (dB)" if index % columns == 0 else "")
    legend_below(figure, looks, 3)
    return figure
