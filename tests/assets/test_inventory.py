import errno
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from server import running, whole

from sharploss.assets import ASSETS, Asset, File, download
from sharploss.assets.inventory import main
from sharploss.utils.errors import UserError


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)


@pytest.fixture
def small(monkeypatch, tmp_path):
    """An asset of one file, which is in the cache."""
    content = b"content"
    path = tmp_path / "cache" / "datasets" / "small" / "a.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    sha = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    files = (File("datasets/small/a.png", sha, len(content), ("https://example.invalid/a.png",)),)
    monkeypatch.setitem(ASSETS, "small", Asset("dataset", "test", "CC0", "nobody 2026", files, note="A note."))
    return path


def test_the_list_tells_size_licence_and_place(capsys, small):
    assert main([]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines.keys() == {"name", *ASSETS}
    assert "cache" in lines["small"]
    assert "CC0" in lines["small"]
    assert "not here, can be fetched" in lines["set5"]
    assert "not here, has no address" in lines["vgg19"]
    assert "package skimage" in lines["skimage_test"]
    assert "3530.6 MB" in lines["div2k_train"]
    assert "8.3 kB" in lines["niqe"]
    assert "unknown" in lines["flickr2k"]
    assert small.exists()


@pytest.mark.usefixtures("small")
def test_more_is_told_when_asked(capsys):
    assert main(["list", "-v", "small"]) == 0
    out = capsys.readouterr().out
    assert "nobody 2026" in out
    assert "https://example.invalid/a.png" in out
    assert "A note." in out


def test_fetch_goes_on_after_a_failure(capsys, small):
    assert main(["fetch", "set5", "small"]) == 1
    said = capsys.readouterr()
    assert "asset 'set5' is missing" in said.err
    assert f"small: 1 files in {small.parent}" in said.out


def test_verify_names_what_is_wrong(capsys, small):
    assert main(["verify", "small"]) == 0
    small.write_bytes(b"conten")
    assert main(["verify", "small"]) == 1
    said = capsys.readouterr()
    assert str(small) in said.err
    assert ", not ed7002b4" in said.err
    assert "1 files looked at, 1 wrong" in said.out


def test_verify_tells_what_is_incomplete_and_what_was_asked_for_and_is_not_here(capsys, monkeypatch, small):
    assert main(["verify"]) == 0  # of what is not here at all, nothing is said
    assert main(["verify", "set5"]) == 1
    assert "'set5' is not here: 'python -m sharploss data fetch set5' completes it" in capsys.readouterr().err
    other = ASSETS["small"].files[0]._replace(path="datasets/small/b.png")
    monkeypatch.setitem(ASSETS, "small", ASSETS["small"]._replace(files=(*ASSETS["small"].files, other)))
    assert main(["verify"]) == 1
    assert "'small' lacks 1 of its 2 files, such as datasets/small/b.png" in capsys.readouterr().err
    folder = small.parents[1] / "DIV2K" / "DIV2K_valid_HR"
    folder.mkdir(parents=True)
    (folder / "0801.png").write_bytes(b"an image")
    assert main(["verify", "div2k_valid"]) == 1
    assert f"{folder} holds 1 images but 'div2k_valid' has 100" in capsys.readouterr().err


def test_verify_looks_at_archives_that_are_still_here(capsys, tmp_path):
    archive = tmp_path / "cache" / "archives" / "DIV2K_valid_HR.zip"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"half of it")
    assert main(["verify"]) == 1
    assert f"{archive} has sha256" in capsys.readouterr().err


def test_a_wrong_file_in_the_mirror_is_named_with_both_sums(capsys, monkeypatch, tmp_path):
    file = ASSETS["set5"].files[0]
    wrong = tmp_path / "mirror" / file.path
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes(b"another picture")
    monkeypatch.setenv("SHARPLOSS_MIRROR", str(tmp_path / "mirror"))
    for command in ("fetch", "verify"):
        assert main([command, "set5"]) == 1
        assert f"{wrong} has sha256 {hashlib.sha256(b'another picture').hexdigest()}" in (
            said := capsys.readouterr().err
        )
        assert f", not {file.sha256}" in said


@pytest.mark.parametrize("make", [Path.exists, Path.touch, lambda path: path.symlink_to("unmounted")])
def test_a_mirror_that_is_no_folder_is_refused(capsys, monkeypatch, tmp_path, make):
    monkeypatch.setenv("SHARPLOSS_MIRROR", str(tmp_path / "mirror"))
    make(tmp_path / "mirror")
    told = r"SHARPLOSS_MIRROR is '.*mirror', and there is no such folder: mount it"
    for command in (["list", "set5"], ["verify"]):
        with pytest.raises(UserError, match=told):
            main(command)
    assert main(["fetch", "set5"]) == 1
    assert re.search(told, capsys.readouterr().err)


@pytest.mark.parametrize("name", ["urban100", "div2k_valid"])
def test_a_cache_that_is_read_only_is_told(capsys, monkeypatch, name):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.delenv("SHARPLOSS_OFFLINE")
    monkeypatch.setattr(Path, "mkdir", refuse)
    assert main(["fetch", name]) == 1
    said = capsys.readouterr().err
    assert "Read-only file system" in said
    assert "SHARPLOSS_CACHE" in said


def test_a_disk_without_room_is_told_with_both_numbers(capsys, monkeypatch):
    monkeypatch.delenv("SHARPLOSS_OFFLINE")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    content = bytes(3_000_000)
    with running() as server:
        server.answers["/a.png"] = whole(content)
        sha = hashlib.sha256(content).hexdigest()
        files = (File("datasets/big/a.png", sha, len(content), (f"{server.url}/a.png",)),)
        monkeypatch.setitem(ASSETS, "big", Asset("dataset", "test", "CC0", "nobody 2026", files))
        assert main(["fetch", "big"]) == 1
    assert "it needs 3.00 MB and 1.00 MB are free" in capsys.readouterr().err


def test_unknown_names_get_the_nearest():
    with pytest.raises(UserError, match="There is no data set or weights 'st5': did you mean 'set5'"):
        main(["fetch", "st5"])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, "data sets and weights"),
        ([], 2, "usage"),
        (["data", "--help"], 0, "python -m sharploss data fetch set5"),
        (["dta"], 1, "There is no command 'dta': did you mean 'data'?"),
        (["data", "fetch", "st5"], 1, "did you mean 'set5'?"),
    ],
)
def test_the_command_line(arguments, code, said):
    done = subprocess.run([sys.executable, "-m", "sharploss", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_listing_imports_nothing_heavy():
    heavy = "assert not {'torch', 'pandas', 'numpy'} & sys.modules.keys()"
    code = f"import sys; from sharploss.assets.inventory import main; main([]); {heavy}"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
