import csv

import pytest
import torch

from sharploss.data import imresize
from sharploss.evaluation.edge import clearest_edge, write_edge
from sharploss.losses import SPLoss
from sharploss.record.tables import EDGE_COLUMNS


@pytest.fixture
def rows(tmp_path):
    """The edge of a picture that is dark on the left and bright on the right, blurred by bicubic."""
    target = torch.full((3, 32, 32), 40, dtype=torch.uint8)
    target[..., 17:] = 200
    output = imresize(imresize(target, 1 / 4), 4)
    write_edge(tmp_path / "edge.csv", target, output)
    with (tmp_path / "edge.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def values(rows, column):
    return torch.tensor([float(row[column]) for row in rows], dtype=torch.float64).view(1, 1, 32, 32)


def test_each_pixel_has_one_row_in_reading_order(rows):
    assert tuple(rows[0]) == EDGE_COLUMNS
    assert [(int(row["row"]), int(row["column"])) for row in rows] == [(r, c) for r in range(32) for c in range(32)]


def test_weight_and_error_make_sploss(rows):
    target, output = values(rows, "target"), values(rows, "output")
    total = (values(rows, "weight") * values(rows, "error").abs()).mean()
    assert total.item() == pytest.approx(SPLoss(alpha=2)(output, target).item(), abs=1e-5)


def test_penalised_pixels_are_those_that_weigh_more_than_1(rows):
    assert {int(row["penalised"]) for row in rows} == {0, 1}
    for row in rows:
        expected = 1 + 2 * abs(float(row["laplacian"])) * int(row["penalised"])
        assert float(row["weight"]) == pytest.approx(expected, abs=1e-5)


def test_the_blurred_step_is_penalised_on_both_sides_of_the_edge(rows):
    middle = [row for row in rows if row["row"] == "16" and row["column"] in ("16", "17")]
    assert [row["penalised"] for row in middle] == ["1", "1"]


def test_the_piece_with_one_clear_edge_is_preferred_to_texture():
    image = torch.full((1, 1, 120, 120), 0.5)
    image[..., :50, :50] = torch.rand(50, 50, generator=torch.Generator().manual_seed(0))
    image[..., 70:110, 60:80] = 0
    image[..., 70:110, 80:110] = 1
    top, left, side = clearest_edge(image)
    assert side == 32
    assert 60 <= top <= 85
    assert left < 80 < left + 32


def test_small_images_have_a_smaller_piece():
    assert clearest_edge(torch.rand(1, 1, 20, 50))[2] == 20
