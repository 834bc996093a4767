"""Our own figures on all losses: trade-offs, ranks, and claims at a glance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from sharploss.analysis.claims.spec import SIDES
from sharploss.analysis.figures.study_figure import SWEPT, StudyFigure, crowded, labelled, not_drawn, without_sweeps
from sharploss.analysis.measures import ALPHA, metric_title
from sharploss.analysis.plotting.dots import dots_figure
from sharploss.analysis.plotting.matrix import claims_figure
from sharploss.analysis.plotting.scatter import scatter_figure
from sharploss.analysis.stats.pareto import fronts
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import records
from sharploss.analysis.tables.tables import ROW, first_tested, frames, pairing_rows, sweep_runs, with_recipes
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


def pareto_fronts(study: Study) -> Iterator[StudyFigure]:
    """Draw PSNR against LPIPS, on the first test set, wherever a network was trained with at least five losses."""
    found = without_sweeps(study.counted[~study.counted["loss"].isin(REFERENCES)])
    named = labelled(study, fronts(found).merge(pairing_rows(study)[ROW]))
    if named.empty:
        why = f": {study.not_measured['lpips']}" if "lpips" in study.not_measured else ""
        why = f"LPIPS was not measured{why}."
        yield not_drawn("pareto", "tradeoff", "Truth against likeness: PSNR against LPIPS.", why)
        return
    named = crowded(named.merge(first_tested(study)), ["task", "dataset", "network"])
    for (task, dataset), part in named.groupby(["task", "dataset"], sort=False):
        points = part.assign(
            x=part["lpips"], y=part["psnr"], along=part["lpips"].where(part["front"]), faint=~part["front"]
        )
        notes = {
            str(network): f"beaten by none: {', '.join(mine['loss'])}"
            for network, mine in part[part["front"]].groupby("network", sort=False)
        }
        yield StudyFigure(
            f"pareto_{task}_{dataset}",
            "tradeoff",
            scatter_figure(points, "LPIPS", "PSNR (dB)", "beaten by none", notes),
            f"Truth against likeness on {dataset} ({task}): to the left looks more like the target (LPIPS), upwards is "
            "closer to it pixel by pixel (PSNR). The losses on the line, which are named below, are beaten by none. "
            "Sweeps of a weight have figures of their own.",
            f"Scatter plots of PSNR against LPIPS per network on {dataset}; the front is in the table.",
        )


def ranks(study: Study) -> Iterator[StudyFigure]:
    """Draw the mean ranks of every suite that compares at least five losses."""
    found = frames(study)["ranks"]
    titles = found["of"].where(found["scope"] != "metric", found["of"].map(metric_title))
    for suite, part in crowded(found.assign(panel=titles.replace("", "all")), ["suite"]).groupby("suite", sort=False):
        shown = part[part["scope"].isin(["all", "metric"])]
        yield StudyFigure(
            f"ranks_{suite}",
            "ranks",
            dots_figure(shown.assign(row=shown["loss"], series="").rename(columns={"rank": "value"}), "mean rank"),
            f"Mean rank of each loss ({suite}) over networks and test sets, by all measures and by each; 1 is best. "
            "Lines hold 95 % or more of the mean ranks when images are resampled: they are no confidence intervals.",
            "Dot plots of mean ranks with intervals, a panel per metric; numbers in the table of ranks.",
        )


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


FIGURES = (claims, tradeoffs, pareto_fronts, ranks)
