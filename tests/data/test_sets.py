import os
import zipfile
from unicodedata import normalize

import numpy as np
import pytest

from sharploss.assets import ASSETS, Asset, File
from sharploss.config.sections import Dataset
from sharploss.config.tasks import Blur, Deblur, Shrink, SuperResolution
from sharploss.data import open_pack, prepare, write_png
from sharploss.data.sets import find_images
from sharploss.utils.errors import UserError

MIRROR = os.environ.get("SHARPLOSS_MIRROR")

SR = Shrink(kind="sr", scale=2, inputs="published")
PAIRS = Blur(kind="deblur", blur="pairs")


def write(folder, *names, size=(8, 10)):
    for index, name in enumerate(names):
        pixels = np.random.default_rng(index).integers(0, 256, (3, *size), dtype=np.uint8)
        write_png(folder / name, pixels)


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)


def test_a_folder_is_read_at_any_depth_in_order(tmp_path):
    write(tmp_path / "mine", "b.png", "a/c.png", "a/a.png")
    (tmp_path / "mine" / "notes.txt").write_text("no image")
    items = find_images("mine", None, {"mine": Dataset(images=str(tmp_path / "mine"))})
    assert [item.name for item in items] == ["mine/a", "mine/c", "mine/b"]


def test_a_zip_file_is_unpacked_once_into_the_cache(tmp_path):
    write(tmp_path / "mine", "a.png", "b.png")
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for path in (tmp_path / "mine").iterdir():
            archive.write(path, path.name)
    own = {"mine": Dataset(images=str(tmp_path / "mine.zip"))}
    first = find_images("mine", None, own)
    assert [item.name for item in first] == ["mine/a", "mine/b"]
    assert find_images("mine", None, own) == first
    assert first[0].path.is_relative_to(tmp_path / "cache")


def test_images_of_the_same_name_are_told_apart_by_their_folders(tmp_path):
    write(tmp_path / "mine", "x/a.png", "y/a.png")
    items = find_images("mine", None, {"mine": Dataset(images=str(tmp_path / "mine"))})
    assert [item.name for item in items] == ["mine/x_a", "mine/y_a"]


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["1.png", "x/1.png"], ["1", "x_1"]),
        (["x/1.png", "y/1.png", "y/2.png"], ["x_1", "y_1", "y_2"]),
        (["p/x/1.png", "q/x/1.png"], ["p_x_1", "q_x_1"]),
        ([f"{top}/1/2/3/4/5/6/7/8/9/1.png" for top in "pq"], [f"{top}_1_2_3_4_5_6_7_8_9_1" for top in "pq"]),
        (["blurred/1.png", "sharper/1.png"], ["blurred_1", "sharper_1"]),
    ],
)
def test_names_depend_on_the_folders_within_the_set_alone(tmp_path, files, names):
    for root in ("mine", "deep/er/mine"):
        write(tmp_path / root, *files)
        items = find_images("mine", None, {"mine": Dataset(images=str(tmp_path / root))})
        assert [item.name for item in items] == [f"mine/{name}" for name in names]
        assert [item.path.relative_to(tmp_path / root).as_posix() for item in items] == files


@pytest.mark.parametrize(
    "files",
    [
        ["s1/blur/1.png", "s1/sharp/1.png"],
        ["a/b_c.png", "a_b/c.png"],
        ["x/1.bmp", "x/1.png"],
        ["x/1.PNG", "x/1.png"],
        ["x/y_1.png", "x_y/1.png"],
    ],
)
def test_files_that_would_have_one_name_are_both_given(tmp_path, files):
    write(tmp_path / "mine", "0/1.png", "0/c.png", *files)
    with pytest.raises(UserError, match="would both be named") as error:
        find_images("mine", None, {"mine": Dataset(images=str(tmp_path / "mine"))})
    assert all(str(tmp_path / "mine" / file) in str(error.value) for file in files)


@pytest.mark.parametrize("suffix", ["", "x2"])
@pytest.mark.parametrize(
    ("folders", "others", "fits"),
    [
        (["day/1", "night/2"], ["day/1", "night/2"], True),
        (["day/1", "night/1"], ["day/1", "night/1"], True),
        (["day/1", "night/2"], ["1", "2"], True),
        (["1", "2"], ["day/1", "night/2"], True),
        (["day/1", "night/2"], ["night/1", "day/2"], False),
        (["day/1", "2"], ["1", "night/2"], False),
        (["day/1", "night/2"], ["x/day/1", "x/night/2"], True),
    ],
)
def test_an_input_belongs_to_the_target_of_its_name_and_folder(tmp_path, folders, others, fits, suffix):
    own = paired(tmp_path, [f"{name}.png" for name in folders], [f"{name}{suffix}.png" for name in others])
    if fits:
        found = [
            (item.path.relative_to(tmp_path), item.given.relative_to(tmp_path)) for item in find_images("mine", SR, own)
        ]
        wanted = zip(folders, others, strict=True)
        assert [(one.as_posix(), other.as_posix()) for one, other in found] == [
            (f"hr/{one}.png", f"lr/{other}{suffix}.png") for one, other in sorted(wanted)
        ]
        return
    with pytest.raises(UserError, match=r"lie in unlike folders") as error:
        find_images("mine", SR, own)
    assert str(tmp_path / "hr") in str(error.value)
    assert str(tmp_path / "lr") in str(error.value)


@pytest.mark.parametrize(
    ("make", "told"),
    [(lambda _: None, "there is no folder or zip file"), (lambda folder: folder.mkdir(), "holds no images")],
)
def test_nothing_there_is_told(tmp_path, make, told):
    make(tmp_path / "mine")
    with pytest.raises(UserError, match=rf"datasets\.mine: .*{told}"):
        find_images("mine", None, {"mine": Dataset(images=str(tmp_path / "mine"))})


def test_an_unknown_set_is_told_with_the_nearest_of_all():
    with pytest.raises(UserError, match="There is no data set 'mien': did you mean 'mine'"):
        find_images("mien", None, {"mine": Dataset(images="x")})
    with pytest.raises(UserError, match="There is no data set 'alexnet'"):
        find_images("alexnet", None, {})


def paired(tmp_path, targets, inputs):
    write(tmp_path / "hr", *targets)
    write(tmp_path / "lr", *inputs, size=(4, 5))
    return {"mine": Dataset(images=str(tmp_path / "hr"), inputs=str(tmp_path / "lr"))}


def test_published_inputs_are_found_by_name(tmp_path):
    own = paired(tmp_path, ("0001.png", "0002.png"), ("0002x2.png", "0001x2.png"))
    assert [item.given.name for item in find_images("mine", SR, own)] == ["0001x2.png", "0002x2.png"]
    assert [item.given for item in find_images("mine", SR.model_copy(update={"inputs": "made"}), own)] == [None, None]


@pytest.mark.parametrize(
    ("targets", "inputs", "told"),
    [
        (("a.png", "b.png"), ("a.png",), r"'b' has no input \(2 targets and 1 inputs\)"),
        (("a.png",), ("a.png", "c.png"), r"'c' has no target \(1 targets and 2 inputs\)"),
        (("a.png", "b.png"), ("a.png", "c.png"), "'b' has no input"),
        (("a.png", "b.png"), ("a.png", "b.png", "bx2.png"), r"b\.png and bx2\.png have one name but for the scale"),
        (("box2.png", "box3.png"), ("box2.png", "box4.png"), r"box2\.png and box3\.png have one name but for"),
    ],
)
def test_pairs_that_do_not_match_are_told(tmp_path, targets, inputs, told):
    with pytest.raises(UserError, match=told):
        find_images("mine", SR, paired(tmp_path, targets, inputs))


@pytest.mark.parametrize(
    ("names", "given"),
    [
        (["box2", "box3", "box4"], ["box2", "box3", "box4"]),  # names that only look like a scale
        (["a", "b"], ["ax2", "bx2"]),
        (["a_SRF_2_HR", "b_SRF_2_HR"], ["a_SRF_2_LR", "b_SRF_2_LR"]),
    ],
)
def test_each_target_gets_the_input_of_its_name(tmp_path, names, given):
    own = paired(tmp_path, [f"{name}.png" for name in names], [f"{name}.png" for name in given])
    found = [(item.path.stem, item.given.stem) for item in find_images("mine", SR, own)]
    assert found == list(zip(names, given, strict=True))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("other", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["é", "Öl_2", "か\u3099", "x2_ạ̈"])
def test_a_name_has_one_form_whichever_system_wrote_it(tmp_path, name, form, other):
    own = paired(tmp_path, [f"{normalize(form, name)}.png"], [f"{normalize(other, name)}.png"])
    (item,) = find_images("mine", SR, own)
    assert item.name == "mine/" + normalize("NFC", name)
    assert item.given


def test_two_forms_of_one_name_are_told(tmp_path):
    write(tmp_path, "é.png", "e\u0301.png")
    with pytest.raises(UserError, match="would both be named 'é' in results"):
        find_images("mine", SR, {"mine": Dataset(images=str(tmp_path))})


def test_pairs_of_other_sizes_are_told(tmp_path):
    own = paired(tmp_path, ("a.png",), ("a.png",))
    sets = {"train": ["mine"], "validation": ["mine"], "test": ["skimage_test"]}
    task = SuperResolution(kind="sr", scale=3, inputs="published", **sets)
    with pytest.raises(UserError, match="mine/a: its input is 5x4 and its target 9x6 pixels, not 3 times as large"):
        prepare("t", task, tmp_path / "packs", own=own)


def test_a_set_in_pairs_of_folders_is_read_as_gopro_comes(monkeypatch, tmp_path):
    root = tmp_path / "cache" / "datasets" / "pairs"
    for scene in ("s1", "s2"):
        write(root / scene / "sharp", "1.png", "2.png", size=(16, 20))
        write(root / scene / "blur", "1.png", "2.png", size=(16, 20))
        write(root / scene / "blur_gamma", "1.png", "2.png", size=(16, 20))
    asset = Asset("dataset", "train", "", "", archives=(File("archives/p.zip", "", None),), folder="datasets/pairs")
    monkeypatch.setitem(ASSETS, "pairs", asset._replace(images=4, pairs=("sharp", "blur")))
    items = find_images("pairs", PAIRS, {})
    assert [item.name for item in items] == ["pairs/s1_1", "pairs/s1_2", "pairs/s2_1", "pairs/s2_2"]
    assert all(item.path.parent.name == "sharp" and item.given.parent.name == "blur" for item in items)
    task = Deblur(kind="deblur", blur="pairs", train=["pairs"], validation=["pairs"], test=["skimage_test"])
    with pytest.raises(UserError, match="published inputs"):
        prepare("t", task, tmp_path / "packs")
    pack = open_pack(tmp_path / "packs" / "train.safetensors")
    assert len(pack) == 4


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.skipif(not MIRROR, reason="SHARPLOSS_MIRROR is not set: there is no Set5")
def test_set5_and_its_published_inputs_belong_together(monkeypatch, scale):
    monkeypatch.setenv("SHARPLOSS_MIRROR", MIRROR)
    items = find_images("set5", SR.model_copy(update={"scale": scale}), {})
    assert [item.given.name for item in items] == [f"img_{i:03d}_SRF_{scale}_LR.png" for i in range(1, 6)]
