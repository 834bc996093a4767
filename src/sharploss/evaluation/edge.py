"""What SPLoss computes on a real edge, pixel by pixel."""

import csv
import io
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.files import write_text
from sharploss.losses.filters import laplacian
from sharploss.losses.sploss import sploss_weight
from sharploss.metrics.colour import luma

SIDE = 32
"""Side of the piece that is shown, in pixels."""

COLUMNS = ("row", "column", "target", "output", "laplacian", "error", "penalised", "weight")


def write_edge(path: Path, target: Tensor, output: Tensor, alpha: float = 2.0) -> None:
    """Write the terms of SPLoss at each pixel of the piece of an image with the strongest edge.

    Args:
        path: a csv file of COLUMNS: row and column in the piece, luma of target and output, the Laplacian of the
            target (4 neighbours), output - target, whether the pixel is penalised (1) or not (0), and SPLoss's weight.
        target: ground truth, (3, H, W) uint8.
        output: a restored image, the same shape.
        alpha: SPLoss's penalty.
    """
    truth, restored = (luma(image[None].double() / 255) for image in (target, output))
    weight = sploss_weight(restored, truth, alpha=alpha)
    maps = torch.cat([truth, restored, laplacian(truth), restored - truth, (weight > 1).double(), weight])[:, 0]
    top, left, side = strongest_edge(truth)
    piece = maps[:, top : top + side, left : left + side]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in range(side):
        for column in range(side):
            *values, penalised, last = piece[:, row, column].tolist()
            writer.writerow([row, column, *(f"{value:.6f}" for value in values), int(penalised), f"{last:.6f}"])
    write_text(path, text.getvalue())


def strongest_edge(image: Tensor) -> tuple[int, int, int]:
    """Find the square piece in which values vary most, which an edge of two large areas does.

    Args:
        image: (1, 1, H, W).

    Returns:
        Top, left and side in pixels; the side is SIDE where the image is that large.
    """
    side = min(SIDE, *image.shape[-2:])
    mean, square = (F.avg_pool2d(values, side, stride=1) for values in (image, image**2))
    variance = square - mean**2
    top, left = divmod(int(variance.argmax()), variance.shape[-1])
    return top, left, side
