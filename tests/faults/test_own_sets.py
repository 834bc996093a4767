"""A set of one's own with folders, equal file names and by-products in it, from its files to scores and crops."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sharploss.assets.own import own_receipt
from sharploss.config.sections import Crop, Dataset
from sharploss.config.tasks import SuperResolution
from sharploss.data import open_pack, prepare, read_image, write_png
from sharploss.evaluation.group import evaluate_input_baseline
from sharploss.record.paths import paths
from sharploss.record.scores import load_scores

TASK = SuperResolution(
    kind="sr", scale=2, train=["skimage_validation"], validation=["skimage_validation"], test=["mine"]
)
FILES = ["1.png", "a/1.png", "a/b/1.png", "c/b/1.png"]


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def draw(path, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (3, 24, 26), dtype=np.uint8)
    write_png(path, pixels)
    return torch.from_numpy(pixels)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(FILES), st.sampled_from(FILES))
def test_every_image_is_scored_and_cut_as_itself(here, order, changed):
    """Whichever file changes, the receipt says so, and pack, scores and crop are of the new one, under its own name."""
    files, own = paths("mini"), {"mine": Dataset(images="datasets/mine")}
    name = changed.removesuffix(".png").replace("/", "_")
    crops = {"spot": Crop(task="t", dataset="mine", image=name, top=2, left=3, height=12, width=11)}
    kept, receipts = {}, []
    for seed in (0, 100):
        for index, file in enumerate(order):
            if seed == 0 or file == changed:
                kept[file] = draw(here / "datasets/mine" / file, seed + index)
        draw(here / "datasets/mine/a/.thumbnails/1.png", seed)
        receipts.append(own_receipt("mine", ["datasets/mine"])["sha256"])
        prepare("t", TASK, files.packs("t"), own=own)
        pack = open_pack(files.pack("t", "test-mine"))
        names = [f"mine/{file.removesuffix('.png').replace('/', '_')}" for file in sorted(FILES, key=_parts)]
        assert pack.names == names
        assert all(torch.equal(pack.target(i), kept[file]) for i, file in enumerate(sorted(FILES, key=_parts)))
        evaluate_input_baseline("t", TASK, crops, files)
        scores = load_scores(files.input_baseline_scores("t"))
        assert {f"mine/{row.image}" for row in scores.rows} == set(names)
        assert "1 by-product" in scores.notes.missing_sets["part of mine's folder"]
        crop = torch.from_numpy(read_image(files.input_baseline_crop("t", "spot", "target")))
        assert torch.equal(crop, kept[changed][:, 2:14, 3:14])
    assert {key for key in receipts[0] if receipts[0][key] != receipts[1][key]} == {f"datasets/mine: {changed}"}


def _parts(file):
    return file.split("/")
