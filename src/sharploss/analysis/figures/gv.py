"""The figures of the GV paper, from our runs: gradient maps, variance curves, and what the protocol does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sharploss.analysis.figures.crop_files import crops_of
from sharploss.analysis.figures.crops import chosen_files, tiles_of
from sharploss.analysis.figures.drawing import Drawing, missing
from sharploss.analysis.load import Study
from sharploss.analysis.plotting.pixels import sobel
from sharploss.analysis.plotting.protocol import protocol_figure
from sharploss.analysis.plotting.tiles import Strip, Tile, tiles_figure
from sharploss.analysis.plotting.variance import variance_figure
from sharploss.analysis.tables.layout import records
from sharploss.analysis.tables.tables import means
from sharploss.config.protocols import MAIN, REFERENCES

if TYPE_CHECKING:
    import pandas as pd

PAPER = "GV"
PAIRS = [("l2", "l2_gv"), ("l1", "l1_gv"), ("ssim", "ssim_gv")]
"""Bases, and what GV is added to; the first pair that a network has is drawn."""

UNCROPPED = "_no_mod_crop"
"""The end of the names of tasks whose images were not cropped to a multiple of the scale."""


def compared(study: Study) -> pd.DataFrame:
    """List, per task and network with and without GV: group, task, network, base, gv (losses) and their variants."""
    import pandas as pd

    runs = study.runs[study.runs["status"] == "finished"].drop_duplicates(["group", "loss"])
    rows: list[dict[str, str]] = []
    for (group, task, network), part in runs.groupby(["group", "task", "network"], sort=False):
        variants = dict(zip(part["loss"], part["variant"], strict=True))
        pair = next((pair for pair in PAIRS if pair[0] in variants and pair[1] in variants), None)
        if pair:
            about = {"group": str(group), "task": str(task), "network": str(network), "base": pair[0], "gv": pair[1]}
            rows.append(about | {"base_variant": str(variants[pair[0]]), "gv_variant": str(variants[pair[1]])})
    columns = ["group", "task", "network", "base", "gv", "base_variant", "gv_variant"]
    return pd.DataFrame(rows, columns=columns)


def gradients(study: Study) -> Iterator[Drawing]:
    """Draw a crop with its Sobel gradients, of VDSR trained with and without GV, or of the first network that was."""
    name, section = "gv_gradients", "gv"
    caption = "Gradient maps of target, base loss alone and with GV added (after the GV paper's Figure 1)."
    pairs, crops = compared(study), crops_of(study)
    pairs = pairs.assign(first=pairs["network"] != "vdsr").sort_values("first", kind="stable")
    for row in records(pairs):
        for crop in (crop for crop, about in crops.items() if about["task"] == row["task"]):
            files = chosen_files(study, crop, row["group"], [row["base_variant"], row["gv_variant"]])
            if files:
                about = f" {row['network']}, {row['task']}, Sobel's horizontal and vertical gradients of the grey crop"
                yield Drawing(
                    f"{name}_{row['group']}",
                    section,
                    tiles_figure(gradient_strips(tiles_of(files))),
                    f"{caption[:-1]};{about}. Numbers: variance of the map, in per mille.",
                    "A crop and its gradient maps for target, unrestored image, base loss and base loss with GV.",
                    PAPER,
                )
                return
    yield missing(name, section, caption, "No network with crops was trained with and without GV.", PAPER)


def gradient_strips(tiles: list[Tile]) -> list[Strip]:
    """Give pictures and, below, their horizontal and vertical gradients with the variance of each map."""
    found = [sobel(tile.values) for tile in tiles if tile.values is not None]
    maps = [
        [Tile("", pair[axis], f"variance {1000 * float(pair[axis].var(ddof=1)):.1f} ‰") for pair in found]
        for axis in (0, 1)
    ]
    return [Strip("crop", tiles), Strip("horizontal", maps[0], "signed"), Strip("vertical", maps[1], "signed")]


def variances(study: Study) -> Iterator[Drawing]:
    """Draw the curves of gradient variances of the task with most networks that were trained with and without GV."""
    name, section = "gv_variance", "gv"
    caption = "Variance of gradients in patches of 8x8 pixels, ranked by the target's (after the GV paper's Figure 2)"
    pairs = compared(study)
    pairs = pairs[~pairs["task"].str.endswith(UNCROPPED)]
    if pairs.empty:
        yield missing(name, section, f"{caption}.", "No network was trained with and without GV.", PAPER)
    for task in pairs["task"].value_counts().index[:1]:
        part = pairs[pairs["task"] == task]
        curves = variance_curves(study, str(task), part)
        if curves.empty:
            why = "The evaluation left no variance.csv beside the crops: run 'make repro'."
            yield missing(f"{name}_{task}", section, f"{caption}.", why, PAPER)
            return
        yield Drawing(
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
        Columns network ("" for the unrestored image), line, direction, rank, target, output; no rows where files of an
        older evaluation lack them.
    """
    import pandas as pd

    reference = study.paths.input_baseline_variances(task)
    paths = {row["group"]: study.paths.variances(row["group"]) for row in records(pairs)}
    columns = ["network", "line", "direction", "rank", "target", "output"]
    if not all(path.is_file() for path in [reference, *paths.values()]):
        return pd.DataFrame(columns=columns)
    name = str(study.runs.loc[study.runs["task"] == task, "reference"].iloc[0])
    parts = [pd.read_csv(reference).assign(network="", line=name)]
    runs = study.runs.set_index("run")[["loss", "variant"]]
    for row in records(pairs):
        part = pd.read_csv(paths[row["group"]]).join(runs, on="run")
        part = part[part["variant"].isin([row["base_variant"], row["gv_variant"]])]
        parts.append(part.assign(network=row["network"], line=part["loss"]))
    return pd.concat(parts, ignore_index=True)[columns]


def protocol(study: Study) -> Iterator[Drawing]:
    """Draw what leaving out the crop to a multiple of the scale does to PSNR, unrestored images included."""
    name, section = "protocol_mod_crop", "protocols"
    caption = (
        "PSNR of the same networks and losses on images that were cropped to a multiple of the scale, or that Pillow "
        "shrank without a crop, which stretches its grid"
    )
    tasks = [task for task in dict.fromkeys(study.runs["task"]) if str(task).endswith(UNCROPPED)]
    if not tasks:
        yield missing(name, section, f"{caption}.", "The study has no task without that crop.", PAPER)
    for task in tasks:
        pairs = protocol_pairs(study, task)
        if pairs.empty:
            why = f"Nothing was trained both on {task} and on {task.removesuffix(UNCROPPED)}."
            yield missing(f"{name}_{task}", section, f"{caption}.", why, PAPER)
            continue
        yield Drawing(
            f"{name}_{task}",
            section,
            protocol_figure(pairs, ("cropped to a multiple of the scale", "not cropped")),
            f"{caption} ({task.removesuffix(UNCROPPED)}). If the protocol explains EDSR's fall at x3 in the GV paper's "
            "Table 1, the bicubic images fall as far as the networks do.",
            "Dot plots of PSNR with and without the crop, per loss and test set.",
            PAPER,
        )


def protocol_pairs(study: Study, task: str) -> pd.DataFrame:
    """Give PSNR (dB) on a task and on the one with cropped images: columns dataset, loss, usual, other.

    Losses of one network are told apart from those of another as "edsr l1"; unrestored images come first.
    """
    scores = study.scores[(study.scores["metric"] == "psnr") & study.scores["protocol"].isin(MAIN)]
    mean = means(scores)
    keys = ["dataset", "network", "recipe", "loss"]
    usual = mean[mean["task"] == task.removesuffix(UNCROPPED)][[*keys, "value"]].rename(columns={"value": "usual"})
    other = mean[mean["task"] == task][[*keys, "value"]].rename(columns={"value": "other"})
    pairs = other.merge(usual, on=keys)
    pairs = pairs.assign(last=~pairs["loss"].isin(REFERENCES)).sort_values("last", kind="stable")
    pairs["loss"] = (pairs["network"] + " " + pairs["loss"]).str.strip()
    return pairs[["dataset", "loss", "usual", "other"]].reset_index(drop=True)
