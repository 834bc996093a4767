"""Calibration: our degradations and metrics against numbers that the literature agrees on."""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import torch
from PIL import Image
from pydantic import BaseModel, Field, FiniteFloat, ValidationError
from torch import Tensor

from sharploss.assets import present
from sharploss.config.tasks import Degradation, parse_degradation
from sharploss.data.degrade import Pair, degrade
from sharploss.data.images import crop, read_image
from sharploss.data.imresize import imresize_unrounded
from sharploss.data.jpeg import rounded_luma
from sharploss.data.sets import Item, find_images
from sharploss.metrics import psnr, ssim
from sharploss.record.paths import PUBLISHED, StudyPaths
from sharploss.record.scores import read_table
from sharploss.utils.errors import UserError
from sharploss.utils.files import write_csv
from sharploss.utils.optional import progress_bar

PUBLISHED_COLUMNS = (
    "dataset", "kind", "setting", "protocol", "metric", "published", "tolerance", "source", "explanation"
)  # fmt: skip
COLUMNS = (
    "dataset", "kind", "setting", "protocol", "metric", "measured", "published", "difference", "tolerance", "status",
    "source", "explanation",
)  # fmt: skip

Row = dict[str, str]


class Published(BaseModel):
    """What a published row must be to be measured and compared."""

    dataset: Literal["set5", "set14", "b100", "urban100", "classic5", "live1"]
    kind: Literal["sr", "jpeg", "lr"]
    setting: int = Field(ge=1, le=100)
    metric: Literal["psnr", "ssim", "differing_samples"]
    published: FiniteFloat
    tolerance: FiniteFloat


def calibrate(files: StudyPaths) -> list[Row]:
    """Measure every cell of the published calibration.csv and write the study's calibration.csv.

    Cells: bicubic interpolation of luma by `setting` (the scale), JPEG of `setting` (the quality), and how many
    samples of our low-resolution images differ from published ones. Of the rows, of COLUMNS, that are returned,
    `status` is "ok", "off" (the difference exceeds the tolerance) or "not calibrated" (the set is not here, as
    `explanation` says). UserError, which names the line, where the published values are missing or damaged.
    """
    published = files.root / PUBLISHED / "calibration.csv"
    wanted = read_table(published, PUBLISHED_COLUMNS)
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for number, row in enumerate(wanted, 2):
        try:
            Published.model_validate(row)
        except ValidationError as error:
            column = str(error.errors()[0]["loc"][0])
            what = f"line {number}: {column} cannot be {row[column]!r}"
            raise UserError(f"{published}, {what}: get it back with git.") from None
        groups.setdefault((row["kind"], row["dataset"], row["setting"]), []).append(row)
    bar = progress_bar(groups.items(), desc="calibrate", unit="cell", leave=False)
    rows = [row for about, cells in bar for row in _compare(cells, _measure(*about))]
    write_csv(files.calibration, COLUMNS, ([row[name] for name in COLUMNS] for row in rows))
    return rows


def off(rows: list[Row]) -> list[str]:
    """Name the cells that are off, a line each."""
    return [
        f"{row['dataset']} {row['kind']} {row['setting']}: {row['metric']} {row['protocol']} is {row['measured']}, "
        f"published {row['published']} (tolerance {row['tolerance']})"
        for row in rows
        if row["status"] == "off"
    ]


def _compare(cells: list[Row], measured: Mapping[str, float] | str) -> Iterator[Row]:
    for cell in cells:
        if isinstance(measured, str):
            reason = {"measured": "", "difference": "", "status": "not calibrated", "explanation": measured}
            yield {**cell, **reason}
            continue
        value = measured[cell["metric"]]
        difference = value - float(cell["published"])
        status = "ok" if abs(difference) <= float(cell["tolerance"]) + 1e-9 else "off"
        digits = {"psnr": 3, "ssim": 4}.get(cell["metric"], 0)
        yield {**cell, "measured": f"{value:.{digits}f}", "difference": f"{difference:+.{digits}f}", "status": status}


def _measure(kind: str, dataset: str, setting: str) -> Mapping[str, float] | str:
    inputs = [f"{dataset}_matlab_lr_x{setting}"] if kind == "lr" else []
    lacking = [name for name in (dataset, *inputs) if present(name) is None]
    return f"{lacking[0]} is in neither the cache nor a mirror" if lacking else KINDS[kind](dataset, int(setting))


def _bicubic(dataset: str, scale: int) -> dict[str, float]:
    """Measure bicubic down and up as the published rows were: on luma alone, the small image not rounded.

    MATLAB scripts take the luma of a colour file and the values of a grey one (Set14's bridge), so a grey picture in a
    colour file (Set14's man) is measured on its luma.
    """

    def pairs() -> Iterator[Pair]:
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


KINDS: dict[str, Callable[[str, int], dict[str, float]]] = {"sr": _bicubic, "jpeg": _jpeg, "lr": _differing}


def _pairs(dataset: str, task: Degradation) -> Iterator[Pair]:
    for item in find_images(dataset, task, {}):
        given = None if item.given is None else torch.from_numpy(read_image(item.given))
        yield degrade(_read(item), task, item.name, given)


def _means(pairs: Iterator[Pair], border: int) -> dict[str, float]:
    """Return mean PSNR and SSIM of (target, output) pairs in three equal channels."""
    values: list[tuple[float, float]] = []
    for pair in pairs:
        target, output = (image[None].float() / 255 for image in pair)
        values.append((psnr(output, target, "grey8", border).item(), ssim(output, target, "grey8", border).item()))
    columns = zip(*values, strict=True)
    return {name: sum(column) / len(values) for name, column in zip(("psnr", "ssim"), columns, strict=True)}
