"""The figures of the SPLoss paper, from our runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sharploss.analysis.figures.crop_files import crops_of
from sharploss.analysis.figures.crops import chosen_files, tiles_of
from sharploss.analysis.figures.drawing import Drawing, file_name, kind_of, missing
from sharploss.analysis.load import Study, load_edge
from sharploss.analysis.measures import ALPHA, measures_of
from sharploss.analysis.plotting.alpha import alpha_figure, beside_figure
from sharploss.analysis.plotting.mechanism import maps_figure, profile_figure
from sharploss.analysis.plotting.pixels import grey
from sharploss.analysis.plotting.tiles import Strip, Tile, tiles_figure
from sharploss.analysis.published import printed
from sharploss.analysis.stats.intervals import TRAINED, differences
from sharploss.analysis.tables.tables import ROW, means, sweep_runs, with_recipes
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


def mechanism(study: Study) -> Iterator[Drawing]:
    """Draw how SPLoss works on a real edge, for the first task of each kind that the paper has."""
    kinds = {task: kind_of(study, task) for task in dict.fromkeys(study.runs["task"])}
    for kind in KINDS:
        for task in [task for task, its in kinds.items() if its == kind][:1]:
            yield from _mechanism(study, task)


def _mechanism(study: Study, task: str) -> Iterator[Drawing]:
    edge = load_edge(study.paths, task)
    yield Drawing(
        f"mechanism_profile_{task}",
        "mechanism",
        profile_figure(edge),
        "SPLoss across a real edge (after the SPLoss paper's Figure 2, whose text alone we know): a blurred output "
        "errs to the side that the target's Laplacian points to. Where both have the same sign (shaded), the error "
        f"weighs 1 + {ALPHA} times the Laplacian's size, here with {ALPHA} = 2. Task {task}.",
        "Profiles across an edge: target and output luma, Laplacian and error, and the weight of each pixel.",
        PAPER,
    )
    yield Drawing(
        f"mechanism_maps_{task}",
        "mechanism",
        maps_figure(edge),
        "The same quantities on the whole crop (after the SPLoss paper's Figure 3): orange pixels are penalised. "
        f"Task {task}.",
        "Maps of target, output, error, Laplacian, penalised pixels and weight around an edge.",
        PAPER,
    )


def pictures(study: Study) -> Iterator[Drawing]:
    """Draw crops with and without SPLoss, and where they differ from the target: one network per task and pair."""
    name, caption = "sploss_crops", "Crops with and without SPLoss (after the SPLoss paper's Figure 1)."
    drawn = False
    crops = crops_of(study)
    tasks = dict.fromkeys(str(crop["task"]) for crop in crops.values())
    for task in [task for task in tasks if kind_of(study, task) in KINDS]:
        mine = [crop for crop, about in crops.items() if about["task"] == task]
        for group, variants in _compared(study, task):
            files = [chosen_files(study, crop, group, variants) for crop in mine]
            strips = [
                strip
                for crop, items in zip(mine, files, strict=True)
                if items
                for strip in with_differences(crop, items)
            ]
            if strips:
                drawn = True
                yield Drawing(
                    f"{name}_{group}",
                    "crops_compared",
                    tiles_figure(strips),
                    f"What SPLoss changes to the eye (after the SPLoss paper's Figure 1): {group.split('-')[1]}, "
                    f"{task}. Below each crop its PSNR (RGB, of the crop); the maps show grey values minus the "
                    "target's, purple where the output is too bright, orange where it is too dark.",
                    "Crops of target, unrestored image, and outputs with and without SPLoss, with difference maps.",
                    PAPER,
                )
                break
    if not drawn:
        yield missing(
            name,
            "crops_compared",
            caption,
            "No network was trained with and without SPLoss on a task with crops.",
            PAPER,
        )


def _compared(study: Study, task: str) -> Iterator[tuple[str, list[str]]]:
    """Give group and variants of networks trained with and without SPLoss, those of an alpha sweep first."""
    runs = study.runs[(study.runs["task"] == task) & (study.runs["status"] == "finished")]
    sweeps = set(sweep_runs(study)["group"])
    for group in sorted(dict.fromkeys(runs["group"]), key=lambda group: group not in sweeps):
        trained = runs.loc[runs["group"] == group, ["loss", "variant"]].drop_duplicates("loss")
        names = dict(zip(trained["loss"], trained["variant"], strict=True))
        for base, loss in PAIRS:
            if base in names and loss in names:
                yield group, [names[base], names[loss]]


def with_differences(crop: str, items: list[tuple[str, Path]]) -> list[Strip]:
    """Give a strip of pictures and one of their grey values minus the target's.

    Args:
        crop: label of the strip.
        items: (title, PNG file), the target first.
    """
    tiles = tiles_of(items)
    target = tiles[0].values
    assert target is not None
    maps = [
        Tile("", None),
        *(Tile("", grey(tile.values) - grey(target)) for tile in tiles[1:] if tile.values is not None),
    ]
    return [Strip(crop, tiles), Strip("minus target", maps, "signed")]


def sweeps(study: Study) -> Iterator[Drawing]:
    """Draw every measure against alpha, with L1 and the unrestored images; and beside the printed changes."""
    levels = sweep_levels(study)
    levels = levels[levels.groupby(TRAINED)["alpha"].transform("nunique") >= MANY_ALPHAS] if len(levels) else levels
    if levels.empty:
        why = f"No network was trained with SPLoss of {MANY_ALPHAS} or more values of {ALPHA}."
        yield missing("alpha", "alpha", f"Every measure against {ALPHA}.", why, PAPER)
        return
    measured = [measure for measure in measures_of(study) if measure[0] not in study.not_measured]
    for (task, network, dataset), part in levels.groupby(["task", "label", "dataset"], sort=False):
        mine = set(zip(part["metric"], part["protocol"], strict=True))
        yield Drawing(
            f"alpha_{task}_{file_name(str(network))}_{dataset}",
            "alpha",
            alpha_figure(part, [measure for measure in measured if measure in mine]),
            f"SPLoss on {network} ({task}), {dataset}: every measure against {ALPHA}. The band is the 95 % interval of "
            f"the paired difference to L1, drawn around L1's value; where it leaves the dashed line, {ALPHA} matters.",
            f"Line plots of each measure against alpha for {network} on {dataset}; numbers in the alpha table.",
            PAPER,
        )
    for (task, network), part in levels.groupby(["task", "label"], sort=False):
        yield _beside(study, str(task), str(network), part)
        yield _strip(study, str(task), str(network))


def _beside(study: Study, task: str, network: str, levels: pd.DataFrame) -> Drawing:
    changes = beside_printed(study, levels)
    order = [("psnr", MAIN[0]), ("ssim", MAIN[0]), ("lpips", "alex_v0.1"), ("niqe", "y")]
    have = set(zip(changes["metric"], changes["protocol"], strict=True))
    return Drawing(
        f"alpha_beside_print_{task}_{file_name(network)}",
        "alpha",
        beside_figure(changes, [measure for measure in order if measure in have]),
        f"What {ALPHA} changes, from {ALPHA} = 0 on: our {network} ({task}) beside the SPLoss paper's Table 3 "
        "(NLSN, mean of four test sets; printed numbers carry no interval). Bands are 95 % paired intervals. "
        "Budgets and networks differ, so the direction and shape can be compared, not the size.",
        "Line plots of the change of PSNR, SSIM, LPIPS and NIQE against alpha, ours and as printed.",
        PAPER,
    )


def beside_printed(study: Study, levels: pd.DataFrame) -> pd.DataFrame:
    """Give the changes from L1 (alpha 0) on, ours per test set and the printed ones of the SPLoss paper's Table 3.

    Args:
        study: the study; Table 3 is read from its results/published.
        levels: rows of `sweep_levels` of one network.

    Returns:
        Columns line, metric, protocol, alpha, change, low, high. Only measures that Table 3 has.
    """
    import pandas as pd

    table = printed(study.root)
    table = table[(table["table"] == "sploss_table3") & table["alpha"].notna()]
    known = table[["metric", "protocol"]].drop_duplicates()
    ours = levels[levels["metric"].isin(known["metric"])]
    ours = ours[~ours["metric"].isin(["psnr", "ssim"]) | ours["protocol"].isin(MAIN)].sort_values(
        "alpha", kind="stable"
    )
    ours = ours.assign(line="ours: " + ours["label"] + ", " + ours["dataset"])
    names = ours.drop_duplicates("metric").set_index("metric")["protocol"]
    theirs = table[table["metric"].isin(ours["metric"])].assign(low=float("nan"), high=float("nan"))
    # Under the name of our protocol, to share a panel: changes, unlike values, can be looked at side by side.
    theirs = theirs.assign(protocol=theirs["metric"].map(names), line="print: NLSN, mean of four sets")
    zero = theirs.loc[theirs["alpha"] == 0, ["metric", "value"]].rename(columns={"value": "l1"})
    both = pd.concat([ours, theirs.merge(zero, on="metric")], ignore_index=True)
    moved = {name: both[name] - both["l1"] for name in ("low", "high")}
    columns = ["line", "metric", "protocol", "alpha", "change", "low", "high"]
    return both.assign(change=both["value"] - both["l1"], **moved)[columns]


def _strip(study: Study, task: str, network: str) -> Drawing:
    name = f"alpha_strip_{task}_{file_name(network)}"
    caption = f"One crop as {network} ({task}) restores it, from {ALPHA} = 0, which is L1, to the largest."
    runs = with_recipes(sweep_runs(study), sweep_runs(study))
    runs = runs[(runs["task"] == task) & (runs["label"] == network)].drop_duplicates("alpha")
    crops = [crop for crop, about in crops_of(study).items() if about["task"] == task]
    if not crops:
        return missing(name, "alpha", caption, f"{task} has no crops in params.yaml.", PAPER)
    files = chosen_files(study, crops[0], str(runs["group"].iloc[0]), list(runs["variant"]))
    if files is None:
        return missing(name, "alpha", caption, "Some of the sweep's runs have no crop.", PAPER)
    titles = ["target", files[1][0], *(f"{ALPHA} = {alpha:g}" for alpha in runs["alpha"])]
    items = [(title, path) for title, (_, path) in zip(titles, files, strict=True)]
    half = -(-(len(items) - 1) // 2)
    pieces = [items[: half + 1], [items[0], *items[half + 1 :]]]
    strips = [strip for piece in pieces for strip in with_differences("", piece)]
    return Drawing(
        name,
        "alpha",
        tiles_figure(strips),
        f"{caption} Below the crops: grey values minus the target's (purple: too bright).",
        "Crops for growing alpha, each with a map of its difference to the target.",
        PAPER,
    )


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
