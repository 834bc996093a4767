"""Figures on all losses: the claims, what sharpness costs, whether a lead lasts, and terms by weight."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from sharploss.analysis.claims.spec import SIDES
from sharploss.analysis.figures.study_figure import (
    UNCROPPED,
    StudyFigure,
    by_measure,
    file_name,
    labelled,
    without_sweeps,
)
from sharploss.analysis.measures import ALPHA
from sharploss.analysis.plotting.lines import lines_figure
from sharploss.analysis.plotting.matrix import claims_figure
from sharploss.analysis.stats.families import weight_sweep
from sharploss.analysis.stats.gains import gains
from sharploss.analysis.stats.intervals import CELL, ROW
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import records
from sharploss.analysis.tables.tables import first_tested, pairing_rows, sweep_runs
from sharploss.config.protocols import MAIN, REFERENCES
from sharploss.utils.files import intact, read_json

if TYPE_CHECKING:
    import pandas as pd

MANY = 5
"""Losses of a network from which on a figure says more than a table."""

TERMS, RIVALS = ("sploss", "gv", "mdf", "second_order"), ("tv", "vgg", "lpips")
"""The terms of losses that the papers brought, and those whose weights they are compared with."""

SWEEP_METRICS = ("psnr", "lpips", "gradient_variance_ratio")

FAR = 3.0
"""Gradient-variance ratios above this, of trainings that came to noise, are written, not drawn: they would squeeze all
others."""


def claims(study: Study) -> Iterator[StudyFigure]:
    """Draw the verdicts on every claim, as published and as measured."""
    path = study.paths.claims
    if not path.is_file():
        return
    with intact(path):
        verdicts = verdicts_of(cast("dict[str, Any]", read_json(path)))
    yield StudyFigure(
        "claims",
        "claims",
        claims_figure(verdicts),
        "Every claim of the five papers at a glance: what its paper publishes, and what was measured. "
        "Measured are small, equal trainings, no replications. The table of claims says what each claims.",
        "A matrix of marks, one for each verdict, a column per claim.",
    )


def verdicts_of(verdicts: dict[str, Any]) -> pd.DataFrame:
    """Return a row per claim and side of claims.json: claim, paper, side ("published" or "measured"), verdict."""
    import pandas as pd

    rows = [
        {"claim": key, "paper": claim["paper"], "side": side, "verdict": claim[side]["verdict"]}
        for key, claim in verdicts["claims"].items()
        for side in SIDES
    ]
    return pd.DataFrame(rows, columns=["claim", "paper", "side", "verdict"])


def tradeoffs(study: Study) -> Iterator[StudyFigure]:
    """Draw PSNR against sharpness, on each task's first test set, where a network has at least five losses."""
    import pandas as pd

    points = tradeoff_points(study).merge(first_tested(study))
    for (task, dataset), part in points.groupby(["task", "dataset"], sort=False):
        inputs = part[part["network"] == ""]
        drawn = part[(part["network"] != "") & (part["named"] | part["alpha"].notna())]
        drawn = drawn[drawn.groupby("network")["loss"].transform("nunique") >= MANY]
        if drawn.empty:
            continue
        notes = {
            str(network): "; ".join(
                f"{row['loss']}: {row['x']:.2f}, {row['y']:.2f} dB"
                for row in [*records(inputs), *records(mine[~(mine["x"] <= FAR) & mine["named"]])]
            )
            for network, mine in drawn.groupby("network", sort=False)
        }
        near = drawn[drawn["x"] <= FAR]
        curve = near[near["alpha"].notna()].sort_values("alpha", kind="stable").assign(line=f"SPLoss along {ALPHA}")
        lines = pd.concat([curve, near[near["named"]].assign(line=lambda rows: rows["loss"])])
        yield StudyFigure(
            f"tradeoff_{task}",
            "tradeoff",
            lines_figure(
                lines.assign(panel=lines["network"]),
                "Gradient-variance ratio (target: 1)",
                "PSNR Y (dB)",
                columns=2,
                notes=notes,
            ),
            f"Truth against sharpness on {dataset} ({task}): each point is a loss, the line is SPLoss from alpha 0 to "
            "its largest. To the right is sharper, upwards is closer to the target pixel by pixel. The input, and what "
            f"came to noise (a ratio above {FAR:g}), are written below. The panels have axes of their own.",
            f"Scatter plots of PSNR against gradient-variance ratio per network on {dataset}; numbers in the tables.",
        )


def tradeoff_points(study: Study) -> pd.DataFrame:
    """Return PSNR Y against gradient-variance ratio of every pairing, every alpha and the input baselines.

    `named` are those with a mark of their own: neither an alpha of a sweep nor one of several weights of a term.
    """
    scored = study.means
    sharp = scored[scored["metric"] == "gradient_variance_ratio"].rename(columns={"value": "x"})
    true = scored[(scored["metric"] == "psnr") & scored["protocol"].isin(MAIN)].rename(columns={"value": "y"})
    points = sharp[[*CELL[:5], "x"]].merge(true[[*CELL[:5], "y"]])
    alphas = sweep_runs(study)[[*ROW, "alpha"]].drop_duplicates()
    paired = without_sweeps(pairing_rows(study)[ROW]).assign(named=True)
    points = points.merge(alphas, how="left").merge(paired, how="left")
    points["named"] = points["named"].notna() | points["loss"].isin(REFERENCES)
    order = {loss: index for index, loss in enumerate(dict.fromkeys(study.runs["loss"]))}
    return labelled(study, points).sort_values("loss", key=lambda loss: loss.map(order), kind="stable")


def leads(study: Study) -> Iterator[StudyFigure]:
    """Draw, per task, the lead of losses with a term of the papers over their baselines at every validation."""
    found, losses = gains(study), study.terms
    shown = {loss for loss in pairing_rows(study)["loss"] if not losses[loss].keys().isdisjoint(TERMS)}
    found = without_sweeps(found[found["loss"].isin(shown) & ~found["task"].str.endswith(UNCROPPED)])
    for task, part in labelled(study, found).groupby("task", sort=False):
        lines = part.assign(panel=part["network"], line=part["loss"] + " over " + part["against"])
        lines = lines.rename(columns={"step": "x", "gain": "y"})
        yield StudyFigure(
            f"gain_{task}",
            "training",
            lines_figure(lines, "step", "lead, PSNR Y (dB)", columns=3, zero=True),
            "Better, or only faster? Lead in validation PSNR of each loss over the one it is made from, at equal steps "
            f"({task}). A lead that fades was speed; one that stays is what the loss is "
            "worth at this budget. Above 0 the loss leads; recipes of different length are panels of their own, and a "
            "line that ends early diverged.",
            "Line plots of the difference in validation PSNR against the training step.",
        )


def weights(study: Study) -> Iterator[StudyFigure]:
    """Draw the sweeps of the papers' terms, and of their rivals', those beside the same loss in one figure."""
    found = weight_sweep(study).merge(first_tested(study), on=["task", "dataset"])
    found = by_measure(study, found[found["term"].isin([*TERMS, *RIVALS])], SWEEP_METRICS)
    for key, part in labelled(study, found).groupby(["task", "network", "against", "dataset"], sort=False):
        task, network, against, dataset = map(str, key)  # pyright: ignore[reportArgumentType]
        rows = part.assign(line=part["term"], x=part["weight"], y=part["value"])
        levels = rows.assign(line=against, y=rows["baseline"]).drop_duplicates("panel")
        yield StudyFigure(
            f"weights_{task}_{file_name(network)}_{against}",
            "weights",
            lines_figure(rows, f"weight ({ALPHA} of SPLoss)", columns=3, log_x=True, levels=levels),
            "Each term at several weights (SPLoss: at several alphas), of which 'best_weight' takes the best, "
            f"beside {against}; {network}, {task}, {dataset}; of VGG and LPIPS features the MDF page's search. The "
            f"dashed line is {against} alone; bands are 95 % intervals of the paired difference.",
            "Line plots of measures against the weight of a term, on a log scale.",
        )


PAPER = ""
FIGURES = {"claims": claims, "tradeoff": tradeoffs, "gain": leads, "weights": weights}
