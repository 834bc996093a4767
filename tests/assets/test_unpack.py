import contextlib
import io
import stat
import tarfile
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sharploss.assets import ASSETS, Asset, File, locate, present
from sharploss.assets import unpack as module
from sharploss.assets.download import DownloadError
from sharploss.assets.unpack import fresh_folder, unpack
from sharploss.utils.errors import UserError


def everything(names):
    return {name: name for name in names}


def make_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def make_tar(path, members, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


MAKERS = {"a.zip": make_zip, "a.tar": make_tar, "a.tar.gz": lambda path, members: make_tar(path, members, "w:gz")}
each_kind = pytest.mark.parametrize("kind", MAKERS)


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@each_kind
def test_files_come_out_as_they_went_in(tmp_path, out, kind):
    members = {"x/a.png": b"one", "b.png": b"two" * 1000}
    assert unpack(MAKERS[kind](tmp_path / kind, members), out, everything) == 2
    assert {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*.png")} == members


@each_kind
@pytest.mark.parametrize("name", ["../evil", "x/../../evil", "/tmp/evil", "x/../../../evil"])
def test_paths_outside_the_target_are_refused(tmp_path, out, kind, name):
    archive = MAKERS[kind](tmp_path / kind, {"good.png": b"1", name: b"2"})
    with pytest.raises(UserError, match=rf"{kind}.*evil"):
        unpack(archive, out, everything)
    assert not list(out.rglob("*"))
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, out, kind):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        entry = tarfile.TarInfo("sly")
        entry.type, entry.linkname = kind, "/etc/passwd"
        archive.addfile(entry)
    with pytest.raises(UserError, match=r"a\.tar.*sly"):
        unpack(tmp_path / "a.tar", out, everything)
    assert not list(out.iterdir())


def test_links_in_a_zip_are_refused(tmp_path, out):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        entry = zipfile.ZipInfo("sly")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(UserError, match=r"a\.zip.*sly"):
        unpack(tmp_path / "a.zip", out, everything)
    assert not list(out.iterdir())


def test_a_bomb_is_refused(tmp_path, out):
    archive = make_zip(tmp_path / "a.zip", {"bomb.png": bytes(50_000_000)})
    with pytest.raises(UserError, match=r"a\.zip"):
        unpack(archive, out, everything)
    assert not list(out.iterdir())


def test_too_little_space_is_told(tmp_path, out, monkeypatch):
    def no_space(folder, need):
        raise DownloadError(f"{need} bytes in {folder.name}")

    monkeypatch.setattr(module, "require_space", no_space)
    with pytest.raises(DownloadError, match="8 bytes in out"):
        unpack(make_zip(tmp_path / "a.zip", {"a.png": b"1234", "b.png": b"5678"}), out, everything)


def test_a_flipped_bit_in_a_zip_is_found_by_its_checksum(tmp_path, out):
    content = bytes(range(256)) * 20
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.png", content)
    damaged = bytearray((tmp_path / "a.zip").read_bytes())
    damaged[damaged.index(content) + 77] ^= 1
    (tmp_path / "a.zip").write_bytes(damaged)
    with pytest.raises(UserError, match=r"a\.zip"):
        unpack(tmp_path / "a.zip", out, everything)


@each_kind
def test_a_truncated_or_foreign_archive_is_told(tmp_path, out, kind):
    path = MAKERS[kind](tmp_path / kind, {"a.png": bytes(range(256)) * 400})
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(UserError, match=kind):
        unpack(path, out, everything)
    path.write_bytes(b"no archive")
    with pytest.raises(UserError, match=kind):
        unpack(path, out, everything)


names = st.lists(st.sampled_from(["..", ".", "a", "b", "", "/", "\\", "c:", "~"]), min_size=1, max_size=5)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=names, kind=st.sampled_from(["a.zip", "a.tar"]))
def test_whatever_the_names_nothing_is_written_outside(tmp_path_factory, parts, kind):
    root = tmp_path_factory.mktemp("names")
    target = root / "deep" / "out"
    target.mkdir(parents=True)
    archive = MAKERS[kind](root / kind, {"/".join(parts) or ".": b"content"})
    with contextlib.suppress(UserError):
        unpack(archive, target, everything)
    outside = [path for path in root.rglob("*") if path.is_file() and not path.is_relative_to(target)]
    assert outside == [archive]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "set"
    with contextlib.suppress(RuntimeError), fresh_folder(target) as temporary:
        (temporary / "a.png").write_bytes(b"1")
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    left = tmp_path / ".set.unpacking"  # of a process that was killed
    left.mkdir()
    (left / "half.png").write_bytes(b"1")
    with fresh_folder(target) as temporary:
        (temporary / "a.png").write_bytes(b"1")
    assert [path.name for path in target.iterdir()] == ["a.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.fixture
def pairs(monkeypatch, tmp_path):
    """An asset in pairs that comes in one archive with another one, as GoPro's parts do."""
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)
    for part in ("train", "test"):
        asset = Asset(
            "dataset", part, "", "", archives=(File("archives/both.zip", "", None, ("https://example.invalid/b",)),)
        )
        asset = asset._replace(folder=f"datasets/both/{part}", images=1, pairs=("sharp", "blur"))
        monkeypatch.setitem(ASSETS, f"both_{part}", asset)
    members = {
        f"Both/{part}/s1/{side}/1.png": b"1" for part in ("train", "test") for side in ("sharp", "blur", "blur_gamma")
    }
    archive = tmp_path / "cache" / "archives" / "both.zip"
    archive.parent.mkdir(parents=True)
    return make_zip(archive, members)


def test_an_asset_is_unpacked_once_and_its_archive_removed_when_nobody_needs_it(pairs):
    assert present("both_train") is None
    first = locate("both_train")
    assert [path.parent.name for path in first] == ["blur", "sharp"]
    assert pairs.exists()
    assert len(locate("both_test")) == 2
    assert not pairs.exists()
    assert locate("both_train") == first


def test_an_archive_with_other_images_than_it_should_have_is_told(pairs, monkeypatch):
    monkeypatch.setitem(ASSETS, "both_train", ASSETS["both_train"]._replace(images=2))
    with pytest.raises(UserError, match=r"both\.zip holds 2 images of 'both_train' instead of 4"):
        locate("both_train")
    assert present("both_train") is None
    assert pairs.exists()
