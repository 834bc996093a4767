import subprocess
import sys

import pytest

from sharploss.assets import ASSETS, Asset, File
from sharploss.assets.inventory import main
from sharploss.errors import UserError


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
    assert "unknown" in lines["div2k_train"]
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
    assert "but should have ed7002b4" in said.err
    assert "1 files looked at, 1 wrong" in said.out


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
