import hashlib

import pytest

from sharploss.record.dvc_cache import damaged, main
from sharploss.utils.errors import UserError


@pytest.fixture
def folder(tmp_path):
    for content in (b"one", b"two", b"three"):
        name = hashlib.md5(content).hexdigest() + (".dir" if content == b"three" else "")
        (tmp_path / name[:2]).mkdir(exist_ok=True)
        (tmp_path / name[:2] / name[2:]).write_bytes(content)
    return tmp_path


def test_an_intact_cache(folder, capsys):
    assert damaged(folder) == []
    assert main(["--folder", str(folder)]) == 0
    assert capsys.readouterr().out == "the cache is intact\n"


def test_a_damaged_file_is_named_and_removed_when_asked(folder, capsys):
    path = next(path for path in folder.glob("??/*") if path.read_bytes() == b"two")
    path.write_bytes(b"twp")
    assert damaged(folder) == [path]
    assert main(["--folder", str(folder)]) == 1
    assert capsys.readouterr().out == f"damaged: {path}\n1 damaged\n"
    assert path.exists()
    assert main(["--folder", str(folder), "--remove"]) == 0
    assert not path.exists()
    assert main(["--folder", str(folder)]) == 0


def test_without_a_cache_the_place_is_told(tmp_path):
    with pytest.raises(UserError, match="There is no cache"):
        main(["--folder", str(tmp_path / "none")])
