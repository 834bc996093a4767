"""Figures on all losses: what sharpness costs, what more steps bring, and terms by weight."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from sharploss.analysis.figures import study_figure as shared
from sharploss.analysis.figures.study_figure import Block, StudyFigure
from sharploss.analysis.measures import ALPHA, badness, fidelity, is_better, metric_title, number, title
from sharploss.analysis.plotting.lines import budget_figure, lines_figure
from sharploss.analysis.plotting.scatter import tradeoff_figure
from sharploss.analysis.stats.families import families, weight_sweep
from sharploss.analysis.stats.intervals import ROW
from sharploss.analysis.stats.matched import ABOVE, BELOW, PERCEPTUAL, WITHIN, matched
from sharploss.analysis.stats.smallest import BETTER, EQUAL, SMALLEST, state
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import count, images_of, records
from sharploss.analysis.titles import name_title
from sharploss.config.protocols import REFERENCES

MANY = 5  # losses of a network from which on a figure says more than a table
SWEEP_METRICS = ("psnr", "lpips", "gradient_variance_ratio")


def tradeoffs(study: Study) -> Iterator[StudyFigure]:
    """Draw PSNR against LPIPS for every network with at least five losses; the best supported one is the front's."""
    front = True
    for block in shared.supported(study):
        measures, points = tradeoff_points(study, block)
        if len(points) < MANY:
            continue
        (perceptual, true), inputs = measures, block.of(study.means.assign(network=block.network, recipe=block.recipe))
        inputs = inputs[inputs["loss"].isin(REFERENCES)]
        at = {(row["loss"], row["metric"], row["protocol"]): row["value"] for row in records(inputs)}
        aside = {name_title(loss): (at[loss, *perceptual], at[loss, *true])
                 for loss in inputs["loss"].unique() if (loss, *perceptual) in at and (loss, *true) in at}  # fmt: skip
        out = study.unqualified.merge(study.runs[["loss"]].drop_duplicates())
        left = [study.titles[str(loss)] for loss in block.of(out)["loss"]]
        images, where = count(images_of(study, block.task, block.dataset), "image"), name_title(block.dataset)
        steps = study.params.recipes[block.recipe].steps
        yield StudyFigure(
            "tradeoff" if front else f"tradeoff_{block.task}_{block.network}_{block.recipe}",
            "Truth against sharpness",
            tradeoff_figure(
                points,
                f"{title(perceptual)} (less is closer)"
                if perceptual[0] == PERCEPTUAL[0]
                else f"{title(perceptual)} (target: 1)",
                f"{title(true)} (dB)",
                (SMALLEST[perceptual[0]], SMALLEST[true[0]]),
                aside,
            ),
            _bought(study, block, points, perceptual[0]),
            f"{name_title(block.network)}, {name_title(block.task)}, {steps:,} steps, {where} ({images}). The line is "
            f"SPLoss from L1 ({ALPHA} 0) on, each other point a loss. Grey lines are 95 % intervals of the paired "
            f"difference to L1. Hollow points do not differ from L1: their intervals lie in the grey box of "
            f"differences that are too small to count. Grey points are undecided."
            + (f" Below its input and not drawn: {', '.join(left)}." if left else ""),
            f"PSNR against {metric_title(perceptual[0])}, a point per loss, SPLoss as a line; numbers in the tables.",
            appendix=not front,
        )
        front = False


def tradeoff_points(study: Study, block: Block) -> tuple[tuple[tuple[str, str], tuple[str, str]], pd.DataFrame]:
    """Return the measures of both axes, and a point per loss that counts; of a search for a weight, its first."""
    means, changes = block.of(study.without_unqualified(study.means)), block.of(study.compared)
    changes = changes[changes["against"] == study.references[0]]
    known = list(means[["metric", "protocol"]].drop_duplicates().itertuples(index=False, name=None))
    perceptual = next((one for name in PERCEPTUAL for one in known if one[0] == name), (PERCEPTUAL[0], ""))
    measures, axes = (perceptual, fidelity(protocol for _, protocol in known)), list[pd.DataFrame]()
    for axis, (metric, protocol) in zip("xy", measures, strict=True):
        cells, change = (
            rows[(rows["metric"] == metric) & (rows["protocol"] == protocol)].set_index("loss")
            for rows in (means, changes)
        )
        part = pd.DataFrame({axis: cells["value"]}).join(
            change[["difference", "low", "high", "smallest"]].astype(float)
        )
        part[f"{axis}_low"] = part[axis] - part["difference"] + part["low"]
        part[f"{axis}_high"] = part[axis] - part["difference"] + part["high"]
        low, high, least = part["low"], part["high"], part["smallest"]
        part[f"{axis}_tie"] = (low >= -least) & (high <= least)  # as `smallest.state`
        part[f"{axis}_sure"] = ((low > 0) | (high < 0)) & (part["difference"].abs() >= least)
        axes.append(part.drop(columns=["difference", "low", "high", "smallest"]))
    points = axes[0].join(axes[1], how="inner").reset_index(names="loss")
    alphas = dict(study.runs[["loss", "alpha"]].itertuples(index=False, name=None)) | {study.references[0]: 0.0}
    searches = [family for family in families(study.specs) if family.parameter == "weight"]
    more = {loss for family in searches for loss in [one for one in family.variants if one in set(points["loss"])][1:]
            if len(set(family.variants) & set(points["loss"])) > 2}  # fmt: skip
    points = points[np.isfinite(points[["x", "y"]].astype(float)).all(axis=1)]
    points = points.assign(alpha=points["loss"].map(alphas), tie=points["x_tie"] & points["y_tie"])
    points = points.assign(undecided=~points["tie"] & ~points["x_sure"] & ~points["y_sure"])
    points = points[~points["loss"].isin(more) & ((points["alpha"] != 0) | (points["loss"] == study.references[0]))]
    named = [
        study.titles[row["loss"]] if np.isnan(row["alpha"]) else f"{ALPHA} {row['alpha']:g}" if row["alpha"] else "L1"
        for row in records(points)
    ]
    return measures, points.assign(label=named).reset_index(drop=True)


def _bought(study: Study, block: Block, points: pd.DataFrame, perceptual: str) -> str:
    """State what SPLoss's curve costs and buys, and which losses lie beyond it."""
    curve = points[points["alpha"].notna()].sort_values("alpha")
    rows = block.of(matched(study))
    rows = rows[(rows["metric"] == perceptual) & rows["loss"].isin(points["loss"])]
    if len(curve) < 2 or rows.empty:
        ends = f"{number('psnr', points['y'].min())} and {number('psnr', points['y'].max())} dB"
        return f"{len(points)} losses lie between {ends}, and no curve of SPLoss beside them"
    first, last = records(curve)[0], records(curve)[-1]
    dearer, better = first["y"] - last["y"], is_better(perceptual, last["x"], first["x"])
    gain = abs(last["x"] - first["x"])
    if dearer >= SMALLEST["psnr"] and better and gain >= SMALLEST[perceptual]:
        text = f"SPLoss trades {number('psnr', dearer)} dB for {number(perceptual, gain)} {metric_title(perceptual)}"
        text += f" as {ALPHA} grows to {last['alpha']:g}"
    else:
        changes = shared.says("psnr", -dearer), shared.says(perceptual, last["x"] - first["x"])
        text = f"As {ALPHA} grows to {last['alpha']:g}, {' and '.join(changes)}"
    beyond = [study.titles[row["loss"]] for row in records(rows) if _is_beyond(row, perceptual, curve)]
    if not beyond:
        return f"{text}; no other loss does better than its curve"
    names = " and ".join(beyond) if len(beyond) < 3 else f"{len(beyond)} of {len(rows)} other losses"
    return f"{text}; {names} {'lies' if len(beyond) == 1 else 'lie'} beyond its curve"


def _is_beyond(row: dict[str, Any], perceptual: str, curve: pd.DataFrame) -> bool:
    """Return whether a loss (a row of `matched`) is surely better than SPLoss's curve, or keeps more PSNR than all."""
    if row["place"] == WITHIN:
        return state(perceptual, row, row["reached"]) == BETTER
    best = all(is_better(perceptual, row["value"], reached) for reached in curve["x"])
    return row["place"] == ABOVE or (row["place"] == BELOW and best)


def budgets(study: Study) -> Iterator[StudyFigure]:
    """Draw what every loss gains over the input against the steps, of the best supported network with a record."""
    for block in shared.supported(study):
        ends = budget_ends(study, block)
        lines = study.history[study.history["event"] == "validation"].merge(study.runs[["run", *ROW]], on="run")
        courses = lines.merge(ends, on=ROW).astype({"psnr_y": float})
        if courses.empty:
            continue
        mean = courses.groupby(["loss", "recipe", "step"], sort=False)[["psnr_y", "gain"]].mean().reset_index()
        last = mean.groupby(["loss", "recipe"])["psnr_y"].transform("last")
        mean = mean.assign(y=mean["gain"] + mean["psnr_y"] - last, x=mean["step"], training=mean["recipe"])
        ends, mean = (rows.assign(line=[study.titles[str(loss)] for loss in rows["loss"]]) for rows in (ends, mean))
        where = f"{name_title(block.dataset)} ({name_title(block.task)}, {name_title(block.network)})"
        yield StudyFigure(
            "budget",
            "Training",
            budget_figure(
                mean,
                ends.rename(columns={"steps": "x", "gain": "y"}),
                "PSNR gained over the input (dB)",
                study.titles.get(study.references[0], ""),
            ),
            _converged(ends, mean),
            f"Marks: PSNR gained over the input on {where} at the end of each training; hollow, where that is equal to "
            "L1 at the same budget. Thin lines: the validation curve of that training, moved to end at its mark. Every "
            "schedule ends with small steps, which flatten a curve: that a budget is long enough, only the mark of a "
            "longer one shows.",
            "Lines of PSNR gained against training steps, a colour per loss.",
        )
        return


def budget_ends(study: Study, block: Block) -> pd.DataFrame:
    """Return what losses gained over the input at each budget (ROW, steps, gain, tie), without weight searches."""
    recipes = study.params.recipes
    alike = shared.alike(study, block.recipe)
    means = study.means[(study.means["task"] == block.task) & (study.means["dataset"] == block.dataset)]
    true = fidelity(means["protocol"])
    means = means[(means["metric"] == true[0]) & (means["protocol"] == true[1])]
    start = means.loc[means["loss"].isin(REFERENCES), "value"]
    base, brought = study.references[0], {term for paper in study.about.papers.values() for term in paper.terms}
    shown = [name for name, its in study.terms.items() if len(its) == 1 or (base in its and brought & its.keys())]
    mine = shared.without_sweeps(study.without_unqualified(means))
    mine = mine[(mine["network"] == block.network) & mine["recipe"].isin(alike) & mine["loss"].isin(shown)]
    if start.empty or mine.empty:
        return mine[[*ROW]].assign(steps=0, gain=0.0, tie=False)
    order = {loss: place for place, loss in enumerate(dict.fromkeys([base, *shown]))}
    has_base = set(mine.loc[mine["loss"] == base, "recipe"])
    chosen = {recipes[name].steps: name for name in reversed(alike) if name in has_base}  # of equal ones the first
    mine = mine[mine["recipe"].isin([*chosen.values()])]
    mine = mine.assign(
        steps=[recipes[name].steps for name in mine["recipe"]], gain=mine["value"] - float(start.iloc[0])
    )
    mine = mine[np.isfinite(mine["gain"])]
    beside = study.compared[(study.compared["against"] == base) & (study.compared["dataset"] == block.dataset)]
    beside = records(beside[(beside["metric"] == true[0]) & (beside["protocol"] == true[1])])
    equal = {tuple(row[name] for name in ROW) for row in beside if state("psnr", row, row["baseline"]) == EQUAL}
    ties = [key in equal for key in mine[[*ROW]].itertuples(index=False, name=None)]
    mine = mine.assign(tie=ties, order=mine["loss"].map(order))
    return mine.sort_values(["order", "steps"], kind="stable")[[*ROW, "steps", "gain", "tie"]]


def _converged(ends: pd.DataFrame, courses: pd.DataFrame) -> str:
    """State whether more steps still bring something, by L1's budgets, or by the end of the only one."""
    base = ends[ends["loss"] == ends["loss"].iloc[0]].sort_values("steps")
    *_, last = steps = list(dict.fromkeys(base["steps"]))
    if len(steps) > 1:
        more = float(base["gain"].iloc[-1] - base[base["steps"] == steps[-2]]["gain"].iloc[0])
        text = f"From {steps[-2]:,} to {last:,} steps L1 gains {number('psnr', more, sign=True)} dB more"
        return f"{text}: {steps[-2]:,} steps have {'not ' if more >= SMALLEST['psnr'] else ''}converged"
    tails = [part["y"].iloc[-1] - part["y"].iloc[-2] for _, part in courses.groupby("loss") if len(part) > 1]
    if not tails:
        return f"One budget alone, {last:,} steps: whether it has converged is not known"
    before = int(courses["step"].sort_values().unique()[-2])
    still = f"From step {before:,} to the end at {last:,} losses still gain {min(tails):.2f} to {max(tails):.2f} dB"
    return f"{still}: nothing shows that this budget has converged"


def weights(study: Study) -> Iterator[StudyFigure]:
    """Draw the sweeps of terms' weights, those beside the same loss in one figure."""
    found = shared.by_measure(study, shared.on_largest(study, weight_sweep(study)), SWEEP_METRICS)
    for key, part in shared.labelled(study, found).groupby(["task", "network", "against", "dataset"], sort=False):
        task, network, against, dataset = map(str, key)  # pyright: ignore[reportArgumentType]
        base = study.titles[against]
        rows = part.assign(line=part["term"].map(study.term_title), x=part["weight"], y=part["value"])
        levels = rows.assign(line=base, y=rows["baseline"]).drop_duplicates("panel")
        perceptual = next((name for name in (*PERCEPTUAL, "psnr") if name in set(part["metric"])), "psnr")
        best = min(records(part[part["metric"] == perceptual]), key=lambda row: badness(perceptual, row["value"]))
        change = shared.says(perceptual, best["value"] - best["baseline"])
        yield StudyFigure(
            f"weights_{task}_{shared.file_name(network)}_{against}",
            "Each loss at its best weight",
            lines_figure(
                rows, f"weight ({ALPHA} of SPLoss)", columns=3, log_x=True, levels=levels, least=shared.least_of(rows)
            ),
            f"Best in {metric_title(perceptual)} of what was tried beside {base}: "
            f"{study.term_title(best['term'])} at {best['weight']:g}, where {change}",
            f"Each term at several weights (SPLoss: at several alphas) beside {base}; {shared.network_title(network)}, "
            f"{name_title(task)}, {name_title(dataset)}; of VGG and LPIPS features the MDF paper's search. "
            f"The dashed line is {base} alone, the grey band what counts for nothing; coloured bands are 95 % "
            "intervals of the paired difference.",
            "Line plots of measures against the weight of a term, on a log scale.",
        )


FIGURES = {"tradeoff": tradeoffs, "budget": budgets, "weights": weights}
NEEDS = {
    "tradeoff": ("a network that five losses were trained on, and their PSNR and LPIPS (or gradient variance)", ""),
    "budget": ("the record of a training that counts, and the scores of its input", ""),
    "weights": ("one term at several weights beside the same loss", r"_w\d"),
}
