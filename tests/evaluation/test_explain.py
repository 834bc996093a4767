import pytest
import torch

from sharploss.config.protocols import METRIC_INFO, PROTOCOLS
from sharploss.data import imresize
from sharploss.evaluation.explain import SCALE, explain_protocols, measure_all
from sharploss.metrics import psnr, ssim
from sharploss.record.tables import ProtocolRow, load_rows

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
    assert len({(row.protocol, row.metric) for row in rows}) == len(rows)


def test_values_are_the_metrics_own():
    output, target = pair()
    values = {(row.protocol, row.metric): row.value for row in measure_all(output, target)}
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
    path = tmp_path / "protocols.csv"
    rows = explain_protocols(path)
    assert path.read_text().splitlines()[0] == "protocol,metric,value,note"
    assert load_rows(path, ProtocolRow) == rows
    values = {(row.protocol, row.metric): row.value for row in rows}
    # The same pixels, and yet: that is what the table is for.
    assert len({values[protocol, "ssim"] for protocol in ("y", "rgb", "gv_code", "matlab_rgb")}) == 4
