"""Calibration: our degradations and metrics against numbers that the literature agrees on."""

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sharploss.record.paths import PUBLISHED, StudyPaths
from sharploss.utils.errors import UserError
from sharploss.utils.files import write_text

SETS = (
    "set5",
    "set14",
    "b100",
    "urban100",
    "classic5",
    "live1",
    "set5_matlab_lr_x2",
    "set5_matlab_lr_x3",
    "set5_matlab_lr_x4",
)
"""The catalogue's sets that calibration looks at; it never downloads one."""

COLUMNS: tuple[str, ...] = (
    "dataset",
    "kind",
    "setting",
    "protocol",
    "metric",
    "measured",
    "published",
    "difference",
    "tolerance",
    "status",
    "source",
    "explanation",
)

Row = dict[str, str]

CELLS: dict[str, tuple[Sequence[int], Sequence[str]]] = {
    "sr": (range(2, 5), ("psnr", "ssim")),
    "jpeg": (range(1, 101), ("psnr", "ssim")),
    "lr": (range(2, 5), ("differing_samples",)),
}
"""For each kind of cell its settings and what is measured."""


def calibrate(files: StudyPaths, progress: bool = True) -> list[Row]:
    """Measure every cell of the published calibration.csv and write the study's calibration.csv.

    Cells: bicubic interpolation of luma by `setting` (the scale), JPEG of `setting` (the quality), and how many
    samples of our low-resolution images differ from published ones.

    Args:
        files: of the study.
        progress: show a bar on stderr.

    Returns:
        The rows, of COLUMNS: `status` is "ok", "off" (the difference exceeds the tolerance) or "not calibrated" (the
        set is not here; `explanation` says so).

    Raises:
        UserError: the published values are missing or damaged; the message names the line.
    """
    published = files.root / PUBLISHED / "calibration.csv"
    wanted = read_rows(published)
    _check(published, wanted)
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in wanted:
        groups.setdefault((row["kind"], row["dataset"], row["setting"]), []).append(row)
    rows = [row for about, cells in _bar(groups, progress) for row in _compare(cells, _measure(*about))]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(files.calibration, text.getvalue())
    return rows


def read_rows(path: Path) -> list[Row]:
    """Read a csv file of calibration as rows of text."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: get it back with git.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a csv file ({error}): get it back with git.") from None
    lacking = {"dataset", "kind", "setting", "metric", "published", "tolerance"} - set(rows[0] if rows else ())
    if lacking:
        raise UserError(f"{path} has no column '{min(lacking)}': get it back with git.")
    return rows


def _check(path: Path, rows: list[Row]) -> None:
    """Refuse published rows that cannot be measured or compared."""
    for number, row in enumerate(rows, 2):
        settings, metrics = CELLS.get(row["kind"], ((), ()))
        right = {
            "kind": row["kind"] in CELLS,
            "dataset": row["dataset"] in SETS,
            "setting": row["setting"] in map(str, settings),
            "metric": row["metric"] in metrics,
            "published": _is_number(row["published"]),
            "tolerance": _is_number(row["tolerance"]),
        }
        column = next((column for column in right if not right[column]), None)
        if column:
            raise UserError(f"{path}, line {number}: {column} cannot be {row[column]!r}: get it back with git.")


def _is_number(text: str | None) -> bool:
    try:
        return math.isfinite(float(text or ""))
    except ValueError:
        return False


def off(rows: list[Row]) -> list[str]:
    """Name the cells that are off, a line each."""
    return [
        f"{row['dataset']} {row['kind']} {row['setting']}: {row['metric']} {row['protocol']} is {row['measured']}, "
        f"published {row['published']} (tolerance {row['tolerance']})"
        for row in rows
        if row["status"] == "off"
    ]


def _bar(
    groups: Mapping[tuple[str, str, str], list[Row]], progress: bool
) -> Iterator[tuple[tuple[str, str, str], list[Row]]]:
    from tqdm import tqdm

    yield from tqdm(groups.items(), desc="calibrate", unit="cell", disable=None if progress else True, leave=False)


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
    """Return the means over a set by metric, or why the set cannot be measured."""
    from sharploss.assets import present

    lacking = [name for name in (dataset, *_inputs(kind, dataset, setting)) if present(name) is None]
    return f"{lacking[0]} is in neither the cache nor a mirror" if lacking else KINDS[kind](dataset, int(setting))


def _inputs(kind: str, dataset: str, setting: str) -> list[str]:
    return [f"{dataset}_matlab_lr_x{setting}"] if kind == "lr" else []


def _bicubic(dataset: str, scale: int) -> dict[str, float]:
    """Measure bicubic down and up as the published rows were: on luma alone, the small image not rounded.

    MATLAB scripts take the luma of a colour file and the values of a grey one (Set14's bridge), so a grey picture in a
    colour file (Set14's man) is measured on its luma.
    """
    from sharploss.data.imresize import imresize_unrounded

    def pairs() -> Iterator[tuple[Any, Any]]:
        for image in _lumas(dataset):
            height, width = (size - size % scale for size in image.shape[-2:])
            target = image[..., :height, :width]
            restored = imresize_unrounded(imresize_unrounded(target, 1 / scale), scale)
            yield target, restored.add(0.5).floor().clamp(0, 255)

    return _means(pairs(), scale)


def _lumas(dataset: str) -> Iterator[Any]:
    """Read a set as MATLAB scripts do: (3, H, W) uint8 in three equal channels."""
    import torch
    from PIL import Image

    from sharploss.data.images import crop, read_image
    from sharploss.data.jpeg import rounded_luma
    from sharploss.data.sets import find_images

    for item in find_images(dataset, {"scale": 1}, {}):
        image = crop(torch.from_numpy(read_image(item.path)), item.crop)
        with Image.open(item.path) as file:
            yield image if file.mode == "L" else rounded_luma(image)


def _jpeg(dataset: str, quality: int) -> dict[str, float]:
    task = {"kind": "jpeg", "scale": 1, "quality": quality, "colour": "grey", "seed": 0}
    return _means(_pairs(dataset, task), 0)


def _differing(dataset: str, scale: int) -> dict[str, float]:
    made = {"kind": "sr", "scale": scale, "kernel": "bicubic", "mod_crop": True, "inputs": "made", "seed": 0}
    ours, theirs = (_pairs(dataset, {**made, "inputs": inputs}) for inputs in ("made", "published"))
    return {"differing_samples": sum(int((a != b).sum()) for (_, a), (_, b) in zip(ours, theirs, strict=True))}


KINDS: dict[str, Callable[[str, int], dict[str, float]]] = {"sr": _bicubic, "jpeg": _jpeg, "lr": _differing}


def _pairs(dataset: str, task: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    import torch

    from sharploss.data.degrade import degrade
    from sharploss.data.images import crop, read_image
    from sharploss.data.sets import find_images

    for item in find_images(dataset, task, {}):
        given = None if item.given is None else torch.from_numpy(read_image(item.given))
        yield degrade(crop(torch.from_numpy(read_image(item.path)), item.crop), task, item.name, given)


def _means(images: Iterator[tuple[Any, Any]], border: int) -> dict[str, float]:
    """Return mean PSNR and SSIM of (target, output) pairs in three equal channels."""
    from sharploss.metrics import psnr, ssim

    values: list[tuple[float, float]] = []
    for images_of_one in images:
        target, output = (image[None].float() / 255 for image in images_of_one)
        values.append((psnr(output, target, "grey8", border).item(), ssim(output, target, "grey8", border).item()))
    columns = zip(*values, strict=True)
    return {name: sum(column) / len(values) for name, column in zip(("psnr", "ssim"), columns, strict=True)}
