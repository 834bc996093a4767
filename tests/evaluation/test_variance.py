import csv

import numpy as np
import pytest
import torch
from toys import TASK, picture

from sharploss.config.sections import Crop
from sharploss.evaluation.score import open_test_packs
from sharploss.evaluation.variance import POINTS, shown_image, write_variances
from sharploss.metrics.cached_image import CachedImage
from sharploss.record.paths import paths
from sharploss.record.tables import VARIANCE_COLUMNS


def written(study, outputs, border=2, image="toys/first"):
    path = study / "variance.csv"
    write_variances(path, image, open_test_packs("toy", TASK, paths("mini", study)), outputs, border)
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == VARIANCE_COLUMNS
    return [dict(zip(header, row, strict=True)) for row in rows]


def patch_variances(image, axis, border=2):
    """By scipy and numpy: the unbiased variance of a Sobel map in each patch of 8x8."""
    from scipy.ndimage import sobel

    grey = CachedImage(image[None] / 255).seen("grey", border)[0, 0].numpy()
    gradient = sobel(grey, axis=axis, mode="nearest")
    rows, columns = (size // 8 for size in gradient.shape)
    patches = gradient[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8)
    return patches.var(axis=(1, 3), ddof=1).ravel()


@pytest.mark.parametrize(("direction", "axis"), [("x", 1), ("y", 0)])
def test_every_patch_is_a_point_where_there_are_few(study, direction, axis):
    output = picture(7)
    rows = [row for row in written(study, {"run": output}) if row["direction"] == direction]
    target, found = (patch_variances(image, axis) for image in (picture(1), output))
    order = np.argsort(target)
    assert [row["patches"] for row in rows] == ["1"] * len(order)
    np.testing.assert_allclose([float(row["target"]) for row in rows], target[order], rtol=1e-4)
    np.testing.assert_allclose([float(row["output"]) for row in rows], found[order], rtol=1e-4)


def test_many_patches_are_averaged_in_the_ranking_s_order(make_test_set):
    study = make_test_set({"first": picture(1, 120, 168)})
    rows = [row for row in written(study, {"run": picture(2, 120, 168)}, 0) if row["direction"] == "x"]
    assert len(rows) == POINTS
    assert sum(int(row["patches"]) for row in rows) == 15 * 21
    ranks, targets = ([float(row[name]) for row in rows] for name in ("rank", "target"))
    assert ranks == sorted(ranks)
    assert targets == sorted(targets)
    assert 0 < ranks[0] < ranks[-1] < 1


def test_the_truth_itself_lies_on_its_own_curve_and_blur_below(study):
    target = picture(1)
    blurred = torch.nn.functional.avg_pool2d(target.float(), 3, 1, 1, count_include_pad=False).to(torch.uint8)
    rows = written(study, {"truth": target, "blur": blurred})
    assert all(row["target"] == row["output"] for row in rows if row["run"] == "truth")
    sums = {
        name: sum(float(row[name]) for row in rows if row["run"] == "blur" and row["direction"] == "x")
        for name in ("target", "output")
    }
    assert sums["output"] < sums["target"]


def test_the_first_crop_s_image_is_shown_or_else_the_first(study):
    packs = open_test_packs("toy", TASK, paths("mini", study))
    assert (
        shown_image({"nose": Crop(task="toy", dataset="toys", image="second", top=0, left=0)}, packs) == "toys/second"
    )
    assert shown_image({}, packs) == "toys/first"
    assert shown_image({}, packs[1:]) is None
