"""What of a folder are images: a family of trees, made at random, with what other programs and file systems leave."""

import os
import shutil
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sharploss.assets.folder import is_by_product, is_plain, list_folder

FOLDERS = st.lists(st.sampled_from(["day", "night", "x y", "Ünïcode", "thumbs"]), max_size=3)
LEFT_FOLDERS = [".ipynb_checkpoints", ".thumbnails", ".git", ".Trash-1000", ".AppleDouble"]
LEFT_FOLDERS += ["@eaDir", "__MACOSX", "lost+found", "#recycle", "RECYCLER", "LOST.DIR", "~snapshot"]
LEFT_FILES = ["._a.png", ".a.png", "Thumbs.db", ".DS_Store", "desktop.ini", ".a.png.swp", "Icon\r"]

images = st.tuples(FOLDERS, st.sampled_from(["a.png", "a.JPG", "b.tiff", "c.webp", "1.bmp"])).map(
    lambda found: "/".join([*found[0], found[1]])
)
left = st.one_of(
    st.tuples(FOLDERS, st.sampled_from(LEFT_FILES)).map(lambda found: "/".join([*found[0], found[1]])),
    st.tuples(FOLDERS, st.sampled_from(LEFT_FOLDERS), FOLDERS, st.sampled_from(["a.png", "b", ".c.jpg"])).map(
        lambda found: "/".join([*found[0], found[1], *found[2], found[3]])
    ),
)
others = st.tuples(FOLDERS, st.sampled_from(["notes.txt", "raw.heic", "LICENCE", "a.png.part"])).map(
    lambda found: "/".join([*found[0], found[1]])
)


def below(found, folder):
    return {path.relative_to(folder).as_posix() for path in found}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(images, max_size=5), st.sets(left, max_size=5), st.sets(others, max_size=3))
def test_by_products_are_skipped_and_counted_wherever_they_lie(tmp_path, good, bad, other):
    folder = tmp_path / ".hidden" / "set"  # that the set itself lies in a hidden folder makes no difference
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in [*good, *bad, *other]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1")
    found = list_folder(folder)
    assert (below(found.images, folder), below(found.by_products, folder)) == (good, bad)
    assert below(found.others, folder) == other
    assert (f"{len(bad)} by-product" in found.skipped) == bool(bad)
    assert (f"{len(other)} other file" in found.skipped) == bool(other)
    assert found.skipped.isprintable()


def test_a_by_product_is_known_by_any_part_of_its_path():
    assert is_by_product(PurePosixPath("DIV2K/__MACOSX/0001.png"))
    assert not is_by_product(PurePosixPath("DIV2K/a.thumbnails/@home/0001.png"))


def tree(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"1")


LINKS = {
    "a folder elsewhere": ({"set/far": "../else"}, {"a.png", "far/c.png", "far/deep/d.png"}, 0),
    "links within what was linked": ({"set/far": "../else", "else/on": "../more"}, {"far/on/e.png"}, 0),
    "a file": ({"set/f.png": "../else/c.png"}, {"a.png", "f.png"}, 0),
    "itself": ({"set/me": "."}, {"a.png", "day/b.png"}, 1),
    "the folder above": ({"set/day/up": "../.."}, {"a.png", "day/b.png"}, 1),
    "the root": ({"set/root": "/"}, {"a.png", "day/b.png"}, 1),
    "two in a circle": ({"set/far": "../else", "else/back": "../set"}, {"a.png", "far/c.png"}, 1),
    "one folder twice": ({"set/x": "../else", "set/y": "../else"}, {"x/c.png"}, 1),
    "a folder of the set": ({"set/0first": "day"}, {"day/b.png"}, 1),
}


@pytest.mark.parametrize(("links", "some", "repeated"), LINKS.values(), ids=LINKS)
def test_links_are_followed_once(tmp_path, links, some, repeated):
    tree(tmp_path, "set/a.png", "set/day/b.png", "else/c.png", "else/deep/d.png", "more/e.png")
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    found = list_folder(tmp_path / "set")
    assert some <= below(found.images, tmp_path / "set")
    assert len(found.repeated) == repeated
    assert (f"{repeated} link to a folder" in found.skipped) == bool(repeated)
    assert len({path.resolve() for path in found.images}) == len(found.images) - ("f.png" in some and "far" in some)


@pytest.mark.parametrize("target", ["nowhere", "../gone/x.png", "x.png"])
def test_links_to_nothing_are_found(tmp_path, target):
    tree(tmp_path, "a.png")
    (tmp_path / "x.png").symlink_to(target)
    (tmp_path / ".#lock.png").symlink_to("nobody@host")  # an editor's: hidden
    found = list_folder(tmp_path)
    assert (below(found.broken, tmp_path), len(found.by_products)) == ({"x.png"}, 1)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    assert list_folder(tmp_path).broken == [tmp_path / "a.png"]


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"\xff", b"a\nb.png", b"\x7f.png", b"a\x1b[2J.png"])
def test_names_that_are_no_text(name):
    assert not is_plain(os.fsdecode(name))


@pytest.mark.parametrize("name", ["café.png", "東京 1.png", "Screenshot 9.41.00\u202fPM.png", "\u3000.png", "👩‍🔬.png"])
def test_names_that_are_text(name):
    assert is_plain(str(Path(name)))
