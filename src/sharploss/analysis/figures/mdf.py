"""The comparisons of the MDF page and the searches for weights, from our runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sharploss.analysis.figures.drawing import Drawing, file_name, labelled, missing
from sharploss.analysis.load import Study
from sharploss.analysis.measures import Measure, is_shown, measures_of
from sharploss.analysis.plotting.changes import FAR, changes_figure
from sharploss.analysis.plotting.weights import weights_figure
from sharploss.analysis.stats.baselines import Terms, terms_of
from sharploss.analysis.stats.intervals import differences
from sharploss.analysis.stats.weight_sweep import weight_sweep
from sharploss.analysis.tables.layout import records
from sharploss.analysis.tables.tables import first_tested

if TYPE_CHECKING:
    import pandas as pd

PIXELS = {"l1", "l2", "ssim", "ms_ssim"}
FEATURES = {"vgg", "lpips", "mdf"}
METRICS = ("psnr", "ssim", "lpips", "gradient_variance_ratio")
BASE = "l2"


def shown(study: Study, measured: pd.DataFrame, metrics: tuple[str, ...] = METRICS) -> list[Measure]:
    """List the measures that a figure shows, of those that its rows have (columns metric, protocol).

    PSNR and SSIM are shown as they stand for fidelity, which differs between colour and grey tasks: rows of both kinds
    give a measure each.
    """
    here = set(zip(measured["metric"], measured["protocol"], strict=True))
    found = [measure for measure in measures_of(study) if measure in here and is_shown(measure)]
    return [measure for metric in metrics for measure in found if measure[0] == metric]


def is_compared(terms: Terms) -> bool:
    """Say whether the MDF page compares such a loss: a pixel loss alone, or features with or without one."""
    return (set(terms) <= PIXELS | FEATURES and bool(set(terms) & FEATURES)) or (
        len(terms) == 1 and set(terms) <= PIXELS
    )


def comparisons(study: Study) -> Iterator[Drawing]:
    """Draw, per task on which an MDF loss was to be trained, the page's losses against the squared error."""
    terms = terms_of(study)
    with_mdf = {loss for loss, its in terms.items() if "mdf" in its}
    tasks = dict.fromkeys(study.runs.loc[study.runs["loss"].isin(with_mdf), "task"])
    if not tasks:
        caption = "Losses on features against the squared error, per task (after the MDF page)."
        yield missing("mdf", "mdf", caption, "No run has an MDF loss.", "MDF")
    compared = {loss for loss, its in terms.items() if is_compared(its)}
    sets = first_tested(study)
    for task in tasks:
        dataset = str(sets.loc[sets["task"] == task, "dataset"].iloc[0])
        yield _comparison(study, str(task), dataset, compared)


def _comparison(study: Study, task: str, dataset: str, compared: set[str]) -> Drawing:
    name = f"mdf_{task}"
    caption = (
        f"The MDF page's comparison on {task} ({dataset}): each loss against the squared error of the same network and "
        f"recipe, image by image, with 95 % intervals. {FAR} The page prints no numbers."
    )
    changes = usual_weights(changes_against(study, task, dataset, compared), terms_of(study))
    if changes.empty:
        return missing(name, "mdf", caption, f"No loss to compare was trained beside {BASE} on {task}.", "MDF")
    runs = study.runs[(study.runs["task"] == task) & study.runs["loss"].isin(compared - set(changes["row"]))]
    gone = {str(row["loss"]): "not trained: no weights" for row in records(runs) if row["status"] == "not_trained"}
    gone |= {str(row["loss"]): "diverged" for row in records(runs) if row["status"] == "diverged"}
    figure = changes_figure(changes, shown(study, changes), BASE, gone)
    return Drawing(name, "mdf", figure, caption, "Dot plots of the change of each measure, a row per loss.", "MDF")


def changes_against(study: Study, task: str, dataset: str, losses: set[str], base: str = BASE) -> pd.DataFrame:
    """Give the changes of losses against another one of the same task, network and recipe.

    Returns:
        Columns row (the loss), series (the network, with its recipe where there are several), metric, protocol,
        difference, low, high.
    """
    scores = study.scores[(study.scores["task"] == task) & (study.scores["dataset"] == dataset)]
    found = differences(scores[scores["loss"].isin({*losses, base})], [base])
    found = labelled(study, found).rename(columns={"loss": "row", "network": "series"})
    return found[["row", "series", "metric", "protocol", "difference", "low", "high"]]


def usual_weights(changes: pd.DataFrame, terms: dict[str, Terms]) -> pd.DataFrame:
    """Keep networks that have a loss on features, and of losses of the same terms those that most networks have."""
    featured = {loss for loss, its in terms.items() if set(its) & FEATURES}
    mine = changes[changes["series"].isin(changes.loc[changes["row"].isin(featured), "series"])]
    used = mine.groupby("row")["series"].nunique()
    alike = {
        row: [other for other in used.index if set(terms[str(other)]) == set(terms[str(row)])] for row in used.index
    }
    kept = [row for row, others in alike.items() if used[row] == used[others].max()]
    return mine[mine["row"].isin(kept)].reset_index(drop=True)


SEARCHES: dict[str, tuple[str, str, tuple[str, ...], str]] = {
    "mdf_weights": ("MDF", "mdf", ("vgg", "lpips"), "The MDF page's search: weight of VGG or LPIPS features"),
    "second_order_weights": ("SOG", "second_order", ("second_order",), "Weight of the second-order gradient term"),
    "tuned_weights": (
        "",
        "tuned",
        ("gv", "second_order", "tv", "mdf", "sploss"),
        "Each term at several weights (SPLoss: at several alphas), of which the table 'tuned' takes the best",
    ),
}
"""Name -> paper, section, terms, caption."""


def searches(study: Study) -> Iterator[Drawing]:
    """Draw the searches for weights: of VGG and LPIPS, of the second-order term, and of all terms beside each other."""
    found = weight_sweep(study)
    sets = first_tested(study)
    found = found.merge(sets, on=["task", "dataset"])
    for name, (paper, section, terms, caption) in SEARCHES.items():
        part = found[found["term"].isin(terms)]
        if part.empty:
            why = f"No two weights of {' or '.join(terms)} were trained beside the loss without it."
            yield missing(name, section, f"{caption}.", why, paper)
        for key, one in labelled(study, part).groupby(["task", "network", "against", "dataset"], sort=False):
            task, network, against, dataset = map(str, key)  # pyright: ignore[reportArgumentType]
            measures = shown(study, one, ("psnr", "lpips", "gradient_variance_ratio"))
            yield Drawing(
                f"{name}_{task}_{file_name(network)}_{against}",
                section,
                weights_figure(one.assign(line=one["term"]), measures),
                f"{caption}, beside {against}; {network}, {task}, {dataset}. The dashed line is {against} alone; bands "
                "are 95 % intervals of the paired difference.",
                "Line plots of measures against the weight of a term, on a log scale.",
                paper,
            )


def second_order(study: Study) -> Iterator[Drawing]:
    """Draw what the second-order term changes for every network that has it, against L1."""
    name, caption = "second_order", "The second-order gradient term against L1, per network"
    losses = {loss for loss, terms in terms_of(study).items() if set(terms) == {"l1", "second_order"}}
    sets = first_tested(study)
    parts = [
        changes_against(study, str(row["task"]), str(row["dataset"]), losses, "l1").assign(task=row["task"])
        for row in records(sets)
    ]
    import pandas as pd

    changes = pd.concat(parts, ignore_index=True)
    if changes.empty:
        yield missing(name, name, f"{caption}.", "No network was trained with L1 with and without it.", "SOG")
        return
    changes["row"], changes["series"] = changes["series"] + ", " + changes["task"], changes["row"]
    measures = shown(study, changes, ("psnr", "lpips", "fid", "gradient_variance_ratio"))
    yield Drawing(
        name,
        name,
        changes_figure(changes, measures, "l1"),
        f"{caption}, on each task's first test set, with 95 % paired intervals. {FAR} Of the paper the abstract "
        "alone is known: it claims lower LPIPS and FID for every super-resolution network.",
        "Dot plots of the change of each measure, a row per network.",
        "SOG",
    )
