"""The figures of the GV paper, as measured: gradient maps, variance curves, and what the protocol does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sharploss.analysis.figures.crop_files import chosen_files, crops_by_task, reference_name, variance_files
from sharploss.analysis.figures.crops import tiles_of
from sharploss.analysis.figures.study_figure import UNCROPPED, StudyFigure, not_drawn
from sharploss.analysis.load import Study
from sharploss.analysis.plotting.pixels import sobel
from sharploss.analysis.plotting.protocol import protocol_figure
from sharploss.analysis.plotting.tiles import Strip, Tile, tiles_figure
from sharploss.analysis.plotting.variance import variance_figure
from sharploss.analysis.stats.intervals import means
from sharploss.analysis.tables.layout import records
from sharploss.config.protocols import MAIN, REFERENCES

if TYPE_CHECKING:
    import pandas as pd

PAPER = "GV"
PAIRS = [("l2", "l2_gv"), ("l1", "l1_gv"), ("ssim", "ssim_gv")]
"""Bases, and what GV is added to; the first pair that a network has is drawn."""

PAIR_COLUMNS = ["group", "task", "network", "base", "gv", "base_variant", "gv_variant"]
CURVE_COLUMNS = ["network", "line", "direction", "rank", "target", "output"]


def compared(study: Study) -> pd.DataFrame:
    """List networks trained with and without GV by the same recipe, one pair of losses each: columns PAIR_COLUMNS.

    `base` and `gv` are the losses, `base_variant` and `gv_variant` what their crops and curves are named by.
    """
    import pandas as pd

    runs = study.runs[study.runs["status"] == "finished"]
    rows: list[list[str]] = []
    for (group, task, network, _), part in runs.groupby(["group", "task", "network", "recipe"], sort=False):
        variants = dict(zip(part["loss"], part["variant"], strict=True))
        pairs = [(base, gv, variants[base], variants[gv]) for base, gv in PAIRS if base in variants and gv in variants]
        rows += [[str(group), str(task), str(network), *map(str, pair)] for pair in pairs[:1]]
    return pd.DataFrame(rows, columns=PAIR_COLUMNS).drop_duplicates("group", ignore_index=True)


def gradients(study: Study) -> Iterator[StudyFigure]:
    """Draw a crop with its Sobel gradients, of VDSR trained with and without GV, or of the first network that was."""
    name, section = "gv_gradients", "gv"
    caption = "Gradient maps of target, base loss alone and with GV added (after the GV paper's Figure 1)."
    pairs, crops = compared(study), crops_by_task(study)
    pairs = pairs.assign(other=pairs["network"] != "vdsr").sort_values("other", kind="stable")
    for row in records(pairs):
        titles = {row["base_variant"]: row["base"], row["gv_variant"]: row["gv"]}
        for crop in crops.get(row["task"], []):
            files = chosen_files(study, crop, row["group"], titles)
            if files:
                about = f" {row['network']}, {row['task']}, Sobel's horizontal and vertical gradients of the grey crop"
                yield StudyFigure(
                    f"{name}_{row['group']}",
                    section,
                    tiles_figure(gradient_strips(tiles_of(files))),
                    f"{caption[:-1]};{about}. Numbers: variance of the map, in per mille.",
                    "A crop and its gradient maps for target, unrestored image, base loss and base loss with GV.",
                    PAPER,
                )
                return
    yield not_drawn(name, section, caption, "No network with crops was trained with and without GV.", PAPER)


def gradient_strips(tiles: list[Tile]) -> list[Strip]:
    """Return pictures and, below, their horizontal and vertical gradients with the variance of each map."""
    found = [sobel(tile.values) for tile in tiles if tile.values is not None]
    maps = [
        [Tile("", pair[axis], f"variance {1000 * float(pair[axis].var(ddof=1)):.1f} ‰") for pair in found]
        for axis in (0, 1)
    ]
    return [Strip("crop", tiles), Strip("horizontal", maps[0], "signed"), Strip("vertical", maps[1], "signed")]


def variances(study: Study) -> Iterator[StudyFigure]:
    """Draw the curves of gradient variances of the task with most networks that were trained with and without GV."""
    name, section = "gv_variance", "gv"
    caption = "Variance of gradients in patches of 8x8 pixels, ranked by the target's (after the GV paper's Figure 2)"
    pairs = compared(study)
    pairs = pairs[~pairs["task"].str.endswith(UNCROPPED)]
    if pairs.empty:
        yield not_drawn(name, section, f"{caption}.", "No network was trained with and without GV.", PAPER)
        return
    task = str(pairs["task"].value_counts().index[0])
    curves = variance_curves(study, task, pairs[pairs["task"] == task])
    if curves.empty:
        why = "The evaluation left no variance.csv beside the crops: run 'make repro'."
        yield not_drawn(f"{name}_{task}", section, f"{caption}.", why, PAPER)
        return
    yield StudyFigure(
        f"{name}_{task}",
        section,
        variance_figure(curves),
        f"{caption}; {task}, one test image. To the right the share of the target's variance, on a log scale: GV "
        "is to bring the curve up towards 1, and not beyond; what lies above the black line at 1 has more than the "
        "target. Neighbouring patches of the ranking are averaged.",
        "Curves of gradient variance over ranked patches for target, base loss and base loss with GV.",
        PAPER,
    )


def variance_curves(study: Study, task: str, pairs: pd.DataFrame) -> pd.DataFrame:
    """Read the curves of a task's networks with and without GV, and of the unrestored image.

    Returns:
        Columns CURVE_COLUMNS (network is "" for the unrestored image); no rows where a network of `pairs` has none.
    """
    import pandas as pd

    files, runs = variance_files(study, task, list(pairs["group"])), study.runs.set_index("run")["variant"]
    parts: list[pd.DataFrame] = []
    for row, path in zip(records(pairs), files[1:], strict=False):
        names = {row["base_variant"]: row["base"], row["gv_variant"]: row["gv"]}
        part = pd.read_csv(path).join(runs, on="run")
        part = part[part["variant"].isin(names)]
        parts.append(part.assign(network=row["network"], line=part["variant"].map(names)))
    if not parts or any(part.empty for part in parts):
        return pd.DataFrame(columns=CURVE_COLUMNS)
    reference = pd.read_csv(files[0]).assign(network="", line=reference_name(study, task))
    return pd.concat([reference, *parts], ignore_index=True)[CURVE_COLUMNS]


def protocol(study: Study) -> Iterator[StudyFigure]:
    """Draw what leaving out the crop to a multiple of the scale does to PSNR, unrestored images included."""
    name, section = "protocol_mod_crop", "protocols"
    caption = (
        "PSNR of the same networks and losses on images that were cropped to a multiple of the scale, or that Pillow "
        "shrank without a crop, which stretches its grid"
    )
    tasks = [task for task in dict.fromkeys(study.runs["task"]) if str(task).endswith(UNCROPPED)]
    if not tasks:
        yield not_drawn(name, section, f"{caption}.", "The study has no task without that crop.", PAPER)
    for task in tasks:
        pairs = protocol_pairs(study, task)
        if pairs.empty:
            why = f"Nothing was trained both on {task} and on {task.removesuffix(UNCROPPED)}."
            yield not_drawn(f"{name}_{task}", section, f"{caption}.", why, PAPER)
            continue
        yield StudyFigure(
            f"{name}_{task}",
            section,
            protocol_figure(pairs, ("cropped to a multiple of the scale", "not cropped")),
            f"{caption} ({task.removesuffix(UNCROPPED)}). If the protocol explains EDSR's fall at x3 in the GV paper's "
            "Table 1, the bicubic images fall as far as the networks do.",
            "Dot plots of PSNR with and without the crop, per loss and test set.",
            PAPER,
        )


def protocol_pairs(study: Study, task: str) -> pd.DataFrame:
    """Return PSNR (dB) on a task and on the one with cropped images: columns dataset, loss, usual, other.

    Losses carry the name of their network, as "edsr l1"; unrestored images come first.
    """
    mean = means(study.scores[(study.scores["metric"] == "psnr") & study.scores["protocol"].isin(MAIN)])
    keys = ["dataset", "network", "recipe", "loss"]
    usual, other = (
        mean.loc[mean["task"] == name, [*keys, "value"]].rename(columns={"value": column})
        for name, column in ((task.removesuffix(UNCROPPED), "usual"), (task, "other"))
    )
    pairs = other.merge(usual, on=keys)
    pairs = pairs.assign(last=~pairs["loss"].isin(REFERENCES)).sort_values("last", kind="stable")
    pairs["loss"] = (pairs["network"] + " " + pairs["loss"]).str.strip()
    return pairs[["dataset", "loss", "usual", "other"]].reset_index(drop=True)


FIGURES, TERMS, RIVAL = (gradients, variances, protocol), ("gv",), "tv"
