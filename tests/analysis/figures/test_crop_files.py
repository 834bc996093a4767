from dataclasses import replace

from sharploss.analysis.figures.crops import chosen_files, crops_of
from sharploss.analysis.load import load_study

GROUP = "sr_x4-vdsr"


def test_target_and_bicubic_come_first(study_root):
    study = load_study("mini", study_root)
    files = chosen_files(study, "eye", GROUP, {"l1": "L1"})
    assert files is not None
    assert [name for name, _ in files] == ["target", "bicubic", "L1"]
    assert chosen_files(study, "eye", GROUP, {"l2_gv": "it diverged"}) is None


def test_crops_of_sets_that_were_not_tested_are_left_out(study_root):
    study = load_study("mini", study_root)
    assert list(crops_of(study)) == list(crops_of(study, "sr_x4")) == ["eye", "face"]
    assert crops_of(study, "deblur") == {}
    assert crops_of(replace(study, scores=study.scores[study.scores["dataset"] != "skimage_test"])) == {}
