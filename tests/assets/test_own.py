"""One's own data set: every change of its files shows in its receipt, and what cannot be used is said in a sentence."""

import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sharploss.assets.own import own_images, own_receipt
from sharploss.utils.errors import UserError
from sharploss.utils.files import write_json

NAMES = ["1.png", "a/1.png", "b/1.png", "a/c/1.png", "c/a/1.png", "a_c/1.png", "b/2.png"]


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder, contents):
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def zipped(path, contents):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


contents = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([b"x", b"y", b"z"]), min_size=1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents, contents, st.sampled_from(["images", "inputs"]), st.booleans())
def test_a_receipt_is_the_same_for_the_same_files_alone(here, first, second, side, in_zip):
    receipts = []
    for index, files in enumerate([first, second, dict(reversed(first.items()))]):
        folder = here / f"set{index}"
        zipped(here / f"set{index}.zip", files) if in_zip else write(folder, files)
        Path(f"{folder}.zip" if in_zip else folder).replace("own.zip" if in_zip else "own")
        write(here / "other", {"1.png": b"0"})
        places = ["own.zip" if in_zip else "own", "other"]
        receipts.append(own_receipt("mine", places if side == "images" else places[::-1])["sha256"])
        if not in_zip:
            Path("own").replace(f"done{len(list(here.iterdir()))}")
    assert (receipts[0] == receipts[1]) == (first == second)
    assert receipts[0] == receipts[2]
    assert len(receipts[0]) == len(first) + 1


def test_what_is_skipped_is_in_the_receipt(here):
    write(here / "own", {"a.png": b"1", "x/.thumbnails/a.png": b"1", "notes.txt": b"1"})
    assert own_receipt("mine", ["own"])["skipped"] == {
        "own": "1 by-product of other programs, such as x/.thumbnails/a.png; 1 other file (.txt)"
    }


def test_a_relative_folder_is_found_in_the_mirror_where_it_is_not_here(here, monkeypatch):
    write(here / "elsewhere/photos/own", {"a/1.png": b"1"})
    monkeypatch.setenv("SHARPLOSS_MIRROR", str(here / "elsewhere"))
    there = own_receipt("mine", ["photos/own"])
    write(here / "photos/own", {"a/1.png": b"1"})
    assert own_receipt("mine", ["photos/own"]) == there
    assert own_images("photos/own", "mine").folder.resolve() == here / "photos/own"


@pytest.mark.parametrize("place", ["datasets/mine", "photos", "deep/er/photos.zip", "../beside"])
@pytest.mark.parametrize("copy", ["clone", "repository/.dvc/tmp/exps/tmpabc123"])
def test_what_is_not_in_git_is_looked_for_with_advice(here, monkeypatch, place, copy):
    (here / copy).mkdir(parents=True)
    monkeypatch.chdir(here / copy)
    with pytest.raises(UserError) as error:
        own_images(place, "mine")
    for word in ("datasets.mine", place, "in git", "absolute path", "SHARPLOSS_MIRROR"):
        assert word in str(error.value)


def test_an_absolute_path_is_not_advised_where_it_was_given(here):
    with pytest.raises(UserError, match=r"params\.yaml") as error:
        own_images(str(here / "gone"), "mine")
    assert "absolute path" not in str(error.value)


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"d\xfcster/1.png", b"\xff\xfe.jpg", b"a\x07.png", b"*.png"])
@pytest.mark.parametrize("work", [own_images, lambda place, name: own_receipt(name, [place])])
def test_a_name_that_results_cannot_hold_is_refused_by_name(here, name, work):
    write(here / "own", {"good.png": b"1"})
    write(here / "own", {os.fsdecode(name): b"1"})
    with pytest.raises(UserError, match=r"datasets\.mine: .*(png|jpg).*rename it") as error:
        work("own", "mine")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("name", [b".caf\xe9.png", b"caf\xe9.txt", b".thumbnails/\xff.png"])
def test_such_a_name_does_no_harm_where_it_is_skipped(here, name):
    write(here / "own", {"good.png": b"1", ".thumbnails/x": b"1"})
    (here / "own" / os.fsdecode(name)).write_bytes(b"1")
    receipt = own_receipt("mine", ["own"])
    assert len(receipt["sha256"]) == 1
    write_json("receipt.json", receipt)


@pytest.mark.parametrize("names", [["gone.png"], ["gone"], ["a.png", "b.png", "folder"]])
def test_a_broken_link_is_named(here, names):
    write(here / "own", {"good.png": b"1"})
    for name in names:
        (here / "own" / name).symlink_to("/not/mounted")
    with pytest.raises(UserError, match=rf"own/{sorted(names)[0]} is a link to nothing.*mend or remove"):
        own_images("own", "mine")


def test_names_of_an_archive_that_are_no_text_are_refused_by_name(here):
    zipped(here / "own.zip", {"a.png": b"1", "b\x01.png": b"1"})
    with pytest.raises(UserError, match=r"own\.zip, member 'b.x01.png'"):
        own_images("own.zip", "mine")


def test_by_products_in_an_archive_are_skipped_whatever_their_names(here):
    names = ["a/1.png", "b/1.png", "a/Icon\r", "__MACOSX/a/._1.png", "a/.DS_Store", "Bild\u202f1.png"]
    zipped(here / "own.zip", dict.fromkeys(names, b"1"))
    found = own_images("own.zip", "mine")
    assert sorted(path.relative_to(found.folder).as_posix() for path in found.images) == sorted([*names[:2], names[-1]])
    assert found.skipped.startswith("2 by-products")
