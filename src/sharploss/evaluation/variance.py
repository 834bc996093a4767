"""The curves of the GV paper's Figure 2: how much gradients vary within the patches of an image, truth and outputs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from sharploss.data.pack import Pack
from sharploss.evaluation.crops import Crops
from sharploss.metrics.cached_image import CachedImage
from sharploss.metrics.sharpness import gradient_variances
from sharploss.record.tables import VARIANCE_COLUMNS
from sharploss.utils.files import write_csv

POINTS = 64  # of a curve at most: neighbouring patches of the ranking are averaged


def shown_image(crops: Crops, packs: Sequence[Pack]) -> str | None:
    """Choose the image: the first crop's, or else the first there is; None where there is none."""
    names = [crop.item for crop in crops.values()] + [name for pack in packs for name in pack.names]
    return names[0] if names else None


def write_variances(path: Path, image: str, packs: Sequence[Pack], outputs: Mapping[str, Tensor], border: int) -> None:
    """Write the gradient variance of an image's patches, ranked by that of the ground truth, for each output.

    The variance is the GV loss's: unbiased, of Sobel's horizontal ("x") or vertical ("y") gradients of the grey image
    in [0, 1], in patches of 8x8 pixels. The csv file has VARIANCE_COLUMNS: run, image ("<set>/<image>"), direction,
    rank (0 to 1, the middle of the point's patches in the ranking by the target's variance), how many patches, and
    their mean variance in the target and in the output. `outputs` is {run: restored image, (3, H, W) uint8}.
    """
    target = next(pack.target(pack.names.index(image)) for pack in packs if image in pack.names)
    wanted = _variances(target, border)
    rows = [
        [run, image, direction, *point]
        for run, output in outputs.items()
        for direction, truth, found in zip("xy", wanted, _variances(output, border), strict=True)
        for point in _curve(truth, found)
    ]
    write_csv(path, VARIANCE_COLUMNS, rows)


def _variances(image: Tensor, border: int) -> Tensor:
    """Return (2, patches) of (3, H, W) uint8."""
    return gradient_variances(CachedImage(image[None]), "grey", border)[0].flatten(1)


def _curve(truth: Tensor, found: Tensor) -> list[tuple[str, int, str, str]]:
    """Return rank, number of patches and both mean variances of each point."""
    order = truth.argsort(stable=True)
    curve: list[tuple[str, int, str, str]] = []
    before = 0
    for point in order.tensor_split(min(POINTS, len(order))):
        rank = (before + len(point) / 2) / len(order)
        target, output = (f"{values[point].mean().item():.6g}" for values in (truth, found))
        curve.append((f"{rank:.4f}", len(point), target, output))
        before += len(point)
    return curve
