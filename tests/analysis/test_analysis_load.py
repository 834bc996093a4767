import json
import math
import shutil

import pandas as pd
import pytest
import yaml

from sharploss.analysis.load import alpha_of, comparable_scores, load_study, read_numbers
from sharploss.config.loss_spec import parse_loss
from sharploss.record.paths import paths
from sharploss.record.scores import Score, load_scores, save_scores
from sharploss.record.tables import EDGE_COLUMNS
from sharploss.utils.errors import UserError


def test_every_score_of_a_finished_run_is_joined_with_its_run(study):
    assert len(study.runs) == 34
    # 33 finished runs and bicubic, 9 images, 8 measures
    assert len(study.scores) == 34 * 9 * 8
    row = study.scores[study.scores["run"] == "sr_x4-edsr-sploss_a6-s0"].iloc[0]
    assert (row["network"], row["loss"], row["alpha"], row["seed"]) == ("edsr", "sploss_a6", 6.0, 0)
    assert study.datasets == ["skimage_test", "set5"]


def test_a_diverged_run_is_told_and_has_no_scores(study):
    row = study.runs[study.runs["run"] == "sr_x4-vdsr-l2_gv-s0"].iloc[0]
    assert row["failure"] == "diverged (gv at step 140)"
    assert "sr_x4-vdsr-l2_gv-s0" not in set(study.scores["run"])


def test_scores_of_a_diverged_run_are_ignored(own_root):
    path = own_root / "results/mini/scores/sr_x4-vdsr.csv"
    path.write_text(path.read_text() + "sr_x4-vdsr-l2_gv-s0,skimage_test,camera,psnr,y,11.5\n")
    assert "sr_x4-vdsr-l2_gv-s0" not in set(load_study("mini", own_root).scores["run"])


def test_results_of_runs_that_the_plan_does_not_name_are_not_read(own_root):
    shutil.copytree(own_root / "results/mini/runs/sr_x4-edsr-l1-s0", own_root / "results/mini/runs/sr_x4-edsr-gone-s0")
    path = own_root / "results/mini/scores/sr_x4-edsr.csv"
    path.write_text(path.read_text() + "sr_x4-edsr-gone-s0,skimage_test,camera,psnr,y,99.0\n")
    study = load_study("mini", own_root)
    assert "sr_x4-edsr-gone-s0" not in {*study.scores["run"], *study.runs["run"]}


def test_what_weights_were_chosen_by_is_in_no_table(own_root):
    """The first test set becomes one that weights are chosen by: its scores stay in the files."""
    path = own_root / "params.yaml"
    content = yaml.safe_load(path.read_text())
    for task in content["tasks"].values():
        task["tune"], task["test"] = task["test"][1:], task["test"][:1]
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    notes = own_root / "results/mini/scores/sr_x4-edsr.json"
    notes.write_text(
        json.dumps(json.loads(notes.read_text()) | {"missing_sets": {"set5/bird": "left out", "x": "gone"}})
    )
    study = load_study("mini", own_root)
    assert study.datasets == ["skimage_test"]
    assert set(study.scores["dataset"]) == {"skimage_test"}
    assert study.missing_sets == {"x": "gone"}


def test_what_was_not_measured_comes_with_its_reason(sparse_root):
    study = load_study("mini", sparse_root)
    assert set(study.not_measured) == {"lpips", "niqe"}
    assert "no network" in study.not_measured["lpips"]
    assert set(study.missing_sets) == {"set5"}


@pytest.mark.parametrize(
    "path",
    [
        "results/mini/runs/sr_x4-edsr-l1-s0/metrics.json",
        "results/mini/runs/sr_x4-edsr-l1-s0/provenance.json",
        "results/mini/runs/sr_x4-edsr-l1-s0/history.jsonl",
        "results/mini/scores/sr_x4-vdsr.csv",
        "results/mini/scores/sr_x4-vdsr.json",
        "results/mini/input_baselines/sr_x4/scores.csv",
    ],
)
def test_a_missing_file_is_named(own_root, path):
    (own_root / path).unlink()
    with pytest.raises(UserError, match=path.rsplit("/", maxsplit=1)[-1]):
        load_study("mini", own_root)


@pytest.mark.parametrize(
    "change", [lambda _: [], lambda lines: lines[:1], lambda lines: lines * 2, lambda lines: lines[::-1]]
)
def test_a_record_that_is_not_whole_is_named(own_root, change):
    path = own_root / "results/mini/runs/sr_x4-edsr-l1-s0/history.jsonl"
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))
    with pytest.raises(UserError, match=r"sr_x4-edsr-l1-s0/history\.jsonl is not the whole record of \d+ steps"):
        load_study("mini", own_root)


def test_a_missing_column_is_named(own_root):
    path = own_root / "results/mini/scores/sr_x4-vdsr.csv"
    path.write_text(path.read_text().replace("protocol", "protokoll", 1))
    with pytest.raises(UserError, match=r"sr_x4-vdsr\.csv has no column 'protocol'"):
        load_study("mini", own_root)


@pytest.mark.parametrize("value", ["many", "-inf"])
def test_a_value_that_is_no_number_is_named(own_root, value):
    path = own_root / "results/mini/scores/sr_x4-vdsr.csv"
    path.write_text(path.read_text() + f"sr_x4-vdsr-l1-s0,skimage_test,camera,psnr,new,{value}\n")
    with pytest.raises(UserError, match=f"'{value}', not a finite number"):
        load_study("mini", own_root)


def test_a_run_without_scores_is_named(own_root):
    path = own_root / "results/mini/scores/sr_x4-vdsr.csv"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "vdsr-ssim" not in line) + "\n")
    with pytest.raises(UserError, match="sr_x4-vdsr-ssim-s0"):
        load_study("mini", own_root)


def test_a_key_missing_from_a_record_is_named(own_root):
    (own_root / "results/mini/runs/sr_x4-edsr-l1-s0/metrics.json").write_text("{}")
    with pytest.raises(UserError, match=r"sr_x4-edsr-l1-s0/metrics\.json.*status is missing"):
        load_study("mini", own_root)


def test_edge_columns_are_checked(own_root):
    path = own_root / "results/mini/input_baselines/sr_x4/edge.csv"
    path.write_text(path.read_text().replace("laplacian", "laplace", 1))
    with pytest.raises(UserError, match=r"edge\.csv has no column 'laplacian'"):
        read_numbers(paths("mini", own_root).edge("sr_x4"), EDGE_COLUMNS)


@pytest.mark.parametrize(
    ("loss", "alpha"),
    [
        ({"sploss": {"alpha": 2}}, 2.0),
        ({"sploss": {"alpha": 0, "weight": 1}}, 0.0),
        ({"sploss": {"alpha": 2, "weight": 0.5}}, None),
        ({"l1": 1, "sploss": {"alpha": 2}}, None),
        ({"sploss": 1}, None),
        ({"l1": 1}, None),
    ],
)
def test_alpha_belongs_to_sploss_alone(loss, alpha):
    found = alpha_of(parse_loss(loss))
    assert math.isnan(found) if alpha is None else found == alpha


def test_runs_that_differ_in_recipe_are_told_apart(wide):
    study = wide
    rows = study.runs[study.runs["run"] == "sr_x4-edsr-l1-mini_gan-s1"].iloc[0]
    assert (rows["recipe"], rows["variant"], rows["seed"]) == ("mini_gan", "l1-mini_gan", 1)
    scores = study.scores[study.scores["run"] == "sr_x4-edsr-l1-mini_gan-s1"]
    assert set(scores["recipe"]) == {"mini_gan"}
    assert set(study.scores.loc[study.scores["network"] == "", "recipe"]) == {""}


def test_a_run_that_could_not_be_trained_says_why(wide):
    study = wide
    row = study.runs[study.runs["run"] == "sr_x4-edsr-l1_vgg-mini_gan-s0"].iloc[0]
    assert row["failure"].startswith("not trained: the weights vgg19 are in no cache")
    assert math.isnan(row["parameters"])
    assert row["step"] == 0
    assert row["run"] not in study.provenance
    assert row["run"] not in {*study.scores["run"], *study.history["run"]}


def test_tasks_have_their_own_input_baseline(wide):
    study = wide
    assert study.runs.groupby("task")["reference"].first().to_dict() == {"sharpen": "input", "sr_x4": "bicubic"}
    assert {"sharpen-input", "sr_x4-bicubic"} <= set(study.scores["run"])


def test_a_task_that_keeps_the_size_needs_no_scale_for_a_run_that_was_not_trained(mini):
    runs = mini.runs.set_index("run")
    row = runs.loc["sharpen-nonbn_resg-sharpgan-mini_gan_same_size-s0"]
    assert (row["status"], row["reference"]) == ("not_trained", "input")


def test_a_run_that_is_not_measured_yet_is_left_out_of_a_partial_study(own_root):
    files = paths("mini", own_root).scores("sr_x4-espcn")
    rows, notes = load_scores(files)
    key = rows[-1].run
    save_scores(files, [row for row in rows if row.run != key], notes)
    with pytest.raises(UserError, match=f"has no scores of the run {key}"):
        load_study("mini", own_root)
    study = load_study("mini", own_root, partial=True)
    assert key not in set(study.runs["run"])
    assert [run["loss"] for run in study.absent] == [key.split("-")[2]]


def test_scores_of_two_studies_are_compared_on_the_images_that_both_have():
    """As `add` does, whose loss restores an image exactly, or has no score of one."""
    rows = [(run, "s", image, "psnr", "y", float(index), "t") for run in "ab" for index, image in enumerate("xyz")]
    rows[4] = (*rows[4][:5], math.inf, "t")
    others = [("c", "s", "x", "psnr", "y", 9.0, "other")]
    every = pd.DataFrame([*rows[:-1], *others], columns=[*Score._fields, "task"])
    found = comparable_scores(every)
    assert list(zip(found["run"], found["image"], strict=True)) == [("a", "x"), ("b", "x"), ("c", "x")]
    assert list(comparable_scores(every[:0]).columns) == list(every.columns)
