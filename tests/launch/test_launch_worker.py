import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from sharploss.launch import worker
from sharploss.launch.worker import STOPPED, Work, locked, run
from sharploss.record.paths import launch_log

KEY = "x2-espcn-l1-s0"

# What a training does when it is told to stop: it ends its step and writes a checkpoint.
TRAINING = """
import signal, sys, time
def stop(*_):
    time.sleep(0.3)
    open("checkpoint", "w").close()
    sys.exit(75)
signal.signal(signal.SIGTERM, stop)
open("started", "w").close()
time.sleep(60)
"""
BELOW = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {TRAINING!r}])"


@pytest.fixture(autouse=True)
def workspace(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pretend_dvc(monkeypatch, text):
    monkeypatch.setattr(worker, "DVC", (sys.executable, "-c", text))


def test_a_run_gets_its_environment_and_its_log(monkeypatch, workspace):
    pretend_dvc(monkeypatch, "import os, sys; print(sys.argv[1:], os.environ['OMP_NUM_THREADS']); sys.exit(5)")
    assert Work(KEY, f"train@{KEY}", str(workspace), {"OMP_NUM_THREADS": "3"})() == 5
    log = launch_log(KEY).read_text()
    assert log.splitlines()[-1] == f"['repro', '-s', 'train@{KEY}'] 3"
    Work(KEY, f"train@{KEY}", str(workspace), {"OMP_NUM_THREADS": "3"})()
    assert launch_log(KEY).read_text().count("== 20") == 2


def work(text, folder):
    os.chdir(folder)
    worker.DVC = (sys.executable, "-c", text)
    Work(KEY, f"train@{KEY}", str(folder))()
    Path("came back").touch()


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_sigterm_lets_the_training_below_write_its_checkpoint(workspace):
    process = multiprocessing.get_context("fork").Process(target=work, args=(BELOW, workspace))
    process.start()
    until(Path("started").exists)
    os.kill(process.pid, signal.SIGTERM)
    process.join(20)
    assert process.exitcode == STOPPED
    assert Path("checkpoint").exists()
    assert not Path("came back").exists()  # no result: the job may be one that is queued again


def hold(folder):
    os.chdir(folder)
    with locked(KEY):
        Path("held").touch()
        time.sleep(60)


def test_a_run_that_another_worker_has_is_waited_for_until_that_one_is_gone(workspace):
    context = multiprocessing.get_context("fork")
    holder = context.Process(target=hold, args=(workspace,))
    holder.start()
    until(Path("held").exists)
    waiting = context.Process(target=work, args=("print('hello')", workspace))
    waiting.start()
    time.sleep(0.5)
    assert waiting.is_alive()
    assert not launch_log(KEY).exists()
    holder.kill()
    waiting.join(20)
    assert waiting.exitcode == 0
    assert launch_log(KEY).read_text().endswith("hello\n")


def test_run_gives_the_exit_code(workspace):
    with (workspace / "log").open("w") as log:
        assert run([sys.executable, "-c", "import sys; sys.exit(7)"], {}, log) == 7
