"""Our own figures on all losses: trade-offs and claims at a glance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from sharploss.analysis.claims.spec import SIDES
from sharploss.analysis.figures.study_figure import SWEPT, StudyFigure, crowded, not_drawn
from sharploss.analysis.measures import ALPHA
from sharploss.analysis.plotting.matrix import claims_figure
from sharploss.analysis.plotting.scatter import scatter_figure
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import records
from sharploss.analysis.tables.tables import ROW, pairing_rows, sweep_runs, with_recipes
from sharploss.config.protocols import MAIN, REFERENCES
from sharploss.utils.files import read_json

if TYPE_CHECKING:
    import pandas as pd


FAR = 3.0
"""Gradient-variance ratios above this, of trainings that came to noise, are written, not drawn: they would squeeze all
others."""


def tradeoffs(study: Study) -> Iterator[StudyFigure]:
    """Draw PSNR against sharpness wherever a network was trained with at least five losses."""
    points = tradeoff_points(study)
    many = points[(points["network"] != "") & ~(points["named"] & points["loss"].str.contains(SWEPT))]
    many = crowded(many, ["task", "dataset", "network"])
    for (task, dataset), part in many.groupby(["task", "dataset"], sort=False):
        references = points[(points["network"] == "") & (points["task"] == task) & (points["dataset"] == dataset)]
        drawn = part.assign(along=part["alpha"], faint=False, loss=part["loss"].where(part["named"], ""))
        notes = {
            str(network): "; ".join(
                f"{row['loss']}: {row['x']:.2f}, {row['y']:.2f} dB"
                for row in [*records(references), *records(mine[~(mine["x"] <= FAR) & mine["named"]])]
            )
            for network, mine in part.groupby("network", sort=False)
        }
        axes = ("Gradient-variance ratio (target: 1)", "PSNR Y (dB)")
        yield StudyFigure(
            f"tradeoff_{task}_{dataset}",
            "tradeoff",
            scatter_figure(drawn[drawn["x"] <= FAR], *axes, f"{ALPHA} of SPLoss", notes),
            f"Truth against sharpness on {dataset} ({task}): each point is a loss, the line is SPLoss from alpha 0 to "
            "its largest. To the right is sharper, upwards is closer to the target pixel by pixel. The input, and what "
            f"came to noise (a ratio above {FAR:g}), are written below. The panels have axes of their own.",
            f"Scatter plots of PSNR against gradient-variance ratio per network on {dataset}; numbers in the tables.",
        )


def tradeoff_points(study: Study) -> pd.DataFrame:
    """Return PSNR Y against gradient-variance ratio of every pairing, every alpha and the input baselines."""
    scored = study.means
    sharp = scored[scored["metric"] == "gradient_variance_ratio"].rename(columns={"value": "x"})
    true = scored[(scored["metric"] == "psnr") & scored["protocol"].isin(MAIN)].rename(columns={"value": "y"})
    keys = ["task", "dataset", "network", "recipe", "loss"]
    points = sharp[[*keys, "x"]].merge(true[[*keys, "y"]], on=keys)
    alphas = sweep_runs(study)[[*ROW, "alpha"]].drop_duplicates()
    rows = pairing_rows(study)[ROW].assign(named=True)
    points = points.merge(alphas, how="left").merge(rows, how="left")
    named = points["named"].notna() | points["loss"].isin(REFERENCES)
    points = with_recipes(study.runs, points.assign(named=named)[named | points["alpha"].notna()])
    points = points.drop(columns="network").rename(columns={"label": "network"})
    order = {loss: index for index, loss in enumerate(dict.fromkeys(study.runs["loss"]))}
    return points.sort_values("loss", key=lambda loss: loss.map(order), kind="stable", ignore_index=True)


def claims(study: Study) -> Iterator[StudyFigure]:
    """Draw the verdicts on every claim, as published and as measured."""
    name, caption = (
        "claims",
        "Every claim of the five papers at a glance: what its paper publishes, and what was measured",
    )
    path = study.paths.claims
    if not path.is_file():
        yield not_drawn(name, "claims", f"{caption}.", "The claims were not evaluated yet: run 'make repro'.")
        return
    yield StudyFigure(
        name,
        "claims",
        claims_figure(verdicts_of(cast("dict[str, Any]", read_json(path)))),
        f"{caption}. Measured are small, equal trainings, no replications. The table of claims says what each claims.",
        "A matrix of marks: supported, contradicted, undecided or not testable, a column per claim.",
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


FIGURES = (claims, tradeoffs)
