"""Calibration: our degradations and metrics against numbers that the literature agrees on."""

from collections.abc import Callable, Iterator, Mapping

import torch
from PIL import Image
from torch import Tensor

from sharploss.assets import present
from sharploss.config.tasks import Degradation, parse_degradation
from sharploss.data.degrade import ImagePair, degrade
from sharploss.data.images import crop, read_image
from sharploss.data.imresize import imresize_unrounded
from sharploss.data.jpeg import rounded_luma
from sharploss.data.sets import Item, find_images
from sharploss.metrics import psnr, ssim
from sharploss.record.paths import PUBLISHED, StudyPaths
from sharploss.record.tables import CalibrationRow, load_rows, save_rows
from sharploss.utils.optional import progress_bar

COLUMNS = ("dataset", "kind", "setting", "protocol", "metric", "published", "tolerance", "source", "explanation")
"""Of the published values, which stand beside no measured ones yet."""


def calibrate(files: StudyPaths) -> list[CalibrationRow]:
    """Measure every cell of the published calibration.csv and write the study's calibration.csv.

    Cells: bicubic interpolation of luma by `setting` (the scale), JPEG of `setting` (the quality), and how many
    samples of our low-resolution images differ from published ones. Of what is returned, `status` is "ok", "off" (the
    difference exceeds the tolerance) or "not calibrated" (the set is not here, as `explanation` says). UserError, which
    names the line, where the published values are missing or damaged.
    """
    groups: dict[tuple[str, str, int], list[CalibrationRow]] = {}
    for cell in load_rows(files.root / PUBLISHED / "calibration.csv", CalibrationRow, COLUMNS, "get it back with git"):
        groups.setdefault((cell.kind, cell.dataset, cell.setting), []).append(cell)
    bar = progress_bar(groups.items(), desc="calibrate", unit="cell", leave=False)
    rows = [row for about, cells in bar for row in _compare(cells, _measure(*about))]
    save_rows(files.calibration, CalibrationRow, rows)
    return rows


def off(rows: list[CalibrationRow]) -> list[str]:
    """Return a line for each cell that is off."""
    return [
        f"{row.dataset} {row.kind} {row.setting}: {row.metric} {row.protocol} is {row.measured}, "
        f"published {row.published} (tolerance {row.tolerance})"
        for row in rows
        if row.status == "off"
    ]


def _compare(cells: list[CalibrationRow], measured: Mapping[str, float] | str) -> Iterator[CalibrationRow]:
    for cell in cells:
        if isinstance(measured, str):
            yield cell.model_copy(update={"explanation": measured})
            continue
        value = measured[cell.metric]
        difference = value - float(cell.published)
        status = "ok" if abs(difference) <= float(cell.tolerance) + 1e-9 else "off"
        digits = {"psnr": 3, "ssim": 4}.get(cell.metric, 0)
        found = {"measured": f"{value:.{digits}f}", "difference": f"{difference:+.{digits}f}", "status": status}
        yield cell.model_copy(update=found)


def _measure(kind: str, dataset: str, setting: int) -> Mapping[str, float] | str:
    inputs = [f"{dataset}_matlab_lr_x{setting}"] if kind == "lr" else []
    lacking = [name for name in (dataset, *inputs) if present(name) is None]
    return f"{lacking[0]} is in neither the cache nor a mirror" if lacking else CALIBRATIONS[kind](dataset, setting)


def _bicubic(dataset: str, scale: int) -> dict[str, float]:
    """Measure bicubic down and up as the published rows were: on luma alone, the small image not rounded.

    MATLAB scripts take the luma of a colour file and the values of a grey one (Set14's bridge), so a grey picture in a
    colour file (Set14's man) is measured on its luma.
    """

    def pairs() -> Iterator[ImagePair]:
        for image in _lumas(dataset):
            height, width = (size - size % scale for size in image.shape[-2:])
            target = image[..., :height, :width]
            restored = imresize_unrounded(imresize_unrounded(target, 1 / scale), scale)
            yield target, restored.add(0.5).floor().clamp(0, 255)

    return _means(pairs(), scale)


def _lumas(dataset: str) -> Iterator[Tensor]:
    """Read a set as MATLAB scripts do: (3, H, W) uint8 in three equal channels."""
    for item in find_images(dataset, None, {}):
        with Image.open(item.path) as file:
            grey = file.mode == "L"
        yield _read(item) if grey else rounded_luma(_read(item))


def _read(item: Item) -> Tensor:
    return crop(torch.from_numpy(read_image(item.path)), item.crop)


def _jpeg(dataset: str, quality: int) -> dict[str, float]:
    return _means(_pairs(dataset, parse_degradation({"kind": "jpeg", "quality": quality})), 0)


def _differing(dataset: str, scale: int) -> dict[str, float]:
    tasks = [parse_degradation({"kind": "sr", "scale": scale, "inputs": inputs}) for inputs in ("made", "published")]
    ours, theirs = (_pairs(dataset, task) for task in tasks)
    return {"differing_samples": sum(int((a != b).sum()) for (_, a), (_, b) in zip(ours, theirs, strict=True))}


CALIBRATIONS: dict[str, Callable[[str, int], dict[str, float]]] = {"sr": _bicubic, "jpeg": _jpeg, "lr": _differing}


def _pairs(dataset: str, task: Degradation) -> Iterator[ImagePair]:
    for item in find_images(dataset, task, {}):
        given = None if item.given is None else torch.from_numpy(read_image(item.given))
        yield degrade(_read(item), task, item.name, given)


def _means(pairs: Iterator[ImagePair], border: int) -> dict[str, float]:
    """Return mean PSNR and SSIM of (target, output) pairs in three equal channels."""
    values: list[tuple[float, float]] = []
    for pair in pairs:
        target, output = (image[None].float() / 255 for image in pair)
        values.append((psnr(output, target, "grey8", border).item(), ssim(output, target, "grey8", border).item()))
    columns = zip(*values, strict=True)
    return {name: sum(column) / len(values) for name, column in zip(("psnr", "ssim"), columns, strict=True)}
