import csv
import json

import pytest
import torch

from sharploss.config.sections import Crop
from sharploss.data import read_image
from sharploss.evaluation.group import evaluate_group
from sharploss.record.keys import variant_of
from sharploss.record.paths import paths
from sharploss.record.scores import load_scores
from sharploss.utils.errors import UserError
from sharploss.utils.files import sha256

pytestmark = pytest.mark.usefixtures("no_weights")

CROPS = {"nose": Crop(task="toy", dataset="toys", image="first", top=3, left=5, height=8, width=12)}
LOSSES = {"toy-espcn-l1-s0": ({"l1": 1}, 0), "toy-espcn-l1-s1": ({"l1": 1}, 1), "toy-espcn-l2-s0": ({"l2": 1}, 0)}


def scores(root):
    return load_scores(paths("mini", root).scores("toy-espcn")).rows


def crop(root, loss):
    return torch.from_numpy(read_image(root / "results" / "mini" / "crops" / "toy-espcn" / f"nose-{loss}.png"))


def test_a_group_leaves_scores_notes_and_crops(study, make_runs):
    evaluate_group("toy-espcn", "toy", make_runs(LOSSES), CROPS, paths("mini", study))
    assert {row.run for row in scores(study)} == LOSSES.keys()
    notes = json.loads((study / "results" / "mini" / "scores" / "toy-espcn.json").read_text())
    assert notes["missing_sets"] == {"lost": "it is lost"}
    assert notes["not_measured"].keys() == {"lpips", "lpips_vgg", "niqe", "fid", "ms_ssim"}
    assert notes["seconds"] >= 0
    folder = study / "results" / "mini" / "weights" / "toy-espcn"
    assert notes["weights_sha256"] == {key: sha256(folder / f"{key}.safetensors") for key in LOSSES}
    names = {path.name for path in (study / "results" / "mini" / "crops" / "toy-espcn").iterdir()}
    assert names == {"nose-l1.png", "nose-l2.png", "variance.csv"}


def test_the_first_seed_gives_the_crop(study, make_runs):
    runs = make_runs(LOSSES)
    evaluate_group("toy-espcn", "toy", runs, CROPS, paths("mini", study))
    # l1-s0 and l2-s0 hold the same weights here, l1-s1 others.
    assert torch.equal(crop(study, "l1"), crop(study, "l2"))
    assert crop(study, "l1").shape == (3, 8, 12)


def test_recipes_of_one_loss_have_crops_of_their_own(study, make_runs):
    evaluate_group(
        "toy-espcn", "toy", make_runs({**LOSSES, "toy-espcn-l1-long-s0": ({"l1": 1}, 2)}), CROPS, paths("mini", study)
    )
    names = {path.name for path in (study / "results" / "mini" / "crops" / "toy-espcn").iterdir()}
    assert names == {"nose-l1.png", "nose-l1-long.png", "nose-l2.png", "variance.csv"}
    assert not torch.equal(crop(study, "l1"), crop(study, "l1-long"))


@pytest.mark.parametrize(
    ("key", "variant"),
    [("sr_x4-edsr-l1-s0", "l1"), ("sr_x4-edsr-esrgan-mini_gan-s12", "esrgan-mini_gan"), ("sr_x4-edsr-a-s-s0", "a-s")],
)
def test_a_variant_is_the_key_without_group_and_seed(key, variant):
    assert variant_of(key, "sr_x4-edsr") == variant


def test_each_variant_has_one_curve_of_variances(study, make_runs):
    evaluate_group("toy-espcn", "toy", make_runs(LOSSES), CROPS, paths("mini", study))
    with (study / "results" / "mini" / "crops" / "toy-espcn" / "variance.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["run"], row["image"]) for row in rows} == {
        ("toy-espcn-l1-s0", "toys/first"),
        ("toy-espcn-l2-s0", "toys/first"),
    }


def test_runs_of_equal_weights_score_exactly_alike(study, make_runs):
    evaluate_group("toy-espcn", "toy", make_runs(LOSSES), {}, paths("mini", study))
    values = {key: [row.value for row in scores(study) if row.run == key] for key in LOSSES}
    assert values["toy-espcn-l1-s0"] == values["toy-espcn-l2-s0"] != values["toy-espcn-l1-s1"]


def test_measuring_again_writes_the_same_bytes(study, make_runs):
    runs = make_runs(LOSSES)
    path = study / "results" / "mini" / "scores" / "toy-espcn.csv"
    evaluate_group("toy-espcn", "toy", runs, CROPS, paths("mini", study))
    before = path.read_bytes()
    evaluate_group("toy-espcn", "toy", runs, CROPS, paths("mini", study))
    assert path.read_bytes() == before


def test_diverged_runs_are_left_out(study, make_runs):
    finished = make_runs({"toy-espcn-l1-s0": ({"l1": 1}, 0)})
    diverged = make_runs({"toy-espcn-l2-s0": ({"l2": 1}, 0)}, status="diverged")
    evaluate_group("toy-espcn", "toy", finished | diverged, CROPS, paths("mini", study))
    assert {row.run for row in scores(study)} == {"toy-espcn-l1-s0"}
    assert not (study / "results" / "mini" / "crops" / "toy-espcn" / "nose-l2.png").exists()


def test_a_group_whose_runs_all_diverged_still_leaves_its_files(study, make_runs):
    evaluate_group(
        "toy-espcn",
        "toy",
        make_runs({"toy-espcn-l1-s0": ({"l1": 1}, 0)}, status="diverged"),
        CROPS,
        paths("mini", study),
    )
    assert scores(study) == []
    assert (study / "results" / "mini" / "crops" / "toy-espcn").is_dir()


def test_nothing_is_written_when_one_checkpoint_is_of_another_configuration(study, make_runs):
    runs = make_runs(LOSSES)
    runs["toy-espcn-l2-s0"] = runs["toy-espcn-l2-s0"].model_copy(update={"seed": 7})
    with pytest.raises(UserError, match=r"toy-espcn-l2-s0\.safetensors .* seed"):
        evaluate_group("toy-espcn", "toy", runs, CROPS, paths("mini", study))
    assert not (study / "results" / "mini" / "scores").exists()
    assert not (study / "results" / "mini" / "crops").exists()


def test_scores_that_cannot_be_written_stop_before_anything_is_measured(study, make_runs, monkeypatch):
    runs = make_runs(LOSSES)
    monkeypatch.setattr("sharploss.evaluation.group.score_packs", lambda *_, **__: pytest.fail("was measured"))
    (study / "results" / "mini" / "crops").touch()
    with pytest.raises(OSError, match="crops"):
        evaluate_group("toy-espcn", "toy", runs, CROPS, paths("mini", study))
