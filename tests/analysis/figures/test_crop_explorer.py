from urllib.parse import unquote

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio

from sharploss.analysis.figures.crops import address, explorer, note
from sharploss.analysis.load import load_study
from sharploss.utils.errors import UserError


def test_every_picture_of_every_network_is_a_file_beside_the_page(study_root):
    folder = study_root / "reports" / "mini"
    found = explorer(load_study("mini", study_root), folder)
    assert [(crop["name"], crop["task"]) for crop in found] == [("eye", "sr_x4"), ("face", "sr_x4")]
    for crop in found:
        for network in crop["networks"]:
            titles = [picture["title"] for picture in network["pictures"]]
            assert titles[:2] == ["target", "bicubic"]
            assert network["pictures"][0]["note"] == "the target itself"
            assert (network["width"], network["height"]) == (96, 96)
            files = [(folder / unquote(picture["address"])).resolve() for picture in network["pictures"]]
            assert [path.name for path in files] == [f"{crop['name']}-{title}.png" for title in titles]
            assert all(path.is_file() for path in files)
    # 2 crops of 3 networks with 9 losses, less the one that diverged
    assert sum(len(one["pictures"]) - 2 for crop in found for one in crop["networks"]) == 2 * (3 * 9 - 1)


def test_an_address_is_relative_and_escaped(tmp_path):
    path = tmp_path / "results" / "mini" / "a b" / "c#d.png"
    assert address(path, tmp_path / "reports" / "mini") == "../../results/mini/a%20b/c%23d.png"


def test_a_note_tells_psnr_and_the_share_of_the_gradients():
    target = np.random.default_rng(0).random((20, 24, 3))
    picture = target * 0.5 + 0.25

    def slope(values):
        grey = values @ [0.2989, 0.5870, 0.1140]
        return np.hypot(*(ndimage.sobel(grey, axis=axis, mode="nearest") for axis in (0, 1))).mean()

    value = peak_signal_noise_ratio(target, picture, data_range=1)
    share = slope(picture) / slope(target)
    assert note(picture, target) == f"PSNR {value:.2f} dB (RGB), mean gradient {share:.2f} of the target's"
    assert note(target, target) == "the target itself"
    flat = np.zeros((8, 8, 3))
    assert "mean gradient — of" in note(flat + 0.1, flat)


def test_a_missing_crop_is_named(own_root):
    path = own_root / "results" / "mini" / "crops" / "sr_x4-edsr" / "eye-sploss.png"
    path.unlink()
    with pytest.raises(UserError, match=r"eye-sploss\.png is missing"):
        explorer(load_study("mini", own_root), own_root / "reports")
