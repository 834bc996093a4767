import hashlib
import json
import signal
import subprocess
import sys

import pytest

from sharploss.utils.errors import UserError
from sharploss.utils.files import atomic_path, read_json, sha256, write_json, write_text


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_a_file_appears_with_its_content(tmp_path):
    write_text(tmp_path / "new" / "a.txt", "é")
    assert (tmp_path / "new" / "a.txt").read_text(encoding="utf-8") == "é"
    assert names(tmp_path / "new") == ["a.txt"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail():
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_kill_9_in_the_middle_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    script = (
        "import os, signal\nfrom sharploss.utils.files import atomic_path\n"
        f"with atomic_path({str(path)!r}) as t:\n    t.write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    assert path.read_text() == "old"


def test_json_round_trip_and_refusal_of_nan(tmp_path):
    write_json(tmp_path / "a.json", {"a": [1, "ü"]})
    assert read_json(tmp_path / "a.json") == {"a": [1, "ü"]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", float("nan"))
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": [1, "ü"]}


def test_missing_and_damaged_json_are_named(tmp_path):
    with pytest.raises(UserError, match=r"b\.json is missing"):
        read_json(tmp_path / "b.json")
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(UserError, match=r"c\.json is damaged"):
        read_json(tmp_path / "c.json")


def test_sha256_is_that_of_the_content(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_a_full_disk_is_told_with_the_files_name_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    # A limit on the size of files stands in for a disk that fills up in the middle of a write.
    script = (
        "import resource\nfrom sharploss.utils.command import run_main\nfrom sharploss.utils.files import write_text\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        f"run_main(lambda: write_text({str(path)!r}, 'x' * 100000))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"error: File too large ({path}): put that right and run the same command again.\n"
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]
