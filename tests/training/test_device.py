import os
import subprocess
from pathlib import Path

import pytest
import torch

from sharploss.training.device import choose_device, describe_commit, describe_hardware, memory_format, set_mode
from sharploss.utils.errors import UserError


def test_one_variable_chooses_the_device(monkeypatch):
    monkeypatch.setenv("SHARPLOSS_DEVICE", "cpu")
    assert choose_device() == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_default_is_the_cpu(monkeypatch):
    monkeypatch.delenv("SHARPLOSS_DEVICE", raising=False)
    assert choose_device() == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda:77", "toaster"])
def test_a_device_that_is_not_there_is_told(monkeypatch, name):
    monkeypatch.setenv("SHARPLOSS_DEVICE", name)
    with pytest.raises(UserError, match=f"SHARPLOSS_DEVICE={name}"):
        choose_device()


def test_exact_mode_is_deterministic_and_full_precision():
    set_mode("exact")
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.get_float32_matmul_precision() == "highest"
    set_mode("fast")
    assert not torch.are_deterministic_algorithms_enabled()


def test_layout_and_descriptions():
    assert memory_format(torch.device("cpu"), "exact") == torch.channels_last
    assert "thread" in describe_hardware(torch.device("cpu"))


@pytest.mark.parametrize(
    ("path", "changes"),
    [("results/scores.csv", ""), ("src/code.py", "+changes"), ("src/new.py", "+changes"), ("params.yaml", "+changes")],
)
def test_the_commit_says_whether_code_differs_from_it(tmp_path, monkeypatch, path, changes):
    monkeypatch.chdir(tmp_path)
    assert describe_commit() == "unknown"
    for name in ("results/scores.csv", "src/code.py", "params.yaml"):
        write(name, "before")
    for command in ("init -q", "add .", "-c user.name=a -c user.email=a@b commit -qm first"):
        subprocess.run(["git", *command.split()], check=True)
    commit = describe_commit()
    assert "+" not in commit
    write(path, "after")
    assert describe_commit() == commit + changes


def write(name, text):
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("script", ["exit 128", "kill -9 $$", "printf '\\377\\376'"])
def test_whatever_git_says_ends_no_training(tmp_path, monkeypatch, script):
    (tmp_path / "git").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert isinstance(describe_commit(), str)
