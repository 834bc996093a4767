import json
import shutil
from urllib.parse import unquote

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio

from sharploss.analysis.figures.crops import address, explorer, scores_of
from sharploss.analysis.load import load_study
from sharploss.utils.errors import UserError


def test_every_picture_of_every_network_is_a_file_beside_the_page(study_root):
    folder = study_root / "reports" / "mini"
    found = explorer(load_study("mini", study_root), folder)
    assert [(crop["name"], crop["task"]) for crop in found] == [("eye", "sr_x4"), ("face", "sr_x4")]
    for crop in found:
        for network in crop["networks"]:
            names = [picture["name"] for picture in network["pictures"]]
            assert [picture["title"] for picture in network["pictures"][:3]] == ["Target", "Bicubic", "L1"]
            assert network["pictures"][0]["scores"] == []
            assert (network["width"], network["height"]) == (96, 96)
            files = [(folder / unquote(picture["address"])).resolve() for picture in network["pictures"]]
            assert [path.name for path in files] == [f"{crop['name']}-{title}.png" for title in names]
            assert all(path.is_file() for path in files)
    # 2 crops of 3 networks with 9 losses, less the one that diverged
    assert sum(len(one["pictures"]) - 2 for crop in found for one in crop["networks"]) == 2 * (3 * 9 - 1)


def test_an_address_is_relative_and_escaped(tmp_path):
    path = tmp_path / "results" / "mini" / "a b" / "c#d.png"
    assert address(path, tmp_path / "reports" / "mini") == "../../results/mini/a%20b/c%23d.png"


def test_scores_are_psnr_and_the_share_of_the_gradients():
    target = np.random.default_rng(0).random((20, 24, 3))
    picture = target * 0.5 + 0.25

    def slope(values):
        grey = values @ [0.2989, 0.5870, 0.1140]
        return np.hypot(*(ndimage.sobel(grey, axis=axis, mode="nearest") for axis in (0, 1))).mean()

    value = peak_signal_noise_ratio(target, picture, data_range=1)
    share = f"{slope(picture) / slope(target):.2f} of the target's"
    assert scores_of(picture, target) == [("PSNR (RGB)", f"{value:.2f} dB"), ("Mean gradient", share)]
    assert scores_of(target, target) == []
    flat = np.zeros((8, 8, 3))
    assert scores_of(flat + 0.1, flat)[1][1].startswith("— of")


def test_crops_that_were_made_for_the_explorer_come_first(own_root):
    study = load_study("mini", own_root)
    study.paths.explorer.mkdir(parents=True)
    shutil.copy(own_root / "results/mini/crops/sr_x4-edsr/eye-l1.png", study.paths.explorer / "wall-edsr-l1.webp")
    scores = {"psnr": 26.1234, "gradient_variance_ratio": 0.8}
    pictures = [{"variant": "l1", "file": "wall-edsr-l1.webp", "scores": scores}, {"variant": "sploss"}]
    about = {"name": "wall", "task": "sr_x4", "image": "x", "top": 0, "left": 0, "height": 96, "width": 96}
    index = [{**about, "networks": [{"name": "edsr", "pictures": pictures}]}]
    (study.paths.explorer / "index.json").write_text(json.dumps(index))
    found = explorer(study, own_root / "reports" / "mini")
    assert [crop["name"] for crop in found] == ["wall", "eye", "face"]
    made, missing = found[0]["networks"][0]["pictures"]
    assert made["address"] == "../../results/mini/explorer/wall-edsr-l1.webp"
    assert made["scores"] == [("PSNR", "26.12 dB"), ("Gradient-variance ratio", "0.800")]
    assert (missing["title"], missing["address"]) == (study.titles["sploss"], "")
    (study.paths.explorer / "wall-edsr-l1.webp").unlink()
    with pytest.raises(UserError, match=r"wall-edsr-l1\.webp is missing"):
        explorer(study, own_root)
    (study.paths.explorer / "index.json").write_text('[{"name": "wall"}]')
    with pytest.raises(UserError, match=r"index\.json is damaged"):
        explorer(study, own_root)


def test_a_missing_crop_is_named(own_root):
    path = own_root / "results" / "mini" / "crops" / "sr_x4-edsr" / "eye-sploss.png"
    path.unlink()
    with pytest.raises(UserError, match=r"eye-sploss\.png is missing"):
        explorer(load_study("mini", own_root), own_root / "reports")
