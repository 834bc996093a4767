import csv
import json

import pytest
import torch
from toys import TASK, picture

from sharploss.config.sections import Crop
from sharploss.config.tasks import Denoise
from sharploss.data import imresize, read_image, write_pack
from sharploss.evaluation.group import evaluate_input_baseline
from sharploss.metrics import psnr
from sharploss.record.paths import ScoreFiles, paths
from sharploss.record.scores import load_scores
from sharploss.utils.errors import UserError

pytestmark = pytest.mark.usefixtures("no_weights")

CROPS = {"nose": Crop(task="toy", dataset="toys", image="second", top=0, left=0, height=36, width=40)}


@pytest.fixture
def folder(study):
    evaluate_input_baseline("toy", TASK, CROPS, paths("mini", study))
    return study / "results" / "mini" / "input_baselines" / "toy"


def scores(folder):
    return load_scores(ScoreFiles(folder / "scores.csv", folder / "scores.json")).rows


def read(path):
    return torch.from_numpy(read_image(path))


def test_the_scores_are_those_of_bicubic_interpolation(folder):
    rows = scores(folder)
    assert {row.run for row in rows} == {"toy-bicubic"}
    target = picture(2, 40, 44)
    pair = [image[None] / 255 for image in (imresize(imresize(target, 1 / 2), 2), target)]
    (value,) = (row.value for row in rows if (row.image, row.metric, row.protocol) == ("second", "psnr", "y"))
    assert value == pytest.approx(psnr(*pair, border=2).item(), abs=1e-6)


def test_the_notes_say_what_is_missing(folder):
    notes = json.loads((folder / "scores.json").read_text())
    assert notes["missing_sets"] == {"lost": "it is lost"}
    assert notes["not_measured"].keys() == {"lpips", "lpips_vgg", "niqe", "fid", "ms_ssim"}


def test_crops_show_the_target_and_bicubic(folder):
    target = picture(2, 40, 44)
    assert torch.equal(read(folder / "nose-target.png"), target[:, :36, :40])
    assert torch.equal(read(folder / "nose-bicubic.png"), imresize(imresize(target, 1 / 2), 2)[:, :36, :40])


def test_there_is_an_edge(folder):
    assert (folder / "edge.csv").read_text().count("\n") == 1 + 32 * 32


def test_the_edge_needs_no_crop(study):
    evaluate_input_baseline("toy", TASK, {}, paths("mini", study))
    assert (study / "results" / "mini" / "input_baselines" / "toy" / "edge.csv").is_file()


def test_without_any_test_set_there_are_no_scores_and_no_edge(make_test_set):
    root = make_test_set({})
    evaluate_input_baseline("toy", TASK.model_copy(update={"test": ["lost"]}), {}, paths("mini", root))
    folder = root / "results" / "mini" / "input_baselines" / "toy"
    assert (folder / "scores.csv").read_text().count("\n") == 1
    assert not (folder / "edge.csv").exists()
    assert not (folder / "variance.csv").exists()


def test_a_test_set_without_images_is_refused(make_test_set):
    with pytest.raises(UserError, match=r"test set toys of toy is empty: .* tasks\.toy\.test"):
        evaluate_input_baseline("toy", TASK, {}, paths("mini", make_test_set({})))


def test_a_pack_of_another_set_is_not_taken_for_a_set_without_images(study):
    packs = study / "data/mini/packed/toy"
    (packs / "test-toys.safetensors").write_bytes((packs / "test-lost.safetensors").read_bytes())
    with pytest.raises(UserError, match=r"test-toys\.safetensors holds lost where toys belongs: delete it and run"):
        evaluate_input_baseline("toy", TASK, {}, paths("mini", study))


@pytest.mark.parametrize("name", ["scores.csv", "scores.json", "variance.csv", "edge.csv"])
def test_what_cannot_be_written_stops_before_the_first_image(study, name, monkeypatch):
    (study / "results/mini/input_baselines/toy" / name).mkdir(parents=True)
    monkeypatch.setattr("sharploss.evaluation.group.score_packs", lambda *_, **__: pytest.fail("an image was measured"))
    with pytest.raises(IsADirectoryError):
        evaluate_input_baseline("toy", TASK, CROPS, paths("mini", study))


@pytest.mark.parametrize(
    "name", ["1e5", "nan", "None", "001", "toy-bicubic", "dataset", 'a,"b"', "=1+1", " a ", "x" * 300]
)
def test_any_name_of_an_image_comes_back_from_the_scores(make_test_set, name):
    root = make_test_set({name: picture(1, 32, 32)})
    crops = {"nose": CROPS["nose"].model_copy(update={"image": name, "height": 8, "width": 8})}
    evaluate_input_baseline("toy", TASK, crops, paths("mini", root))
    folder = root / "results" / "mini" / "input_baselines" / "toy"
    assert {row.image for row in scores(folder)} == {name}
    assert (folder / "nose-target.png").is_file()


def test_the_variances_of_the_shown_image_are_beside(folder):
    with (folder / "variance.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["run"], row["image"]) for row in rows} == {("toy-bicubic", "toys/second")}
    # Bicubic interpolation blurs.
    assert sum(float(row["output"]) for row in rows) < sum(float(row["target"]) for row in rows)


def test_a_task_that_keeps_the_size_shows_its_input(make_test_set):
    root = make_test_set({})
    image = picture(2, 40, 44)
    noisy = (image.int() + 9).clamp(0, 255).to(torch.uint8)
    folder = root / "data" / "mini" / "packed" / "toy"
    write_pack(
        folder / "test-toys.safetensors",
        [("toys/second", image, noisy)],
        role="test",
        sets=["toys"],
        parameters={},
        missing={},
    )
    task = Denoise(kind="denoise", sigma=25, colour="grey", train=["a"], validation=["b"], test=["toys"])
    evaluate_input_baseline("toy", task, CROPS, paths("mini", root))
    rows = scores(root / "results" / "mini" / "input_baselines" / "toy")
    assert {row.run for row in rows} == {"toy-input"}
    assert {row.protocol for row in rows if row.metric == "psnr"} == {"grey8"}
    assert torch.equal(
        read(root / "results" / "mini" / "input_baselines" / "toy" / "nose-input.png"), noisy[:, :36, :40]
    )
