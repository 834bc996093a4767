import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sharploss.launch.jobs import DVC
from sharploss.utils.command import run_main
from sharploss.utils.errors import UserError, how_to_install, unknown


def test_unknown_names_the_nearest():
    assert str(unknown("loss", "splos", ["l1", "sploss"])) == "There is no loss 'splos': did you mean 'sploss'?"


def test_unknown_lists_all_when_nothing_is_near():
    assert "known are: l1, sploss" in str(unknown("loss", "zzzz", ["sploss", "l1"]))


def test_unknown_stays_a_sentence_whatever_is_asked_and_known():
    told = str(unknown("loss", "x" * 100_000, [f"loss_{index}" for index in range(10_000)]))
    assert told.startswith("There is no loss 'xxx")
    assert told.endswith("....")
    assert len(told) < 600


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (UserError("a.png is empty: delete it."), "error: a.png is empty: delete it.\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "weights.safetensors"),
            "error: No space left on device (weights.safetensors): put that right and run the same command again.\n",
        ),
    ],
)
def test_a_users_error_is_one_line_and_exit_code_1(raised, told, capsys):
    def main():
        raise raised

    with pytest.raises(SystemExit) as stop:
        run_main(main)
    assert stop.value.code == 1
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("ask", [lambda: bytearray(1 << 62), lambda: torch.empty(1 << 60)])
def test_lack_of_memory_is_one_line_that_says_what_to_lower(ask, capsys):
    with pytest.raises(SystemExit) as stop:
        run_main(ask)
    assert stop.value.code == 1
    assert capsys.readouterr().err.startswith("error: the memory of this machine or its GPU does not suffice: lower ")


def test_a_bug_of_torch_stays_a_traceback():
    with pytest.raises(RuntimeError, match="must match"):
        run_main(lambda: torch.ones(2) + torch.ones(3))


def test_a_bug_stays_a_traceback():
    def main():
        raise KeyError("bug")

    with pytest.raises(KeyError):
        run_main(main)


def test_the_exit_code_of_main_is_kept():
    with pytest.raises(SystemExit) as stop:
        run_main(lambda: 75)
    assert stop.value.code == 75


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("lines", [1, 20_000])
def test_a_reader_that_has_had_enough_is_no_error(stream, at_once, unbuffered, lines):
    script = (
        f"import sys\nfrom sharploss.utils.command import run_main\n"
        f"run_main(lambda: [print('x', file=sys.{stream}) for _ in range({lines})] and None, at_once={at_once})"
    )
    reading, writing = os.pipe()
    os.close(reading)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writing}
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run([sys.executable, "-c", script], **streams, env=environment, check=False)
    os.close(writing)
    assert (done.returncode, done.stdout or b"", done.stderr or b"") == (141, b"", b"")


@pytest.mark.parametrize("at_once", [True, False])
def test_what_cannot_be_printed_on_a_full_disk_is_an_error(at_once):
    script = f"from sharploss.utils.command import run_main\nrun_main(lambda: print('x'), at_once={at_once})"
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: No space left on device: put that right and run the same command again.\n"


def test_a_pipe_to_elsewhere_that_breaks_is_told(capsys):
    def main():
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    with pytest.raises(SystemExit):
        run_main(main)
    assert "Broken pipe" in capsys.readouterr().err


def test_ctrl_c_is_one_line(capsys):
    def main():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as stop:
        run_main(main)
    assert (stop.value.code, capsys.readouterr().err) == (130, "error: stopped: run the same command again.\n")


def test_what_an_error_quotes_stays_on_one_line_and_steers_no_terminal(capsys):
    def main():
        raise UserError("params.yaml: 'a\nb\x1b[2J\x00ü' is unknown")

    with pytest.raises(SystemExit):
        run_main(main)
    assert capsys.readouterr().err == "error: params.yaml: 'a b\\x1b[2J\\x00ü' is unknown\n"


def test_a_process_that_ends_at_once_has_told_everything():
    script = (
        "from sharploss.utils.command import run_main\nfrom sharploss.utils.errors import UserError\n"
        "{}\nrun_main(main, at_once=True)"
    )
    good = "def main():\n    print('done')\n    return 75"
    bad = "def main():\n    raise UserError('no')"
    done = subprocess.run([sys.executable, "-c", script.format(good)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (75, "done\n")
    failed = subprocess.run([sys.executable, "-c", script.format(bad)], capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stderr) == (1, "error: no\n")


@pytest.mark.parametrize("code", ["import lacking.part", "from lacking import x", "from json import lacking"])
def test_a_package_that_is_missing_or_too_old_is_one_line(code, capsys):
    with pytest.raises(SystemExit) as stopped:
        run_main(lambda: exec(code))
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert "lacking" in said
    assert said.endswith(f": {how_to_install('lacking')}, in a clone 'make setup'.\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize("code", ["import sharploss.lacking", "from sharploss.utils.errors import lacking"])
def test_a_part_of_our_own_that_is_missing_is_a_bug(code):
    with pytest.raises(ImportError):
        run_main(lambda: exec(code))


def test_a_users_files_that_are_named_like_a_library_hide_none(tmp_path):
    for name in ("queue", "platform", "csv"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('imported the wrong {name}')")
    for command in (["sharploss", "data", "list", "set5"], ["sharploss", "launch", "--help"]):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert {"-P"} <= set(DVC)
