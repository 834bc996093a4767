import hashlib

import numpy as np
import pytest
import torch

from sharploss.assets import ASSETS, Asset, File, locate
from sharploss.data import degrade, open_pack, prepare, read_image, write_png
from sharploss.errors import UserError

TASK = {
    "kind": "sr",
    "scale": 4,
    "train": ["skimage_validation"],
    "validation": ["skimage_validation"],
    "test": ["skimage_test", "absent"],
}


def asset(*files):
    return Asset(kind="dataset", role="test", licence="", citation="", files=files)


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)
    monkeypatch.setitem(ASSETS, "absent", asset(File("datasets/absent/a.png", "00", 1, ("https://example.invalid/a",))))


def small_set(monkeypatch, tmp_path, *sizes):
    """A data set of random images in the cache."""
    files = []
    for index, (height, width) in enumerate(sizes):
        path = tmp_path / "cache" / "datasets" / "own" / f"{index}.png"
        write_png(path, np.random.default_rng(index).integers(0, 256, (3, height, width), dtype=np.uint8))
        files.append(File(f"datasets/own/{index}.png", hashlib.sha256(path.read_bytes()).hexdigest(), None))
    monkeypatch.setitem(ASSETS, "own", asset(*files))


def test_every_role_gets_its_pack_and_a_missing_test_set_an_empty_one_with_the_reason(tmp_path):
    written = prepare("sr_x4", TASK, tmp_path / "packs", progress=False)
    stems = ["train", "validation", "test-skimage_test", "test-absent"]
    assert [path.stem for path in written] == stems
    assert sorted(path.stem for path in (tmp_path / "packs").iterdir()) == sorted(stems)
    packs = dict(zip(stems, (open_pack(path, verify=True) for path in written), strict=True))
    assert [pack.role for pack in packs.values()] == ["train", "validation", "test", "test"]
    test = packs["test-skimage_test"]
    assert test.names == [f"skimage_test/{name}" for name in ("astronaut", "camera", "chelsea", "rocket")]
    assert test.parameters == {"kind": "sr", "scale": 4}
    target, small = degrade(torch.from_numpy(read_image(locate("skimage_test")[2])), TASK)
    assert torch.equal(test.target(2), target)
    assert torch.equal(test.input(2), small)
    absent = packs["test-absent"]
    assert len(absent) == 0
    assert "downloads are switched off" in absent.missing["absent"]
    assert str(tmp_path) not in absent.missing["absent"]


def test_all_training_sets_share_a_pack(monkeypatch, tmp_path):
    small_set(monkeypatch, tmp_path, (9, 11), (8, 8))
    task = TASK | {"train": ["own", "skimage_validation"], "test": []}
    pack = open_pack(prepare("sr_x4", task, tmp_path / "packs", progress=False)[0])
    assert pack.names == ["own/0", "own/1", "skimage_validation/coins"]
    assert pack.sets == ["own", "skimage_validation"]
    assert pack.images[0].tolist() == [[0, 3, 8, 8], [192, 3, 2, 2]]


@pytest.mark.parametrize("role", ["train", "validation"])
def test_a_missing_training_or_validation_set_is_an_error_that_says_where_it_was_looked_for(tmp_path, role):
    with pytest.raises(UserError, match=r"asset 'absent' is missing \(looked in .*cache"):
        prepare("sr_x4", TASK | {role: ["absent"]}, tmp_path / "packs", progress=False)


def test_a_set_that_nobody_knows_is_an_error_also_for_testing(tmp_path):
    with pytest.raises(UserError, match="did you mean 'skimage_test'"):
        prepare("sr_x4", TASK | {"test": ["skimage_tests"]}, tmp_path / "packs", progress=False)


def test_no_set_at_all_for_training_is_an_error(tmp_path):
    with pytest.raises(UserError, match="'sr_x4' names no set under 'train'"):
        prepare("sr_x4", TASK | {"train": []}, tmp_path / "packs", progress=False)


def test_an_image_that_is_too_small_is_named_and_nothing_is_half_written(monkeypatch, tmp_path):
    small_set(monkeypatch, tmp_path, (9, 11), (3, 8))
    with pytest.raises(UserError, match=r"own/1\.png: .*8x3 pixels is too small"):
        prepare("sr_x4", TASK | {"train": ["own"]}, tmp_path / "packs", progress=False)
    assert not list((tmp_path / "packs").iterdir())


def test_a_failure_halfway_leaves_the_packs_of_an_earlier_time_whole(monkeypatch, tmp_path):
    small_set(monkeypatch, tmp_path, (16, 16))
    task = TASK | {"train": ["own"], "test": []}
    train = prepare("sr_x4", task, tmp_path / "packs", progress=False)[0]
    before = train.read_bytes()
    small_set(monkeypatch, tmp_path, (12, 12), (2, 2))
    with pytest.raises(UserError, match="too small"):
        prepare("sr_x4", task, tmp_path / "packs", progress=False)
    assert train.read_bytes() == before
    assert sorted(path.name for path in train.parent.iterdir()) == ["train.safetensors", "validation.safetensors"]


def test_the_bar_is_for_terminals_alone(tmp_path, capfd):
    prepare("sr_x4", TASK | {"test": []}, tmp_path / "packs", progress=True)
    assert capfd.readouterr() == ("", "")
