import subprocess
import sys

from sharploss.config.protocols import METRIC_INFO, PROTOCOLS, protocols_of, reference_of
from sharploss.metrics.psnr import border_of


def test_protocols_need_no_torch():
    code = "import sys, sharploss.config.protocols; assert not {'torch', 'numpy'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_metric_names_protocols_that_exist_and_every_protocol_is_used():
    tasks = ({"scale": 4}, {"scale": 1}, {"scale": 1, "colour": "grey"})
    assert {name for metric in METRIC_INFO for task in tasks for name in protocols_of(metric, task)} == PROTOCOLS.keys()


def test_what_keeps_the_size_has_no_border_and_no_interpolation():
    assert [border_of({"scale": scale}) for scale in (1, 2, 4)] == [0, 2, 4]
    assert [reference_of({"scale": scale}) for scale in (1, 2)] == ["input", "bicubic"]


def test_grey_tasks_are_measured_on_grey_values_alone():
    grey = {"scale": 1, "colour": "grey"}
    assert protocols_of("psnr", grey) == protocols_of("ssim", grey) == ("grey8",)
    assert (
        protocols_of("ms_ssim", grey)
        == protocols_of("edge_psnr", grey)
        == protocols_of("overshoot", grey)
        == ("grey8",)
    )
    assert protocols_of("niqe", grey) == ("y",)
    assert protocols_of("blurred_edge_share", grey) == ("rgb",)


def test_a_paper_s_own_protocol_is_measured_on_its_own_tasks_alone():
    assert protocols_of("psnr", {"scale": 1, "colour": "rgb"}) == ("y", "rgb", "matlab_rgb")
    assert protocols_of("ssim", {"scale": 3}) == ("y", "rgb", "gv_code")


def test_every_description_is_a_sentence():
    for entry in (*METRIC_INFO.values(), *PROTOCOLS.values()):
        assert entry["description"].endswith(".")
        assert entry["title"]
