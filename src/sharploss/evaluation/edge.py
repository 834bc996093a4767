"""What SPLoss computes on a real edge, pixel by pixel."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.functional.colour import luma
from sharploss.functional.filters import laplacian, sobel_x, sobel_y
from sharploss.losses.sploss import SPLoss
from sharploss.record.tables import EDGE_COLUMNS
from sharploss.utils.files import write_csv

SIDE = 32  # of the piece that is shown, in pixels


def write_edge(path: Path, target: Tensor, output: Tensor) -> None:
    """Write the terms of SPLoss at each pixel of the piece of an image, (3, H, W) uint8, with the clearest edge.

    The csv file has EDGE_COLUMNS: row and column in the piece, luma of target and output, the Laplacian of the target
    (4 neighbours), output - target, whether the pixel is penalised (1) or not (0), and SPLoss's weight, of alpha 2.
    """
    truth, restored = (luma(image[None].double() / 255) for image in (target, output))
    weight = SPLoss(alpha=2).weight(restored, truth)
    maps = torch.cat([truth, restored, laplacian(truth), restored - truth, (weight > 1).double(), weight])[:, 0]
    top, left, side = clearest_edge(truth)
    piece = maps[:, top : top + side, left : left + side]
    rows = [
        [row, column, *(f"{value:.6f}" for value in values), int(penalised), f"{last:.6f}"]
        for row in range(side)
        for column in range(side)
        for *values, penalised, last in [piece[:, row, column].tolist()]
    ]
    write_csv(path, EDGE_COLUMNS, rows)


def clearest_edge(image: Tensor) -> tuple[int, int, int]:
    """Find the square piece that shows one sharp edge between two areas best.

    That is where values vary much (two large areas) and strong gradients are few (no texture): the variance times
    the fourth moment of Sobel's gradients over the 3/2 power of their second. From (1, 1, H, W) in [0, 1] to top, left
    and side in pixels, SIDE where the image is that large.
    """
    side = min(SIDE, *image.shape[-2:])
    gradient = sobel_x(image, "replicate") ** 2 + sobel_y(image, "replicate") ** 2
    mean, square, second, fourth = (
        F.avg_pool2d(values, side, stride=1) for values in (image, image**2, gradient, gradient**2)
    )
    clearness = (square - mean**2) * fourth / (second + 1e-4) ** 1.5
    top, left = divmod(int(clearness.argmax()), clearness.shape[-1])
    return top, left, side
