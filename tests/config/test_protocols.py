import subprocess
import sys

from sharploss.config.protocols import METRIC_INFO, PROTOCOLS, protocols_of, reference_of
from sharploss.config.tasks import Denoise, Jpeg, SuperResolution, border_of

SETS = {"train": ["a"], "validation": ["b"], "test": ["c"]}
GREY, COLOUR = Jpeg(kind="jpeg", quality=10, **SETS), Denoise(kind="denoise", sigma=25, **SETS)


def test_protocols_need_no_torch():
    code = "import sys, sharploss.config.protocols; assert not {'torch', 'numpy'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_metric_names_protocols_that_exist_and_every_protocol_is_used():
    tasks = (SuperResolution(kind="sr", scale=4, **SETS), COLOUR, GREY)
    used = {name for metric in METRIC_INFO for task in tasks for name in protocols_of(metric, task)}
    assert used == PROTOCOLS.keys() - {"y_unrounded"}  # which is there for users to compare with


def test_what_keeps_the_size_has_no_border_and_no_interpolation():
    assert [border_of(scale) for scale in (1, 2, 4)] == [0, 2, 4]
    assert [reference_of(scale) for scale in (1, 2)] == ["input", "bicubic"]


def test_grey_tasks_are_measured_on_grey_values_alone():
    assert protocols_of("psnr", GREY) == protocols_of("ssim", GREY) == ("grey8",)
    assert (
        protocols_of("ms_ssim", GREY)
        == protocols_of("edge_psnr", GREY)
        == protocols_of("overshoot", GREY)
        == ("grey8",)
    )
    assert protocols_of("niqe", GREY) == ("y",)
    assert protocols_of("blurred_edge_share", GREY) == ("rgb",)


def test_a_paper_s_own_protocol_is_measured_on_its_own_tasks_alone():
    assert protocols_of("psnr", COLOUR) == ("y", "rgb", "matlab_rgb")
    assert protocols_of("ssim", SuperResolution(kind="sr", scale=3, **SETS)) == ("y", "rgb", "gv_code")


def test_every_description_is_a_sentence():
    for entry in (*METRIC_INFO.values(), *PROTOCOLS.values()):
        assert entry["description"].endswith(".")
        assert entry["title"]
