"""studies/benchmark.yaml cut down to a task of each kind, a small network and a few steps, on a mirror's real data."""

import json
import os
import runpy
import shutil
from pathlib import Path

import pytest
import skimage
import yaml
from PIL import Image

from sharploss.assets import ASSETS
from sharploss.config.params import load_params
from sharploss.data import open_pack, prepare
from sharploss.planning.plan import load_plan
from sharploss.record.paths import paths
from sharploss.record.scores import load_scores
from sharploss.utils import cores

pytestmark = pytest.mark.slow

MIRROR = os.environ.get("SHARPLOSS_MIRROR")
TASKS = {
    "sr_x4": ["set5", "urban100"],
    "sr_x2_bilinear": ["set5"],
    "sr_x3_no_mod_crop": ["set5"],
    "deblur_gaussian": ["set5"],
    "deblur_motion": ["set5"],
    "sharpen": ["set5"],
    "denoise_s25": ["set5"],
    "jpeg_q10": ["classic5"],
}
TRAINED = ["sr_x4", "deblur_gaussian", "sharpen", "denoise_s25", "jpeg_q10"]
"""One of each kind; of the others the images are prepared."""

PIECES = {"pieces_train": 0, "pieces_validation": 130, "pieces_tune": 260}
"""Sets of two images each: where in a photograph they begin."""

STUDY = Path(__file__).resolve().parents[2] / "studies" / "benchmark.yaml"


def sort_of(task):
    """What tells two tasks apart in how they are made, beside their strength."""
    return tuple(str(task.get(key)) for key in ("kind", "blur", "kernel", "mod_crop", "inputs", "colour", "train"))


def test_every_sort_of_task_of_the_study_is_tried():
    tasks = yaml.safe_load(STUDY.read_text())["tasks"]
    assert {sort_of(tasks[name]) for name in TASKS} == {sort_of(task) for task in tasks.values()}


@pytest.mark.skipif(not MIRROR, reason="SHARPLOSS_MIRROR is not set: there is no real data to prepare")
@pytest.mark.parametrize("name", ["sr_x4", "jpeg_q10"])  # every list of sets
def test_the_real_sets_prepare_from_the_mirror(tmp_path, monkeypatch, name):
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    task = load_params(STUDY).tasks[name]
    packs = {path.stem: open_pack(path) for path in prepare(name, task, tmp_path / "packs")}
    learnt = sum(len(ASSETS[data].files) for data in task.train)
    assert len(packs["train"]) == learnt - ("set5" in task.test)  # Set5's woman is in bsds500_train
    for data in task.test:
        assert len(packs[f"test-{data}"]) == len(ASSETS[data].files)
    for data in task.tune:
        assert list(packs[f"tune-{data}"].left_out) == ["live1/monarch"]  # which is in Set14
        assert len(packs[f"tune-{data}"]) == len(ASSETS[data].files) - 1
    shutil.rmtree(tmp_path / "packs")


def tiny(params):
    params["tasks"] = {name: {**params["tasks"][name], "test": sets} for name, sets in TASKS.items()}
    # Pieces of photographs, so that the test spends its time on what differs from kind to kind.
    params["datasets"] = {name: {"images": f"datasets/{name}"} for name in PIECES}
    for task in params["tasks"].values():
        task.update(train=["pieces_train"], validation=["pieces_validation"])
    params["tasks"]["sr_x4"]["tune"] = ["pieces_tune"]
    params["networks"] = {"edsr": {"network": "edsr", "blocks": 1, "width": 8, "res_scale": 1.0}}
    short = {
        "steps": 4,
        "batch": 2,
        "patch": 12,
        "warmup": 0,
        "log_every": 2,
        "validate_every": 4,
        "checkpoint_every": 4,
    }
    params["recipes"] = {"s5k": params["recipes"]["s5k"] | short | {"mode": "exact"}}
    suite = {"question": "Does every kind of task run?", "networks": ["edsr"], "recipe": "s5k"}
    params["suites"] = {
        "alpha": {**suite, "tasks": ["sr_x4"], "losses": ["l1", "sploss"]},
        "tasks": {**suite, "tasks": TRAINED, "losses": ["l1"]},
    }
    params["losses"] = {name: params["losses"][name] for name in ("l1", "sploss")}
    crops = params["crops"].items()
    params["crops"] = {
        name: crop for name, crop in crops if crop["dataset"] in params["tasks"].get(crop["task"], {}).get("test", [])
    }
    return params


def cut_pieces(folder):
    photograph = skimage.data.coffee()
    for name, top in PIECES.items():
        (folder / name).mkdir(parents=True)
        for left in (0, 200):
            Image.fromarray(photograph[top : top + 120, left : left + 160]).save(folder / name / f"{left}.png")


@pytest.fixture(scope="module")
def benchmark_study(repository, tmp_path_factory):
    """Its folder, after every stage up to the evaluation; what comes before and after has tests of its own."""
    if not MIRROR:
        pytest.skip("SHARPLOSS_MIRROR is not set: there is no real data to train on")
    folder = tmp_path_factory.mktemp("benchmark")
    params = tiny(yaml.safe_load(STUDY.read_text()))
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (folder / "studies").mkdir()
    cut_pieces(folder / "datasets")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SHARPLOSS_CACHE", str(folder / "cache"))
        patch.setenv("SHARPLOSS_OFFLINE", "1")
        patch.setenv("SHARPLOSS_DEVICE", "cpu")
        patch.setattr(cores, "_claimed", {})

        def stage(name, *arguments):
            patch.setattr("sys.argv", [name, *arguments])
            assert not runpy.run_path(str(repository / f"pipelines/{name}.py"))["main"]()

        stage("plan")
        stage("plan", "--check")
        stage("fetch")
        for task in TASKS:
            stage("prepare", task)
        runs = load_plan()["runs"]
        for key in runs:
            stage("train", key)
        for group in dict.fromkeys(run["group"] for run in runs.values()):
            stage("evaluate", group)
        for file in cores._claimed.values():
            file.close()
    return folder


def scores(study, group):
    return load_scores(paths("benchmark", study).scores(group)).rows


@pytest.mark.parametrize("task", TRAINED)
def test_every_kind_of_task_trains_and_is_measured(benchmark_study, task):
    runs = {f"{task}-edsr-{loss}-s5k-s0" for loss in (("l1", "sploss") if task == "sr_x4" else ("l1",))}
    for run in runs:
        metrics = json.loads((benchmark_study / f"results/benchmark/runs/{run}/metrics.json").read_text())
        assert metrics["status"] == "finished"
    found = scores(benchmark_study, f"{task}-edsr")
    assert {row.run for row in found} == runs
    tuned = {"pieces_tune"} if task == "sr_x4" else set()
    assert {row.dataset for row in found} == set(TASKS[task]) - {"urban100"} | tuned


@pytest.mark.parametrize("task", TASKS)
def test_every_sort_of_task_is_prepared(benchmark_study, task):
    folder = benchmark_study / "data/benchmark/packed" / task
    packs = {path.stem: open_pack(path) for path in folder.iterdir()}
    assert packs.keys() >= {"train", "validation", *(f"test-{name}" for name in TASKS[task])}
    assert all(len(pack) for name, pack in packs.items() if name != "test-urban100")


def test_a_set_that_cannot_be_had_is_left_out_with_a_note(benchmark_study):
    notes = json.loads((benchmark_study / "results/benchmark/scores/sr_x4-edsr.json").read_text())
    assert "urban100" in notes["missing_sets"]
