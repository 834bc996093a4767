"""What protocols do to numbers: one picture, restored once, measured under every protocol there is."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from sharploss.assets import locate
from sharploss.config.protocols import METRIC_INFO, PROTOCOLS
from sharploss.data import imresize, read_image
from sharploss.evaluation.score import load_measures
from sharploss.metrics import SET_METRICS, CachedImage
from sharploss.utils.files import write_text

IMAGE, SCALE = "skimage_test", 4
"""The first picture of a set that every machine has, made smaller by so much and enlarged again, both by bicubic."""

COLUMNS = ("protocol", "metric", "value", "note")


class Measured(NamedTuple):
    """One number: protocol and metric by their keys, the value to the metric's decimals, or why there is none."""

    protocol: str
    metric: str
    value: str
    note: str


def explain_protocols(folder: Path) -> list[Measured]:
    """Measure the picture under every protocol and write protocols.csv and protocols.md.

    Args:
        folder: where to write.

    Returns:
        The rows of protocols.csv, in the order of PROTOCOLS: "grey8" is measured on the colour picture too, though
        studies measure grey tasks alone under it, and so without a border. Metrics of whole sets are left out.

    Raises:
        UserError: the picture cannot be had.
    """
    path = locate(IMAGE)[0]
    target = torch.from_numpy(read_image(path))
    height, width = (size // SCALE * SCALE for size in target.shape[1:])
    target = target[:, :height, :width]
    rows = measure_all(imresize(imresize(target, 1 / SCALE), SCALE), target)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    write_text(folder / "protocols.csv", text.getvalue())
    about = (
        f"`{path.stem}` of scikit-image ({height}x{width}), made {SCALE} times smaller and enlarged again by bicubic"
    )
    write_text(folder / "protocols.md", _markdown(rows, about))
    return rows


def measure_all(output: Tensor, target: Tensor) -> list[Measured]:
    """Measure one pair under every protocol.

    Args:
        output: (3, H, W) uint8.
        target: the same shape.
    """
    measures = load_measures()
    restored, truth = (CachedImage(image[None]) for image in (output, target))
    rows: list[Measured] = []
    for protocol in PROTOCOLS:
        for metric, info in METRIC_INFO.items():
            if metric in SET_METRICS or protocol not in _protocols(metric):
                continue
            if metric in measures.not_measured:
                rows.append(Measured(protocol, metric, "", f"not measured: {measures.not_measured[metric]}"))
                continue
            border = 0 if protocol == "grey8" else SCALE  # which is for tasks that keep the size
            value = measures.of_image[metric](restored, truth, protocol, border).item()
            rows.append(Measured(protocol, metric, f"{value:.{info['decimals']}f}", ""))
    return rows


def _protocols(metric: str) -> tuple[str, ...]:
    known = METRIC_INFO[metric]["protocols"]
    if metric in ("psnr", "ssim"):
        known = (*known, "y_unrounded")
    return (*known, "grey8") if "y" in known and metric != "niqe" else known


def _markdown(rows: Sequence[Measured], about: str) -> str:
    """Return the page: a table of PSNR and SSIM by protocol, one of the other metrics, and what each protocol means."""
    value = {(row.protocol, row.metric): row.value for row in rows}
    both = [name for name in PROTOCOLS if (name, "psnr") in value]
    lines = ["# One picture under every protocol", "", f"{about}: the same pixels in every row.", ""]
    lines += [
        "| protocol | PSNR (dB) | SSIM | colour | rounding | border | window |",
        "|---|---:|---:|---|---|---|---|",
    ]
    for name in both:
        of = PROTOCOLS[name]
        parts = (of["colour"], of["rounding"], of["border"], of["window"])
        lines.append(f"| {of['title']} | {value[name, 'psnr']} | {value[name, 'ssim']} | {' | '.join(parts)} |")
    lines += ["", "| metric | protocol | value | unit | better |", "|---|---|---:|---|---|"]
    for row in rows:
        if row.metric not in ("psnr", "ssim"):
            info = METRIC_INFO[row.metric]
            better = {"one": "the closer to 1"}.get(info["direction"], info["direction"])
            shown = row.value or "not measured"
            lines.append(
                f"| {info['title']} | {PROTOCOLS[row.protocol]['title']} | {shown} | {info['unit']} | {better} |"
            )
    lines += ["", *(f"- **{of['title']}**: {of['description']}" for of in PROTOCOLS.values())]
    lines += ["", *(f"- **{info['title']}**: {info['description']}" for info in METRIC_INFO.values())]
    return "\n".join(lines) + "\n"
