import hashlib
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from sharploss.assets import ASSETS, Asset, File, locate
from sharploss.config.sections import Dataset
from sharploss.config.tasks import Jpeg, Sharpen, SuperResolution
from sharploss.data import degrade, open_pack, prepare, read_image, write_png
from sharploss.data.jpeg import encoder
from sharploss.utils.errors import UserError

SETS = {"train": ["skimage_validation"], "validation": ["skimage_validation"], "test": ["skimage_test", "absent"]}
TASK = SuperResolution(kind="sr", scale=4, **SETS)
MADE = {"kind": "sr", "scale": 4, "seed": 0, "kernel": "bicubic", "mod_crop": True, "inputs": "made"}


def changed(**sets):
    """The task with other sets, of tests none if need be."""
    return TASK.model_copy(update=sets)


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
    written = prepare("sr_x4", TASK, tmp_path / "packs")
    stems = ["train", "validation", "test-skimage_test", "test-absent"]
    assert [path.stem for path in written] == stems
    assert sorted(path.stem for path in (tmp_path / "packs").iterdir()) == sorted(stems)
    packs = dict(zip(stems, (open_pack(path, verify=True) for path in written), strict=True))
    assert [pack.role for pack in packs.values()] == ["train", "validation", "test", "test"]
    test = packs["test-skimage_test"]
    assert test.names == [f"skimage_test/{name}" for name in ("astronaut", "camera", "chelsea", "rocket")]
    assert test.parameters == MADE
    target, small = degrade(torch.from_numpy(read_image(locate("skimage_test")[2])), TASK)
    assert torch.equal(test.target(2), target)
    assert torch.equal(test.input(2), small)
    absent = packs["test-absent"]
    assert len(absent) == 0
    assert "downloads are switched off" in absent.missing["absent"]
    assert str(tmp_path) not in absent.missing["absent"]


def test_all_training_sets_share_a_pack(monkeypatch, tmp_path):
    small_set(monkeypatch, tmp_path, (9, 11), (8, 8))
    task = changed(train=["own", "skimage_validation"], test=[])
    pack = open_pack(prepare("sr_x4", task, tmp_path / "packs")[0])
    assert pack.names == ["own/0", "own/1", "skimage_validation/coins"]
    assert pack.sets == ["own", "skimage_validation"]
    assert pack.images[0].tolist() == [[0, 3, 8, 8], [192, 3, 2, 2]]


@pytest.mark.parametrize("role", ["train", "validation"])
def test_a_missing_training_or_validation_set_is_an_error_that_says_where_it_was_looked_for(tmp_path, role):
    with pytest.raises(UserError, match=r"asset 'absent' is missing \(looked in .*cache"):
        prepare("sr_x4", changed(**{role: ["absent"]}), tmp_path / "packs")


def test_a_set_that_nobody_knows_is_an_error_also_for_testing(tmp_path):
    with pytest.raises(UserError, match="did you mean 'skimage_test'"):
        prepare("sr_x4", changed(test=["skimage_tests"]), tmp_path / "packs")


def spoil(tmp_path, index, content=b""):
    """Overwrite an image of the user's own set."""
    (tmp_path / "mine" / f"{index}.png").write_bytes(content)


@pytest.fixture
def mine(tmp_path):
    """A folder of three images, as `datasets` of params.yaml names it."""
    for index in range(3):
        pixels = np.random.default_rng(index).integers(0, 256, (3, 16, 20), dtype=np.uint8)
        write_png(tmp_path / "mine" / f"{index}.png", pixels)
    return {"mine": Dataset(images=str(tmp_path / "mine"))}


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", r"1\.png is empty"), (b"not an image", r"1\.png cannot be read")]
)
def test_a_damaged_image_is_named_and_the_rest_is_not_lost(tmp_path, capsys, mine, content, reason):
    spoil(tmp_path, 1, content)
    written = prepare("t", changed(train=["mine"], test=[]), tmp_path / "packs", own=mine)
    pack = open_pack(written[0], verify=True)
    assert pack.names == ["mine/0", "mine/2"]
    assert list(pack.left_out) == ["mine/1"]
    assert re.search(reason, pack.left_out["mine/1"])
    assert str(tmp_path) not in pack.left_out["mine/1"]
    assert "warning: mine/1 is left out" in capsys.readouterr().err


def test_an_image_that_is_too_small_is_left_out(monkeypatch, tmp_path):
    small_set(monkeypatch, tmp_path, (9, 11), (3, 8))
    pack = open_pack(prepare("t", changed(train=["own"], test=[]), tmp_path / "packs")[0])
    assert pack.names == ["own/0"]
    assert "8x3 pixels is too small" in pack.left_out["own/1"]


def test_a_set_of_which_nothing_can_be_used_is_an_error_and_an_earlier_pack_stays_whole(tmp_path, mine):
    task = changed(train=["mine"], test=[])
    train = prepare("t", task, tmp_path / "packs", own=mine)[0]
    before = train.read_bytes()
    for index in range(3):
        spoil(tmp_path, index)
    with pytest.raises(UserError, match=r"None of the 3 images can be used; the first: 0\.png is empty"):
        prepare("t", task, tmp_path / "packs", own=mine)
    assert train.read_bytes() == before
    assert sorted(path.name for path in train.parent.iterdir()) == ["train.safetensors", "validation.safetensors"]


def test_training_on_a_test_image_of_ones_own_is_refused(tmp_path, mine):
    write_png(tmp_path / "other" / "copy.png", read_image(tmp_path / "mine" / "2.png"))
    own = mine | {"other": Dataset(images=str(tmp_path / "other"))}
    with pytest.raises(UserError, match=r"trains on .*2\.png and tests on .*copy\.png, which are the same image"):
        prepare("t", changed(train=["mine"], test=["other"]), tmp_path / "packs", own=own)


def test_choosing_weights_by_a_test_image_of_ones_own_is_refused(tmp_path, mine):
    write_png(tmp_path / "other" / "copy.png", read_image(tmp_path / "mine" / "2.png"))
    own = mine | {"other": Dataset(images=str(tmp_path / "other"))}
    with pytest.raises(UserError, match=r"mine.2\.png and tests on .*copy\.png, which are the same image"):
        prepare("t", changed(test=["other"], tune=["mine"]), tmp_path / "packs", own=own)


def test_a_photograph_that_is_also_tested_on_is_left_out_of_training(monkeypatch, tmp_path):
    small_set(monkeypatch, tmp_path, (9, 11), (9, 11))
    monkeypatch.setitem(ASSETS, "own", ASSETS["own"]._replace(twins={"1": "skimage_test"}))
    pack = open_pack(prepare("t", changed(train=["own"]), tmp_path / "packs")[0])
    assert pack.names == ["own/0"]
    assert pack.left_out == {"own/1": "skimage_test, which is tested on, has the same photograph"}
    pack = open_pack(prepare("t", changed(train=["own"], test=["absent"]), tmp_path / "packs")[0])
    assert len(pack) == 2


def test_a_tuning_set_is_packed_like_a_test_set_without_what_is_tested_on(monkeypatch, tmp_path):
    small_set(monkeypatch, tmp_path, (24, 28), (24, 28))
    monkeypatch.setitem(ASSETS, "own", ASSETS["own"]._replace(twins={"1": "skimage_test"}))
    written = prepare("t", changed(tune=["own", "absent"]), tmp_path / "packs")
    packs = {path.stem: open_pack(path) for path in written}
    assert list(packs)[-2:] == ["tune-own", "tune-absent"]
    assert (packs["tune-own"].role, packs["tune-own"].names) == ("tune", ["own/0"])
    assert packs["tune-own"].left_out == {"own/1": "skimage_test, which is tested on, has the same photograph"}
    assert list(packs["tune-absent"].missing) == ["absent"]
    assert packs["tune-own"].parameters == packs["test-skimage_test"].parameters == MADE


def test_set5s_woman_is_in_bsds500_and_left_out():
    assert ASSETS["bsds500_train"].twins == {"302003": "set5"}


def test_b100_is_cropped_as_the_benchmark_is(monkeypatch, tmp_path):
    small_set(monkeypatch, tmp_path, (9, 11), (11, 9))
    monkeypatch.setitem(ASSETS, "own", ASSETS["own"]._replace(crop=(10, 8)))
    task = Sharpen(kind="sharpen", sigma=1.0, **SETS).model_copy(update={"train": ["own"], "test": []})
    pack = open_pack(prepare("t", task, tmp_path / "packs")[0])
    assert [tuple(pack.target(index).shape) for index in range(2)] == [(3, 8, 10), (3, 10, 8)]


def test_what_a_killed_preparation_left_is_removed(tmp_path):
    folder = tmp_path / "packs"
    folder.mkdir()
    (folder / ".train.safetensors.abc.tmp").write_bytes(b"half")
    prepare("t", changed(test=[]), folder)
    assert not list(folder.glob(".*"))


KILLED = """
import os, signal, sys
import sharploss.data
from sharploss.config.tasks import SuperResolution
module = sys.modules["sharploss.data.prepare"]  # the name in the package is the function
degrade, count = module.degrade, 0

def die_at_the_third(*arguments):
    global count
    count += 1
    if count == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return degrade(*arguments)

module.degrade = die_at_the_third
sets = {"train": ["skimage_test"], "validation": ["skimage_validation"], "test": ["skimage_validation"]}
module.prepare("t", SuperResolution(kind="sr", scale=4, **sets), sys.argv[1])
"""


@pytest.mark.slow
def test_an_interrupted_preparation_starts_clean(tmp_path):
    folder = tmp_path / "packs"
    assert subprocess.run([sys.executable, "-c", KILLED, folder], check=False).returncode == -signal.SIGKILL
    assert not list(folder.glob("*.safetensors"))
    task = changed(train=["skimage_test"], test=[])
    for path in prepare("t", task, folder):
        assert len(open_pack(path, verify=True)) in {1, 4}
    assert sorted(path.name for path in folder.iterdir()) == ["train.safetensors", "validation.safetensors"]


MEASURED = """
import resource, sys
from sharploss.config.sections import Dataset
from sharploss.config.tasks import SuperResolution
from sharploss.data import prepare
sets = {"train": ["mine"], "validation": ["skimage_validation"], "test": ["skimage_test"]}
for images, packs in zip(sys.argv[1::2], sys.argv[2::2]):
    prepare("t", SuperResolution(kind="sr", scale=4, **sets), packs, own={"mine": Dataset(images=images)})
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_set(tmp_path):
    rng = np.random.default_rng(0)
    folders = []
    for count in (4, 24):
        folders += [tmp_path / f"{count}", tmp_path / f"packs{count}"]
        folders[-2].mkdir()
        for index in range(count):
            Image.fromarray(rng.integers(0, 256, (1000, 1200, 3), dtype=np.uint8)).save(folders[-2] / f"{index}.bmp")
    said = subprocess.run([sys.executable, "-c", MEASURED, *folders], check=True, capture_output=True, text=True).stdout
    few, many = map(int, said.split())
    assert (folders[-1] / "train.safetensors").stat().st_size > 24 * 3.6e6
    assert many - few < 25e6  # 20 more images are 76 MB more of pixels


def test_a_pack_of_jpeg_names_its_encoder(tmp_path):
    task = Jpeg(kind="jpeg", quality=10, **SETS).model_copy(update={"test": []})
    for path in prepare("t", task, tmp_path / "packs"):
        assert open_pack(path).parameters["encoder"] == encoder()
        assert re.match(r"Pillow \d+\.\d+.*, libjpeg", encoder())


def test_the_bar_is_for_terminals_alone(tmp_path, capfd):
    prepare("sr_x4", changed(test=[]), tmp_path / "packs")
    assert capfd.readouterr() == ("", "")
