"""Every metric of every restored image, as tidy rows."""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sharploss.assets.fetch import AssetMissing
from sharploss.data.pack import Pack, open_pack
from sharploss.errors import UserError
from sharploss.files import write_json, write_text
from sharploss.metrics import METRICS, Measure
from sharploss.metrics.psnr import border_of
from sharploss.protocols import protocols_of

COLUMNS = ("run", "dataset", "image", "metric", "protocol", "value")

Row = tuple[str, str, str, str, str, float]

Restorer = Callable[[Tensor], Tensor]
"""From a degraded image, (3, h, w) uint8, to a restored one, (3, H, W) uint8."""


def open_test_packs(task_name: str, task: Mapping[str, Any], root: Path) -> list[Pack]:
    """Open the packs of a task's test sets, in the task's order; one whose set could not be had holds no image."""
    folder = root / "data" / "packed" / task_name
    return [open_pack(folder / f"test-{name}.safetensors", verify=True) for name in task["test"]]


def missing_sets(packs: Sequence[Pack]) -> dict[str, str]:
    """Give {test set: why it could not be had} and {image: why it could not be used}."""
    return {name: reason for pack in packs for name, reason in (pack.missing | pack.left_out).items()}


def load_measures() -> tuple[dict[str, Measure], dict[str, str]]:
    """Load every metric whose weights can be had.

    Returns:
        The metrics by name, and {metric: why it cannot be measured} for the others.
    """
    measures: dict[str, Measure] = {}
    not_measured: dict[str, str] = {}
    for name, load in METRICS.items():
        try:
            measures[name] = load()
        except AssetMissing as error:
            not_measured[name] = error.reason
    return measures, not_measured


def score_packs(
    packs: Sequence[Pack],
    restorers: Mapping[str, Restorer],
    *,
    task: Mapping[str, Any],
    device: torch.device,
    title: str,
    on_image: Callable[[str, str, Tensor], None],
) -> tuple[list[Row], dict[str, str]]:
    """Restore and measure every image of `packs` with every restorer.

    Args:
        packs: test packs.
        restorers: {run: what restores an image}.
        task: says what is measured under which protocols, and how many pixels are left out on each side.
        device: where metrics are computed.
        title: of the progress bar.
        on_image: called with the image's name ("<set>/<image>"), the run and the restored image (3, H, W) uint8.

    Returns:
        Rows of COLUMNS, and {metric: why it was not measured}. A metric that is undefined on an image has no row there.

    Raises:
        UserError: an image is too small for a metric; the message names it.
    """
    from tqdm import tqdm

    measures, not_measured = load_measures()
    rows: list[Row] = []
    total = len(restorers) * sum(len(pack) for pack in packs)
    with tqdm(total=total, desc=title, unit="image", disable=None) as progress:
        for pack in packs:
            for index, name in enumerate(pack.names):
                degraded, target = pack.input(index), _as_float(pack.target(index), device)
                for run, restorer in restorers.items():
                    restored = restorer(degraded)
                    on_image(name, run, restored)
                    dataset, image = name.split("/", 1)
                    try:
                        rows += _score(measures, (run, dataset, image), _as_float(restored, device), target, task)
                    except UserError as error:
                        raise UserError(f"{name}: {error}") from None
                    progress.update()
    for _, dataset, image, metric, _, value in rows:
        if math.isnan(value):
            not_measured.setdefault(metric, f"it is undefined on {dataset}/{image}")
    return [row for row in rows if not math.isnan(row[-1])], not_measured


def _as_float(image: Tensor, device: torch.device) -> Tensor:
    return image[None].to(device).float() / 255


def _score(
    measures: Mapping[str, Measure],
    about: tuple[str, str, str],
    output: Tensor,
    target: Tensor,
    task: Mapping[str, Any],
) -> list[Row]:
    """Measure one image, of which `about` gives run, data set and name: a row for each metric and protocol."""
    return [
        (*about, metric, protocol, measure(output, target, protocol, border_of(task)).item())
        for metric, measure in measures.items()
        for protocol in protocols_of(metric, task)
    ]


def write_scores(stem: Path, rows: Sequence[Row], notes: Mapping[str, Any]) -> None:
    """Write `<stem>.csv` with the rows, to six decimals, and `<stem>.json` with the notes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((*about, f"{value:.6f}") for *about, value in rows)
    write_text(stem.with_name(f"{stem.name}.csv"), text.getvalue())
    write_json(stem.with_name(f"{stem.name}.json"), notes)
