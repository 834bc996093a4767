"""`plot`: draws every figure of the study and lists them, with captions, in figures.json."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from sharploss.analysis.crops import crop_files, crops_of
from sharploss.analysis.figures.alpha import alpha_figure
from sharploss.analysis.figures.crops import crops_figure
from sharploss.analysis.figures.curves import terms_figure, validation_figure
from sharploss.analysis.figures.mechanism import maps_figure, profile_figure
from sharploss.analysis.figures.pareto import pareto_figure
from sharploss.analysis.figures.ranks import ranks_figure
from sharploss.analysis.figures.style import save, style
from sharploss.analysis.figures.tradeoff import tradeoff_figure
from sharploss.analysis.layout import records
from sharploss.analysis.load import Study, load_edge, load_study
from sharploss.analysis.measures import measures_of, metric_title
from sharploss.analysis.pareto import fronts
from sharploss.analysis.statistics import TRAINED, differences
from sharploss.analysis.tables import ROW, curves, means, pairing_rows, suite_ranks, sweep_runs, with_recipes
from sharploss.files import write_json
from sharploss.protocols import MAIN, REFERENCES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Drawing(NamedTuple):
    """A figure with its file name, heading, caption, and a text for those who cannot see it."""

    name: str
    section: str
    figure: Figure
    caption: str
    alt: str


def plot(root: Path) -> None:
    """Write reports/figures/ of the study in `root`: png, svg, and figures.json, which the report reads.

    Raises:
        UserError: a result file, column or crop is missing; the message names it.
    """
    study, folder = load_study(root), root / "reports" / "figures"
    listed: list[dict[str, str]] = []
    with style():
        for drawing in drawings(study):
            save(drawing.figure, folder, drawing.name)
            about = drawing._asdict()
            listed.append({key: str(about[key]) for key in ("name", "section", "caption", "alt")})
    write_json(folder / "figures.json", listed)


def drawings(study: Study) -> Iterator[Drawing]:
    """Draw the figures one after the other."""
    yield from _tradeoffs(study)
    yield from _fronts(study)
    yield from _ranks(study)
    yield from _sweeps(study)
    yield from _mechanism(study)
    yield from _crops(study)
    yield from _training(study)


def _tradeoffs(study: Study) -> Iterator[Drawing]:
    points = tradeoff_points(study)
    for (task, dataset), part in points.groupby(["task", "dataset"], sort=False):
        yield Drawing(
            f"tradeoff_{task}_{dataset}",
            "tradeoff",
            tradeoff_figure(part),
            f"Truth against sharpness on {dataset} ({task}): each point is a loss, the line is SPLoss from alpha 0 to "
            "its largest. To the right is sharper, upwards is closer to the target pixel by pixel. "
            "The panels have axes of their own.",
            f"Scatter plots of PSNR against gradient-variance ratio per network on {dataset}; numbers in the tables.",
        )


def _fronts(study: Study) -> Iterator[Drawing]:
    named = _labelled(study, fronts(study.scores).merge(pairing_rows(study)[ROW]))
    for (task, dataset), part in named.groupby(["task", "dataset"], sort=False):
        yield Drawing(
            f"pareto_{task}_{dataset}",
            "tradeoff",
            pareto_figure(part),
            f"Truth against likeness on {dataset} ({task}): to the left looks more like the target (LPIPS), upwards is "
            "closer to it pixel by pixel (PSNR). The losses on the dashed line, which are named, are beaten by none.",
            f"Scatter plots of PSNR against LPIPS per network on {dataset}; the front is in the table.",
        )


def _ranks(study: Study) -> Iterator[Drawing]:
    found = suite_ranks(study)
    titles = found["of"].where(found["scope"] != "metric", found["of"].map(metric_title))
    for suite, part in found.assign(panel=titles.replace("", "all")).groupby("suite", sort=False):
        shown = part[part["scope"].isin(["all", "metric"])]
        yield Drawing(
            f"ranks_{suite}",
            "ranks",
            ranks_figure(shown),
            f"Mean rank of each loss ({suite}) over networks and test sets, by all measures and by each; 1 is best. "
            "Lines are 95 % bootstrap intervals over images.",
            "Dot plots of mean ranks with intervals, a panel per metric; numbers in the table of ranks.",
        )


def tradeoff_points(study: Study) -> pd.DataFrame:
    """Give task, dataset, network (with its recipe where there are several), recipe, loss, x, y, alpha, named.

    x is the gradient-variance ratio, y the PSNR, alpha that of a sweep; named are the losses of the tables.
    """
    scored = means(study.scores)
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


def _sweeps(study: Study) -> Iterator[Drawing]:
    levels = sweep_levels(study)
    for (task, network, dataset), part in levels.groupby(["task", "label", "dataset"], sort=False):
        measured = [measure for measure in measures_of(study) if measure[0] not in study.not_measured]
        yield Drawing(
            f"alpha_{task}_{file_name(str(network))}_{dataset}",
            "alpha",
            alpha_figure(part, measured),
            f"SPLoss on {network} ({task}), {dataset}: every measure against alpha. The band is the 95 % interval of "
            "the paired difference to L1, drawn around L1's value; where it leaves the dashed line, alpha matters.",
            f"Line plots of each measure against alpha for {network} on {dataset}; numbers in the alpha table.",
        )


def file_name(label: str) -> str:
    """Turn a network's label, "edsr (mini_gan)", into a part of a file name."""
    return label.replace(" (", "_").replace(")", "")


def sweep_levels(study: Study) -> pd.DataFrame:
    """Give, per point of the sweeps: value, low, high (L1 plus the paired interval), l1, unrestored."""
    runs = sweep_runs(study)[[*ROW, "alpha"]].drop_duplicates()
    sweep = study.scores.merge(runs[TRAINED].drop_duplicates())
    sweep = sweep[sweep["loss"].isin([*runs["loss"], "l1"])]
    keys = ["task", "dataset", "metric", "protocol"]
    unrestored = means(study.scores[study.scores["loss"].isin(REFERENCES)]).rename(columns={"value": "unrestored"})
    levels = (
        means(sweep)
        .merge(runs)
        .merge(differences(sweep, ["l1"]), how="left")
        .merge(unrestored[[*keys, "unrestored"]], on=keys)
    )
    levels["l1"] = levels["baseline"]
    levels["low"] += levels["l1"]
    levels["high"] += levels["l1"]
    levels = with_recipes(sweep_runs(study), levels)
    return levels.sort_values([*TRAINED, "alpha"], kind="stable", ignore_index=True)


def _mechanism(study: Study) -> Iterator[Drawing]:
    for task in dict.fromkeys(study.runs["task"]):
        edge = load_edge(study.root, task)
        yield Drawing(
            f"mechanism_profile_{task}",
            "mechanism",
            profile_figure(edge),
            "SPLoss across a real edge (after the SPLoss paper's Figure 1): a blurred output errs to the side that the "
            "target's Laplacian points to. Where both have the same sign (shaded), the error weighs 1 + alpha times "
            "the Laplacian's size, here with alpha 2.",
            "Profiles across an edge: target and output luma, Laplacian and error, and the weight of each pixel.",
        )
        yield Drawing(
            f"mechanism_maps_{task}",
            "mechanism",
            maps_figure(edge),
            "The same quantities on the whole crop (after the SPLoss paper's Figure 2): orange pixels are penalised.",
            "Maps of target, output, error, Laplacian, penalised pixels and weight around an edge.",
        )


def _crops(study: Study) -> Iterator[Drawing]:
    crops = crops_of(study)
    groups = study.runs[["group", "task", "network"]].drop_duplicates()
    for row in records(groups):
        pictures = {name: crop_files(study, name, row) for name, crop in crops.items() if crop["task"] == row["task"]}
        if pictures:
            yield Drawing(
                f"crops_{row['group']}",
                "crops",
                crops_figure(pictures),
                f"Crops of test images as restored by {row['network']} trained with each loss ({row['task']}).",
                f"Crops of test images: target, unrestored image, and the output of {row['network']} for each loss.",
            )


def _training(study: Study) -> Iterator[Drawing]:
    rows = pairing_rows(study)
    chosen = _labelled(study, curves(study).merge(study.runs[["run", "task"]]).merge(rows))
    terms = _labelled(study, term_lines(study).merge(rows))
    for task in dict.fromkeys(study.runs["task"]):
        yield Drawing(
            f"training_{task}",
            "training",
            validation_figure(chosen[chosen["task"] == task]),
            "Validation PSNR while training: equal steps, equal batches, only the loss differs. "
            "A line that ends early diverged.",
            "Line plots of validation PSNR against the training step, one line per loss, one panel per network.",
        )
        yield Drawing(
            f"terms_{task}",
            "training",
            terms_figure(terms[terms["task"] == task]),
            "Every term of every loss while training (unweighted, log scale); dash patterns are networks.",
            "Line plots of each loss term against the training step.",
        )


def _labelled(study: Study, lines: pd.DataFrame) -> pd.DataFrame:
    """Name every network with its recipe where there are several."""
    return with_recipes(study.runs, lines).drop(columns="network").rename(columns={"label": "network"})


def term_lines(study: Study) -> pd.DataFrame:
    """Give run, task, network, recipe, loss, term, step, value: the record's terms, one row per number."""
    import pandas as pd

    lines = study.history[study.history["event"] == "train"]
    rows = [
        {"run": row["run"], "step": row["step"], "term": term, "value": value}
        for row in records(lines)
        for term, value in cast("dict[str, float | None]", row["terms"]).items()
        if value
    ]
    frame = pd.DataFrame(rows, columns=["run", "step", "term", "value"])
    return frame.merge(study.runs[["run", *ROW]], on="run")
