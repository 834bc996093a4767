"""Test images of any size: `prepare` decides which can be measured, and whatever it lets pass is measured."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from sharploss.config.protocols import METRIC_INFO, protocols_of
from sharploss.config.sections import Crop, Dataset
from sharploss.config.tasks import Task
from sharploss.data import open_pack, prepare, write_png
from sharploss.data.prepare import smallest_side
from sharploss.evaluation.crops import find_crops
from sharploss.evaluation.group import enlarge, evaluate_input_baseline
from sharploss.evaluation.score import defined, score_packs
from sharploss.metrics import METRICS
from sharploss.record.paths import paths
from sharploss.record.scores import load_scores
from sharploss.utils.errors import UserError

SETS = {"train": ["skimage_validation"], "validation": ["skimage_validation"], "test": ["mine"]}
KINDS = {
    "x2": {"kind": "sr", "scale": 2},
    "x3": {"kind": "sr", "scale": 3},
    "x4": {"kind": "sr", "scale": 4},
    "x4_uncropped": {"kind": "sr", "scale": 4, "kernel": "bilinear", "mod_crop": False},
    "grey": {"kind": "jpeg", "quality": 10},
    "colour": {"kind": "denoise", "sigma": 25},
    "noise": {"kind": "denoise", "sigma": 25, "colour": "grey"},
    "sharpen": {"kind": "sharpen", "sigma": 2},
    "motion": {"kind": "deblur", "blur": "motion"},
}
TASKS = {name: TypeAdapter(Task).validate_python(SETS | kind) for name, kind in KINDS.items()}
WEIGHTLESS = [name for name in METRICS if METRIC_INFO[name]["asset"] is None]


def make_packs(folder, task, sizes):
    """Prepare a test set of random images of (height, width)."""
    for index, (height, width) in enumerate(sizes):
        pixels = np.random.default_rng(index).integers(0, 256, (3, height, width), dtype=np.uint8)
        write_png(folder / "mine" / f"{index}.png", pixels)
    own = {"mine": Dataset(images=str(folder / "mine"))}
    files = paths("mini", folder)
    prepare("toy", task, files.packs("toy"), own=own)
    return [open_pack(files.pack("toy", "test-mine"))]


def score(task, packs):
    restorers = {"one": lambda image: enlarge(image, task.scale)}
    about = {"title": "", "on_image": lambda *_: None, "metrics": WEIGHTLESS}
    return defined(score_packs(packs, restorers, task=task, device=torch.device("cpu"), **about))


@pytest.mark.parametrize("name", TASKS)
def test_what_is_too_small_for_a_metric_is_left_out_by_prepare_and_the_rest_is_measured(tmp_path, name):
    task = TASKS[name]
    least = smallest_side(task.scale)
    least += -least % task.scale  # where images are cropped to a multiple of the scale
    sizes = [(least, least), (least - task.scale, 50), (50, least - task.scale), (1, 1), (least, 90), (90, least)]
    (pack,) = make_packs(tmp_path, task, sizes)
    assert pack.names == ["mine/0", "mine/4", "mine/5"]
    assert pack.left_out.keys() == {"mine/1", "mine/2", "mine/3"}
    scores = score(task, [pack])
    everywhere = {
        (image, metric, protocol)
        for image in ("0", "4", "5")
        for metric in WEIGHTLESS
        if metric != "ms_ssim"  # which has no value below 161 pixels, and a note
        for protocol in protocols_of(metric, task)
    }
    assert {row[2:5] for row in scores.rows} == everywhere
    assert scores.notes.not_measured.keys() == {"ms_ssim"}
    assert all(scores.notes.missing_sets[image] for image in pack.left_out)


@settings(max_examples=12)
@given(height=st.integers(1, 40), width=st.integers(1, 40), name=st.sampled_from([*TASKS]))
def test_an_image_of_any_size_is_measured_or_left_out(tmp_path_factory, height, width, name):
    task, folder = TASKS[name], tmp_path_factory.mktemp("any")
    # The second image is large enough for every metric, so that the set is never empty.
    (pack,) = make_packs(folder, task, [(height, width), (64, 64)])
    scores = score(task, [pack])
    measured = {row[2] for row in scores.rows if row[3] == "ssim"}
    assert measured | {image.removeprefix("mine/") for image in pack.left_out} == {"0", "1"}


@pytest.mark.parametrize("name", TASKS)
def test_one_pixel_less_is_too_little_for_a_metric(name):
    # The limit leaves out no image that could be measured.
    task = TASKS[name]
    side = smallest_side(task.scale) - 1
    image = torch.zeros(1, 3, side, side)
    failed = 0
    for metric in WEIGHTLESS:
        for protocol in protocols_of(metric, task):
            try:
                METRICS[metric]()(*_pair(image), protocol, task.scale if task.scale > 1 else 0)
            except UserError:
                failed += 1
    assert failed


def _pair(image):
    from sharploss.metrics import CachedImage

    return CachedImage(image), CachedImage(image)


@pytest.mark.parametrize("name", ["x4", "grey"])
def test_a_set_of_nothing_but_small_images_is_refused_by_prepare(tmp_path, name):
    side = smallest_side(TASKS[name].scale) - 1
    with pytest.raises(UserError, match=r"None of the 2 images can be used; the first: .*it is \d+x\d+ pixels"):
        make_packs(tmp_path, TASKS[name], [(side, side), (side, 80)])


def test_the_note_on_a_small_image_reaches_the_scores_and_its_crop_is_left_out(tmp_path):
    task = TASKS["x2"]
    packs = make_packs(tmp_path, task, [(10, 40), (48, 48)])
    where = {"task": "toy", "dataset": "mine", "top": 0, "left": 0, "height": 4, "width": 4}
    crops = {"gone": Crop(image="0", **where), "there": Crop(image="1", **where)}
    assert list(find_crops(crops, "toy", packs)) == ["there"]
    evaluate_input_baseline("toy", task, crops, paths("mini", tmp_path))
    notes = load_scores(paths("mini", tmp_path).input_baseline_scores("toy")).notes
    assert "40x10 pixels" in notes.missing_sets["mine/0"]


def test_small_images_are_learnt_from_but_not_validated_on(tmp_path):
    folder = tmp_path / "mine"
    for index, side in enumerate((12, 64)):
        pixels = np.random.default_rng(index).integers(0, 256, (3, side, side), dtype=np.uint8)
        write_png(folder / f"{index}.png", pixels)
    task = TASKS["x2"].model_copy(update={"train": ["mine"], "validation": ["mine"], "test": []})
    own = {"mine": Dataset(images=str(folder))}
    train, validation = prepare("toy", task, tmp_path, own=own)
    assert open_pack(train).names == ["mine/0", "mine/1"]
    assert open_pack(validation).names == ["mine/1"]
