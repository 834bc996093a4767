import csv

import pytest
import torch

from sharploss.config.protocols import METRIC_INFO, PROTOCOLS
from sharploss.data import imresize
from sharploss.evaluation.explain import COLUMNS, SCALE, explain_protocols, measure_all
from sharploss.metrics import psnr, ssim

pytestmark = pytest.mark.usefixtures("no_weights")


def pair():
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand((1, 3, 24, 26), generator=generator)
    target = torch.nn.functional.interpolate(coarse, size=(192, 208), mode="bicubic").clamp(0, 1)[0].mul(255).byte()
    return imresize(imresize(target, 1 / SCALE), SCALE), target


def test_every_protocol_of_single_images_is_measured():
    rows = measure_all(*pair())
    assert {row.protocol for row in rows} == PROTOCOLS.keys() - {"inception_p128"}
    assert {row.metric for row in rows} == METRIC_INFO.keys() - {"fid"}
    assert len({row[:2] for row in rows}) == len(rows)


def test_values_are_the_metrics_own():
    output, target = pair()
    values = {row[:2]: row.value for row in measure_all(output, target)}
    images = [image[None] / 255 for image in (output, target)]
    for protocol, border in (("y", SCALE), ("rgb", SCALE), ("grey8", 0), ("gv_code", SCALE), ("matlab_rgb", SCALE)):
        assert values[protocol, "psnr"] == f"{psnr(*images, protocol, border).item():.2f}"
        assert values[protocol, "ssim"] == f"{ssim(*images, protocol, border).item():.4f}"


def test_what_cannot_be_measured_says_why():
    notes = {row.metric: (row.value, row.note) for row in measure_all(*pair())}
    for metric in ("lpips", "lpips_vgg", "niqe"):
        assert notes[metric][0] == ""
        assert notes[metric][1].startswith("not measured: ")


def test_the_table_holds_what_was_measured(tmp_path):
    rows = explain_protocols(tmp_path / "protocols.csv")
    with (tmp_path / "protocols.csv").open(newline="") as file:
        header, *lines = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert [tuple(line) for line in lines] == rows
    values = {row[:2]: row.value for row in rows}
    # The same pixels, and yet: that is what the table is for.
    assert len({values[protocol, "ssim"] for protocol in ("y", "rgb", "gv_code", "matlab_rgb")}) == 4
