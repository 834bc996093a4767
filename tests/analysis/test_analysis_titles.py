import pytest

from sharploss.analysis.measures import ALPHA
from sharploss.analysis.titles import Titles, loss_titles, name_title
from sharploss.config.loss_spec import parse_loss

LOSSES = {
    "l1": {"l1": 1},
    "sploss": {"sploss": {"alpha": 2}},
    "sploss_a0": {"sploss": {"alpha": 0}},
    "ssim_gv": {"ssim": 1, "gv": 0.01},
    "l1_second_order": {"l1": 1, "second_order": 0.1},
    "l1_gv": {"l1": 1, "gv": 0.01},
    "l1_gv_w0_3": {"l1": 1, "gv": 0.3},
    "ssim": {"ssim": 1},
    "ssim_code": {"ssim": {"window": "same"}},
    "sharpgan": {"l1": 1, "vgg": 0.01, "texture": 0.01, "sharpgan": 0.001},
    "own": {"l1": 1, "brand_new": 2},
}

TITLES = Titles(
    {**Titles().terms, "sploss": "SPLoss", "gv": "GV", "second_order": "SOG"},
    {**Titles().losses, "sharpgan": "SharpGAN"},
)


def test_losses_are_named_by_their_terms_and_by_weights_where_only_these_differ():
    assert loss_titles({name: parse_loss(spec) for name, spec in LOSSES.items()}, TITLES) == {
        "l1": "L1",
        "sploss": f"SPLoss ({ALPHA} 2)",
        "sploss_a0": f"SPLoss ({ALPHA} 0)",
        "ssim_gv": "SSIM + GV",
        "l1_second_order": "L1 + SOG",
        "l1_gv": "L1 + 0.01 GV",
        "l1_gv_w0_3": "L1 + 0.3 GV",
        "ssim": "SSIM",
        "ssim_code": "SSIM (ssim_code)",
        "sharpgan": "SharpGAN",
        "own": "L1 + brand_new",
    }


def test_no_two_losses_of_a_study_have_one_title(benchmark):
    titles = loss_titles(benchmark.params.losses, benchmark.about.titles)
    assert len(set(titles.values())) == len(titles)


@pytest.mark.parametrize(
    ("name", "title"), [("b100", "B100"), ("edsr", "EDSR"), ("bicubic", "Bicubic"), ("mine", "mine")]
)
def test_networks_and_sets_have_the_names_that_readers_know(name, title):
    assert name_title(name) == title
