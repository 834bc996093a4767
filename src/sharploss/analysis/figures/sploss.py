"""The figures of the SPLoss paper, as measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sharploss.analysis.figures.comparisons import by_measure, trained_pairs
from sharploss.analysis.figures.crops import chosen_files, crops_by_task, tiles_of, with_differences
from sharploss.analysis.figures.study_figure import StudyFigure, file_name, kind_of, not_drawn
from sharploss.analysis.load import EDGE_COLUMNS, read_numbers
from sharploss.analysis.measures import ALPHA, is_shown
from sharploss.analysis.plotting.lines import lines_figure
from sharploss.analysis.plotting.mechanism import maps_figure, profile_figure
from sharploss.analysis.plotting.tiles import tiles_figure
from sharploss.analysis.published import published_values
from sharploss.analysis.stats.intervals import CELL, TRAINED
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import records
from sharploss.analysis.tables.tables import ROW, sweep_runs, with_recipes
from sharploss.config.protocols import MAIN, REFERENCES

if TYPE_CHECKING:
    import pandas as pd

PAPER = "SPLoss"
PAIRS = [("l1", "sploss"), ("mprnet_original", "mprnet_sploss"), ("esrgan", "esrgan_sploss")]
"""What SPLoss replaces, and the loss with SPLoss."""

KINDS = ("sr", "deblur")
"""The kinds of tasks that the paper has."""

MANY_ALPHAS = 5
"""Fewer are a search for the best, and no sweep to draw."""


def mechanism(study: Study) -> Iterator[StudyFigure]:
    """Draw how SPLoss works on a real edge, for the first task of each kind that the paper has."""
    kinds = {kind_of(study, task): task for task in reversed(list(dict.fromkeys(study.runs["task"])))}
    for task in [kinds[kind] for kind in KINDS if kind in kinds]:
        edge, section = read_numbers(study.paths.edge(task), EDGE_COLUMNS), "mechanism"
        yield StudyFigure(
            f"mechanism_profile_{task}",
            section,
            profile_figure(edge),
            "SPLoss across a real edge (after the SPLoss paper's Figure 2, whose text alone we know): a blurred output "
            "errs to the side that the target's Laplacian points to. Where both have the same sign (shaded), the error "
            f"weighs 1 + {ALPHA} times the Laplacian's size, here with {ALPHA} = 2. Task {task}.",
            "Profiles across an edge: target and output luma, Laplacian and error, and the weight of each pixel.",
        )
        yield StudyFigure(
            f"mechanism_maps_{task}",
            section,
            maps_figure(edge),
            "The same quantities on the whole crop (after the SPLoss paper's Figure 3); the output is the input, not "
            f"yet restored. Task {task}.",
            "Maps of target, output, error, Laplacian, penalised pixels and weight around an edge.",
        )


def pictures(study: Study) -> Iterator[StudyFigure]:
    """Draw crops with and without SPLoss, and where they differ from the target: one network per task and pair."""
    name, section, caption = "sploss_crops", "crops_compared", "Crops with and without SPLoss"
    crops, swept, drawn = crops_by_task(study), set(sweep_runs(study)["group"]), set[str]()
    pairs = trained_pairs(study, PAIRS)
    pairs = pairs.assign(last=~pairs["group"].isin(swept)).sort_values("last", kind="stable")  # alpha sweeps first
    for row in records(pairs):
        task, titles = row["task"], {row["base_variant"]: row["base"], row["variant"]: row["loss"]}
        if task in drawn or task not in crops or kind_of(study, task) not in KINDS:
            continue
        files = {crop: chosen_files(study, crop, row["group"], titles) for crop in crops[task]}
        strips = [with_differences(crop, tiles_of(items)) for crop, items in files.items() if items]
        if strips:
            drawn.add(task)
            yield StudyFigure(
                f"{name}_{row['group']}",
                section,
                tiles_figure([strip for pair in strips for strip in pair]),
                f"{caption} (after the SPLoss paper's Figure 1): {row['network']}, {task}. Below each crop its PSNR "
                "(RGB, of the crop); the maps show grey values minus the target's, purple where the output is too "
                "bright, orange where it is too dark.",
                "Crops of target, input, and outputs with and without SPLoss, with difference maps.",
            )
    if not drawn:
        why = "No network was trained with and without SPLoss on a task with crops."
        yield not_drawn(name, section, f"{caption}.", why)


def sweeps(study: Study) -> Iterator[StudyFigure]:
    """Draw every measure against alpha, with L1 and the input; and beside the published changes."""
    levels = sweep_levels(study)
    levels = by_measure(levels, [measure for measure in study.measures if is_shown(measure)])
    levels = levels[levels.groupby(TRAINED)["alpha"].transform("nunique") >= MANY_ALPHAS] if len(levels) else levels
    if levels.empty:
        why = f"No network was trained with SPLoss of {MANY_ALPHAS} or more values of {ALPHA}."
        yield not_drawn("alpha", "alpha", f"Every measure against {ALPHA}.", why)
        return
    for key, part in levels.groupby(["task", "label", "dataset"], sort=False):
        task, network, dataset = map(str, key)  # pyright: ignore[reportArgumentType]
        across = part.drop_duplicates("panel").melt("panel", ["l1", "input"], var_name="line", value_name="y")
        rows = part.assign(line="sploss").rename(columns={"alpha": "x", "value": "y"})
        yield StudyFigure(
            f"alpha_{task}_{file_name(network)}_{dataset}",
            "alpha",
            lines_figure(rows, f"{ALPHA} (penalty)", levels=across),
            f"SPLoss on {network} ({task}), {dataset}: every measure against {ALPHA}. The band is the 95 % interval of "
            f"the paired difference to L1, drawn around L1's value; where it leaves the dashed line, {ALPHA} matters.",
            f"Line plots of each measure against alpha for {network} on {dataset}; numbers in the alpha table.",
        )
    for (task, network), part in levels.groupby(["task", "label"], sort=False):
        yield _beside(study, str(task), str(network), part)
        yield _strip(study, str(task), str(network))


def _beside(study: Study, task: str, network: str, levels: pd.DataFrame) -> StudyFigure:
    changes = beside_published(study, levels)
    order = [("psnr", MAIN[0]), ("ssim", MAIN[0]), ("lpips", "alex_v0.1"), ("niqe", "y")]
    have = set(zip(changes["metric"], changes["protocol"], strict=True))
    name, caption = f"alpha_beside_published_{task}_{file_name(network)}", f"What {ALPHA} changes, from {ALPHA} = 0 on"
    measures = [measure for measure in order if measure in have]
    if not measures:
        why = "None of the measures of the paper's Table 3 was measured."
        return not_drawn(name, "alpha", f"{caption}.", why)
    return StudyFigure(
        name,
        "alpha",
        lines_figure(
            by_measure(changes, measures).rename(columns={"alpha": "x", "change": "y"}),
            ALPHA,
            f"change from {ALPHA} = 0",
            zero=True,
        ),
        f"{caption}: {network} ({task}) as measured beside the SPLoss paper's Table 3 "
        "(NLSN, mean of four test sets; published numbers carry no interval). Bands are 95 % paired intervals. "
        "Budgets and networks differ, so the direction and shape can be compared, not the size.",
        "Line plots of the change of PSNR, SSIM, LPIPS and NIQE against alpha, measured and published.",
    )


def beside_published(study: Study, levels: pd.DataFrame) -> pd.DataFrame:
    """Return the changes from L1 (alpha 0) on, measured per test set and published in the SPLoss paper's Table 3.

    Returns:
        Of `levels` (of one network) and Table 3, for the measures that Table 3 has: columns line, metric, protocol,
        alpha, change, low, high.
    """
    import pandas as pd

    table = published_values(study.root)
    table = table[(table["table"] == "sploss_table3") & table["alpha"].notna()]
    measured = levels[levels["metric"].isin(table["metric"])]
    usual = ~measured["metric"].isin(["psnr", "ssim"]) | measured["protocol"].isin(MAIN)
    measured = measured[usual].sort_values("alpha", kind="stable")
    measured = measured.assign(line="measured: " + measured["label"] + ", " + measured["dataset"])
    names = measured.drop_duplicates("metric").set_index("metric")["protocol"]
    published = table[table["metric"].isin(measured["metric"])].assign(low=float("nan"), high=float("nan"))
    # Under the name of our protocol, to share a panel: changes, unlike values, can be looked at side by side.
    published = published.assign(protocol=published["metric"].map(names), line="published: NLSN, mean of four sets")
    zero = published.loc[published["alpha"] == 0, ["metric", "value"]].rename(columns={"value": "l1"})
    both = pd.concat([measured, published.merge(zero, on="metric")], ignore_index=True)
    moved = {name: both[name] - both["l1"] for name in ("low", "high")}
    columns = ["line", "metric", "protocol", "alpha", "change", "low", "high"]
    return both.assign(change=both["value"] - both["l1"], **moved)[columns]


def _strip(study: Study, task: str, network: str) -> StudyFigure:
    name = f"alpha_strip_{task}_{file_name(network)}"
    caption = f"One crop as {network} ({task}) restores it, from {ALPHA} = 0, which is L1, to the largest."
    runs = with_recipes(sweep_runs(study), sweep_runs(study))
    runs = runs[(runs["task"] == task) & (runs["label"] == network)].drop_duplicates("alpha")
    crops = crops_by_task(study).get(task)
    if not crops:
        return not_drawn(name, "alpha", caption, f"{task} has no crops in params.yaml.")
    titles = {str(row["variant"]): f"{ALPHA} = {row['alpha']:g}" for row in records(runs)}
    files = chosen_files(study, crops[0], str(runs["group"].iloc[0]), titles)
    if files is None:
        return not_drawn(name, "alpha", caption, "Some of the sweep's runs have no crop.")
    target, *outputs = tiles_of(files)
    half = -(-len(outputs) // 2)
    strips = [with_differences("", [target, *part]) for part in (outputs[:half], outputs[half:])]
    return StudyFigure(
        name,
        "alpha",
        tiles_figure([strip for pair in strips for strip in pair]),
        f"{caption} Below the crops: grey values minus the target's (purple: too bright).",
        "Crops for growing alpha, each with a map of its difference to the target.",
    )


def sweep_levels(study: Study) -> pd.DataFrame:
    """Return, per point of the sweeps: value, low, high (L1 plus the paired interval), l1, input."""
    runs = with_recipes(sweep_runs(study), sweep_runs(study))[[*ROW, "alpha", "label"]].drop_duplicates()
    inputs = study.means[study.means["loss"].isin(REFERENCES)].rename(columns={"value": "input"})
    keys = ["task", "dataset", "metric", "protocol"]
    changes = study.compared[study.compared["against"] == "l1"]
    levels = study.means.merge(runs).merge(changes, on=CELL, how="left").merge(inputs[[*keys, "input"]], on=keys)
    levels["l1"] = levels["baseline"]
    levels["low"] += levels["l1"]
    levels["high"] += levels["l1"]
    return levels.sort_values([*TRAINED, "alpha"], kind="stable", ignore_index=True)


FIGURES, TERMS = (pictures, mechanism, sweeps), ("sploss",)
