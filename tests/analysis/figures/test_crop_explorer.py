from urllib.parse import unquote

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio
from stand_ins import with_explorer

from sharploss.analysis.figures.crops import address, explorer, scores_of
from sharploss.analysis.load import load_study
from sharploss.metrics.sharpness import gradient_variance_ratio
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


def test_scores_are_psnr_and_the_ratio_of_gradient_variances_that_an_evaluation_measures():
    target = np.random.default_rng(0).integers(0, 256, (20, 29, 3))
    picture = np.square(target) // 300 + 20
    images = (torch.from_numpy(each.astype(np.uint8)).permute(2, 0, 1)[None] for each in (picture, target))
    ratio = f"{gradient_variance_ratio(*images, border=0).item():.3f}"
    value = peak_signal_noise_ratio(target / 255, picture / 255, data_range=1)
    told = [("PSNR (RGB)", f"{value:.2f} dB"), ("Gradient-variance ratio", ratio)]
    assert scores_of(picture / 255, target / 255) == told
    assert scores_of(target / 255, target / 255) == []
    for flat in (np.zeros((8, 8, 3)), np.zeros((7, 9, 3))):
        assert [name for name, _ in scores_of(flat + 0.1, flat)] == ["PSNR (RGB)"]


def test_crops_that_were_made_for_the_explorer_come_first(own_root):
    study = load_study("mini", own_root)
    with_explorer(study, {"psnr": 26.1234, "gradient_variance_ratio": 0.8})
    found = explorer(study, own_root / "reports" / "mini")
    assert [crop["name"] for crop in found] == ["wall", "eye", "face"]
    made, missing = found[0]["networks"][0]["pictures"]
    assert made["address"] == "../../results/mini/explorer/wall-edsr-l1.webp"
    assert made["scores"] == [("PSNR", "26.12 dB"), ("Gradient-variance ratio", "0.800")]
    assert (missing["title"], missing["address"], missing["missing"]) == (study.titles["sploss"], "", "it was left out")
    (study.paths.explorer / "wall-edsr-l1.webp").unlink()
    with pytest.raises(UserError, match=r"wall-edsr-l1\.webp is missing"):
        explorer(study, own_root)
    study.paths.explorer_index.write_text('[{"name": "wall"}]')
    with pytest.raises(UserError, match=r"index\.json is damaged"):
        explorer(study, own_root)


def test_a_missing_crop_is_named(own_root):
    path = own_root / "results" / "mini" / "crops" / "sr_x4-edsr" / "eye-sploss.png"
    path.unlink()
    with pytest.raises(UserError, match=r"eye-sploss\.png is missing"):
        explorer(load_study("mini", own_root), own_root / "reports")
