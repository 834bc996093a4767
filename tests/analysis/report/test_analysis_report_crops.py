import io
from base64 import b64decode

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sharploss.analysis.load import load_study
from sharploss.analysis.report.crops import MIDDLE, difference_of, explorer, listed_crops, ranked, smallest
from sharploss.utils.errors import UserError


@pytest.fixture(scope="module")
def study(study_root):
    return load_study("mini", study_root)


def png(values):
    file = io.BytesIO()
    Image.fromarray(np.asarray(values, dtype=np.uint8)).save(file, "png")
    return file.getvalue()


def read(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def unpacked(pictures, number):
    """What the page's script does, in other words."""
    one = pictures[number]
    values = read(b64decode(one["png"]))
    if one["base"] is None:
        return values
    assert one["base"] < number
    return ((values.astype(int) + unpacked(pictures, one["base"]) + MIDDLE) % 256).astype(np.uint8)


def test_every_picture_comes_back_as_it_was(study, study_root):
    found = explorer(study, 10**9)
    assert found["most"] == 0
    assert [crop["name"] for crop in found["crops"]] == ["eye", "face"]
    for crop in found["crops"]:
        for network in crop["networks"]:
            assert [title for title, _ in network["pictures"]][:2] == ["target", "bicubic"]
            for title, number in network["pictures"][2:]:
                path = (
                    study_root
                    / "results"
                    / "mini"
                    / "crops"
                    / f"sr_x4-{network['name']}"
                    / f"{crop['name']}-{title}.png"
                )
                assert np.array_equal(unpacked(found["pictures"], number), read(path.read_bytes()))
    # 2 crops of 3 networks with 9 losses, less the one that diverged
    assert sum(len(n["pictures"]) - 2 for crop in found["crops"] for n in crop["networks"]) == 2 * (3 * 9 - 1)


def test_no_picture_is_held_twice_and_differences_are_smaller(study):
    pictures = explorer(study, 10**9)["pictures"]
    assert len({(one["png"], one["base"]) for one in pictures}) == len(pictures)
    assert any(one["base"] is not None for one in pictures)


def test_the_limit_holds_and_losses_that_all_networks_share_come_first(study):
    everything = explorer(study, 10**9)
    limit = sum(len(b64decode(one["png"])) for one in everything["pictures"]) // 2
    part = explorer(study, limit)
    assert sum(len(b64decode(one["png"])) for one in part["pictures"]) <= limit
    assert 1 <= part["most"] < 9
    for crop in part["crops"]:
        assert all(len(network["pictures"]) == 2 + part["most"] for network in crop["networks"])
    assert explorer(study, 1)["most"] == 1


def test_ranks_follow_how_many_networks_were_trained_with_a_loss(study, tmp_path):
    runs = study.runs[~((study.runs["network"] != "edsr") & (study.runs["loss"] == "l1"))]
    files = [(name, tmp_path) for name in ("target", "bicubic", "l1", "l2", "sploss")]
    found = ranked(runs, {"task": "sr_x4"}, files)
    assert [(one.title, one.rank) for one in found] == [
        ("target", 0),
        ("bicubic", 1),
        ("l1", 4),
        ("l2", 2),
        ("sploss", 3),
    ]


def test_one_loss_of_each_paper_comes_before_the_others(tmp_path):
    names = ["l1", "l2", "ssim", "l1_gv", "l2_gv", "l1_second_order", "mdf", "sploss", "l1-my_gan", "l1_ragan"]
    runs = pd.DataFrame([{"task": "sr_x4", "network": "edsr", "variant": name} for name in names])
    runs.loc[len(runs)] = ["sr_x4", "espcn", "l1"]
    found = ranked(runs, {"task": "sr_x4"}, [(name, tmp_path) for name in ("target", "bicubic", *names)])
    best = [one.title for one in sorted(found)]
    assert best[:8] == ["target", "bicubic", "l1", "sploss", "l1_gv", "l1_second_order", "mdf", "l1_ragan"]
    assert best[8:] == ["l2", "ssim", "l2_gv", "l1-my_gan"]


@given(st.integers(0, 255), st.integers(0, 255))
def test_a_difference_wraps_and_comes_back(a, b):
    one, other = np.full((2, 3, 3), a), np.full((2, 3, 3), b)
    made = read(difference_of(png(one), png(other)))
    assert np.array_equal((made.astype(int) + other + MIDDLE) % 256, one)


def test_pictures_that_do_not_match_are_stored_whole():
    noise = np.random.default_rng(0).integers(0, 255, (16, 16, 3))
    grey, small = png(noise[..., 0]), png(noise[:8])
    assert difference_of(png(noise), grey) == difference_of(png(noise), small) == b""
    assert smallest(png(noise), [grey, small], [grey, small]).base is None
    like = png((noise + 1) % 256)
    assert smallest(png(noise), [grey, like], [grey, like]).base == 1


def test_a_missing_crop_is_named(own_root):
    path = own_root / "results" / "mini" / "crops" / "sr_x4-edsr" / "eye-sploss.png"
    path.unlink()
    with pytest.raises(UserError, match=r"eye-sploss\.png is missing"):
        listed_crops(load_study("mini", own_root))
