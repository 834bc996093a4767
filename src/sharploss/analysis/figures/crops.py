"""Crops of test images: which there are, their files, and how the figures and the page's explorer show them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from sharploss.analysis.plotting.pixels import Floats, grey, psnr, read_picture, sobel
from sharploss.analysis.plotting.tiles import Strip, Tile
from sharploss.analysis.study import Study
from sharploss.analysis.tables.tables import pairing_rows
from sharploss.analysis.titles import name_title
from sharploss.config.protocols import METRIC_INFO
from sharploss.config.sections import Crop
from sharploss.record.explorer import load_explorer
from sharploss.record.keys import TARGET, group_of, network_of, task_of
from sharploss.utils.errors import UserError
from sharploss.utils.files import intact

Files = list[tuple[str, Path]]
"""Pictures of a crop as (title, PNG file): the target and the input (bicubic, or the degraded image) first."""


def crops_of(study: Study, task: str = "") -> dict[str, Crop]:
    """Return the crops of params.yaml (of one task, or all) whose test set was scored, by name."""
    tested = set(study.scores[["task", "dataset"]].drop_duplicates().itertuples(index=False, name=None))
    crops = {name: crop for name, crop in study.params.crops.items() if task in ("", crop.task)}
    return {name: crop for name, crop in crops.items() if (crop.task, crop.dataset) in tested}


def reference_name(study: Study, task: str) -> str:
    """Name the input baseline of a task: "bicubic" or "input"."""
    return str(study.runs.loc[study.runs["task"] == task, "reference"].iloc[0])


def crop_files(study: Study, crop: str, group: str, titles: dict[str, str]) -> Files:
    """List the pictures of a crop for some runs of "<task>-<network>" (variant -> title), be they there or not."""
    task = study.params.crops[crop].task
    inputs = [
        (name, study.paths.input_baseline_crop(task, crop, name)) for name in (TARGET, reference_name(study, task))
    ]
    return inputs + [(title, study.paths.crop(group, crop, variant)) for variant, title in titles.items()]


def chosen_files(study: Study, crop: str, group: str, titles: dict[str, str]) -> Files | None:
    """List the pictures of a crop as `crop_files` does; None where one of them is missing."""
    files = crop_files(study, crop, group, titles)
    return files if all(path.is_file() for _, path in files) else None


def tiles_of(items: Files) -> list[Tile]:
    """Read pictures as tiles; the first is the target, and below each other one stands its PSNR."""
    pictures = [(title, read_picture(path)) for title, path in items]
    notes = [psnr(picture, pictures[0][1]) for _, picture in pictures]
    return [
        Tile(title, picture, "" if note == float("inf") else f"{note:.2f} dB")
        for (title, picture), note in zip(pictures, notes, strict=True)
    ]


def with_differences(crop: str, tiles: list[Tile]) -> list[Strip]:
    """Return a strip of pictures, the target first, and one of their grey values minus the target's."""
    target, *outputs = [grey(tile.values) for tile in tiles if tile.values is not None]
    maps = [Tile("", None), *(Tile("", output - target) for output in outputs)]
    return [Strip(crop, tiles), Strip("minus target", maps, "signed")]


def explorer(study: Study, folder: Path) -> list[dict[str, Any]]:
    """List every crop of every network, with addresses of the pictures for a page in `folder`.

    First those that pipelines/explorer.py has made, if it has, then the crops of params.yaml. Per crop: name, image,
    task and networks, each with name, title, width, height (pixels) and pictures: name (of the variant), loss, title,
    address ("" where it is missing, and why) and scores, pairs of texts; the target and the input come first.
    """
    finished, found = study.runs[study.runs["status"] == "finished"].merge(pairing_rows(study)), _made(study, folder)
    for name, crop in crops_of(study).items():
        groups = finished[finished["task"] == crop.task].groupby("group", sort=False)
        networks = [_network(study, name, str(group), list(part["variant"].unique()), folder) for group, part in groups]
        if networks:
            found.append({"name": name, "image": crop.image, "task": crop.task, "networks": networks})
    return found


def _made(study: Study, folder: Path) -> list[dict[str, Any]]:
    """Read what pipelines/explorer.py has made (sharploss.evaluation.explorer)."""
    found = list[dict[str, Any]]()
    with intact(study.paths.explorer_index):
        for crop in load_explorer(study.paths):
            networks = list[dict[str, Any]]()
            for network in crop.networks:
                group = group_of(crop.task, network.name)
                names, pictures = _names(study, group), list[dict[str, Any]]()
                for one in network.pictures:
                    file = _file(study.paths.explorer / one.file) if one.file else None
                    scores = [_score(metric, value) for metric, value in one.scores.items()]
                    shown = {"address": address(file, folder) if file else "", "scores": scores}
                    pictures.append({**names[one.variant], **shown, "missing": one.missing})
                about = {"name": network.name, "title": name_title(network.name)}
                networks.append({**about, "width": crop.width, "height": crop.height, "pictures": pictures})
            found.append({"name": crop.name, "image": crop.image, "task": crop.task, "networks": networks})
    return found


def _score(metric: str, value: float) -> tuple[str, str]:
    info = METRIC_INFO[metric]
    return info["title"], f"{value:.{info['decimals']}f} {info['unit']}".strip()


def _names(study: Study, group: str) -> dict[str, dict[str, str]]:
    """Return what each picture of a group is of and called, by its variant; recipes where a loss has several."""
    inputs = (TARGET, reference_name(study, task_of(group)))
    names = {name: {"name": name, "loss": name, "title": name_title(name).capitalize()} for name in inputs}
    runs = study.runs[study.runs["group"] == group].drop_duplicates("variant")
    columns = (runs["variant"], runs["loss"], runs["recipe"], runs["loss"].duplicated(keep=False))
    for variant, loss, recipe, is_one_of_several in zip(*columns, strict=True):
        title = f"{study.titles[loss]}, {recipe}" if is_one_of_several else study.titles[loss]
        names[variant] = {"name": variant, "loss": loss, "title": title}
    return names


def _network(study: Study, crop: str, group: str, variants: list[str], folder: Path) -> dict[str, Any]:
    """Describe one network's pictures of a crop."""
    files = [(name, _file(path)) for name, path in crop_files(study, crop, group, {name: name for name in variants})]
    target, names = read_picture(files[0][1]), _names(study, group)
    pictures = [
        {**names[name], "address": address(path, folder), "scores": scores_of(read_picture(path), target)}
        for name, path in files
    ]
    height, width = target.shape[:2]
    network = network_of(group)
    return {"name": network, "title": name_title(network), "width": width, "height": height, "pictures": pictures}


def _file(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"{path} is missing: run 'make repro' to make it.")
    return path


def address(path: Path, folder: Path) -> str:
    """Return the address of a file for a page in a folder."""
    return quote(Path(os.path.relpath(path, folder)).as_posix())


def scores_of(picture: Floats, target: Floats) -> list[tuple[str, str]]:
    """Return what was measured on a picture (H, W, 3) in [0, 1] beside its target, each with its name."""
    if np.array_equal(picture, target):
        return []
    whole, scores = gradient_variance(target), [("PSNR (RGB)", f"{psnr(picture, target):.2f} dB")]
    return [*scores, _score("gradient_variance_ratio", gradient_variance(picture) / whole)] if whole else scores


def gradient_variance(picture: Floats) -> float:
    """Return what the metric gradient_variance_ratio is a ratio of (sharploss.metrics.sharpness), without a border."""
    rows, columns = (side // 8 for side in picture.shape[:2])
    blocks = np.stack(sobel(picture))[:, : 8 * rows, : 8 * columns].reshape(2, rows, 8, columns, 8)
    return float(blocks.var(axis=(2, 4), ddof=1).mean()) if blocks.size else 0.0
