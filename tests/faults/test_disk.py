"""A disk that is full, or that may not be written: one sentence, the old files stay, and the run goes on afterwards."""

import contextlib
import errno
import subprocess

import pytest
import torch

from sharploss.training import loop
from sharploss.training.checkpoint import save_weights
from sharploss.utils.command import run_main
from sharploss.utils.files import write_bytes, write_json, write_text
from toy_training import configuration, open_packs, typed, write_packs


@pytest.fixture
def packs(tmp_path):
    write_packs(tmp_path)
    return open_packs(tmp_path)


def fill(disk, leave):
    """Leave no more than `leave` bytes of a file system."""
    with (disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    if leave:
        with (disk / "filler").open("rb+") as file:
            file.truncate((disk / "filler").stat().st_size - leave)


def run(packs, scratch, **options):
    return loop.train(typed(configuration(steps=24)), packs, scratch=scratch, device=torch.device("cpu"), **options)


def same(left, right):
    return all(
        torch.equal(left.network.state_dict()[name], value) for name, value in right.network.state_dict().items()
    )


@pytest.mark.parametrize("leave", [0, 8192, 65536])
def test_a_disk_that_fills_up_in_training_loses_nothing(packs, disk, tmp_path, monkeypatch, leave):
    """With no byte left the record fails, with 8 kB a checkpoint in mid-write, with 64 kB a later one."""
    whole = run(packs, tmp_path / "whole")

    def validate(*given, validate=loop.validate, **named):
        if not (disk / "filler").exists():
            fill(disk, leave)
        return validate(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "validate", validate)
        with pytest.raises(OSError, match="No space left") as told:
            run(packs, disk / "scratch")
    assert told.value.errno == errno.ENOSPC
    assert str(disk / "scratch") in str(told.value.filename)
    assert len(list((disk / "scratch").glob("step-*.pt"))) in (1, 2)
    assert not list((disk / "scratch").glob(".*.tmp"))
    (disk / "filler").unlink()
    assert same(run(packs, disk / "scratch"), whole)
    assert (disk / "scratch/history.jsonl").read_bytes() == (tmp_path / "whole/history.jsonl").read_bytes()


WRITERS = {
    "report": lambda path: write_text(path, "<p>" * 100_000),
    "metrics": lambda path: write_json(path, ["x"] * 50_000),
    "weights": lambda path: save_weights(path, torch.nn.Linear(100, 100), {}),
    "crop": lambda path: write_bytes(path, bytes(100_000)),
}


@pytest.mark.parametrize("what", WRITERS)
def test_on_a_full_disk_the_old_file_stays_and_one_sentence_names_it(disk, capsys, what):
    path = disk / what
    path.write_text("old")
    fill(disk, 4096)
    with pytest.raises(SystemExit) as ended:
        run_main(lambda: WRITERS[what](path))
    assert ended.value.code == 1
    told = f"error: No space left on device ({path}): put that right and run the same command again.\n"
    assert capsys.readouterr().err == told
    assert path.read_text() == "old"
    assert sorted(file.name for file in disk.iterdir()) == sorted([what, "filler"])


@pytest.mark.parametrize("what", WRITERS)
def test_a_read_only_folder_is_one_sentence(disk, capsys, what):
    path = disk / what
    path.write_text("old")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(SystemExit):
        run_main(lambda: WRITERS[what](path))
    assert capsys.readouterr().err.startswith("error: Read-only file system (")
    assert path.read_text() == "old"


def test_a_read_only_scratch_folder_stops_before_the_first_step(packs, disk):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(OSError, match="Read-only"):
        run(packs, disk / "scratch", on_start=lambda _: pytest.fail("a step was done"))
