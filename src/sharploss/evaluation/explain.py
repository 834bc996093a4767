"""What protocols do to numbers: one picture, restored once, measured under every protocol there is."""

from pathlib import Path

import torch
from torch import Tensor

from sharploss.assets import locate
from sharploss.config.protocols import METRIC_INFO, PROTOCOLS
from sharploss.data import imresize, read_image
from sharploss.evaluation.score import load_measures
from sharploss.metrics import SET_METRICS, CachedImage
from sharploss.record.tables import ProtocolRow, save_rows

IMAGE, SCALE = "skimage_test", 4
"""The first picture of a set that every machine has, made smaller by so much and enlarged again, both by bicubic."""


def explain_protocols(path: Path) -> list[ProtocolRow]:
    """Measure the picture under every protocol, write protocols.csv and return its rows, in the order of PROTOCOLS.

    "grey8" is measured on the colour picture too, though studies measure grey tasks alone under it, and so without a
    border. Metrics of whole sets are left out.
    """
    target = torch.from_numpy(read_image(locate(IMAGE)[0]))
    height, width = (size // SCALE * SCALE for size in target.shape[1:])
    target = target[:, :height, :width]
    rows = measure_all(imresize(imresize(target, 1 / SCALE), SCALE), target)
    save_rows(path, ProtocolRow, rows)
    return rows


def measure_all(output: Tensor, target: Tensor) -> list[ProtocolRow]:
    """Measure one pair of (3, H, W) uint8 under every protocol."""
    measures = load_measures()
    restored, truth = (CachedImage(image[None]) for image in (output, target))
    rows: list[ProtocolRow] = []
    for protocol in PROTOCOLS:
        for metric, info in METRIC_INFO.items():
            if metric in SET_METRICS or protocol not in _protocols(metric):
                continue
            if metric in measures.not_measured:
                why = f"not measured: {measures.not_measured[metric]}"
                rows.append(ProtocolRow(protocol=protocol, metric=metric, value="", note=why))
                continue
            border = 0 if protocol == "grey8" else SCALE  # which is for tasks that keep the size
            value = f"{measures.of_image[metric](restored, truth, protocol, border).item():.{info['decimals']}f}"
            rows.append(ProtocolRow(protocol=protocol, metric=metric, value=value, note=""))
    return rows


def _protocols(metric: str) -> tuple[str, ...]:
    known = METRIC_INFO[metric]["protocols"]
    if metric in ("psnr", "ssim"):
        known = (*known, "y_unrounded")
    return (*known, "grey8") if "y" in known and metric != "niqe" else known
