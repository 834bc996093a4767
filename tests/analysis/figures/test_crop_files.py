from dataclasses import replace

import pytest

from sharploss.analysis.figures.crops import crop_files, crops_of
from sharploss.analysis.load import load_study
from sharploss.utils.errors import UserError

GROUP = "sr_x4-vdsr"


def test_target_and_bicubic_come_first_and_diverged_runs_are_left_out(study_root):
    names = [name for name, _ in crop_files(load_study("mini", study_root), "eye", GROUP)]
    assert names[:3] == ["target", "bicubic", "l1"]
    assert "l2_gv" not in names
    assert len(names) == 2 + 8


def test_crops_of_sets_that_were_not_tested_are_left_out(study_root):
    study = load_study("mini", study_root)
    assert list(crops_of(study)) == ["eye", "face"]
    assert crops_of(replace(study, scores=study.scores[study.scores["dataset"] != "skimage_test"])) == {}


def test_a_missing_picture_is_named(own_root):
    (own_root / "results/mini/crops/sr_x4-vdsr/eye-ssim.png").unlink()
    with pytest.raises(UserError, match=r"eye-ssim\.png is missing"):
        crop_files(load_study("mini", own_root), "eye", GROUP)
