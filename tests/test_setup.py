"""pipelines/setup.sh with a uv that only notes what it is asked to install."""

import importlib.metadata
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TORCH = importlib.metadata.version("torch").split("+", maxsplit=1)[0]


@pytest.fixture
def setup(repository, tmp_path):
    """Run setup.sh in a folder of its own; gives its exit code, and for each call of uv its words and what it read."""
    (tmp_path / "bin").mkdir()
    for name in ("pipelines/setup.sh", "requirements.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(repository / name, tmp_path / name)
    scripts = {
        "python": f'exec "{sys.executable}" "$@"',
        "uv": 'echo "$@" >> asked; for last; do :; done; [ ! -f "$last" ] || cp "$last" "read$(wc -l < asked)"',
    }
    for name, text in scripts.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)

    def run(**variables):
        environment = {**os.environ, "PYTHON": sys.executable, "VENV": str(tmp_path), "CPU": "", **variables}
        command = ["sh", "pipelines/setup.sh"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        asked = (tmp_path / "asked").read_text().splitlines() if (tmp_path / "asked").is_file() else []
        files = [tmp_path / f"read{index}" for index in range(1, len(asked) + 1)]
        return done, list(zip(asked, [file.read_text() if file.is_file() else "" for file in files], strict=True))

    return run


def names(lock):
    return set(re.findall(r"^([a-zA-Z0-9._-]+)==", lock, re.M))


def test_everything_is_installed_by_hash(setup, repository):
    done, ((asked, lock), (own, _)) = setup()
    assert done.returncode == 0, done.stderr
    assert "--require-hashes" in asked
    assert lock == (repository / "requirements.lock").read_text()
    assert own.endswith("--no-deps --editable .")


def test_with_cpu_all_but_two_packages_are(setup, repository):
    done, ((pair, _), (rest, lock), _) = setup(CPU="1")
    assert done.returncode == 0, done.stderr
    assert re.search(rf"--no-deps --torch-backend cpu torch=={TORCH} torchvision==[0-9.]+$", pair)
    assert "--require-hashes" in rest
    missing = names((repository / "requirements.lock").read_text()) - names(lock)
    assert {"torch", "torchvision"} <= missing
    assert all(name.startswith(("torch", "triton", "nvidia-", "cuda-")) for name in missing)


def test_a_cpu_build_of_another_version_is_told(setup, tmp_path):
    lock = (tmp_path / "requirements.lock").read_text()
    (tmp_path / "requirements.lock").write_text(lock.replace(f"torch=={TORCH} ", "torch==1.0.0 "))
    done, _ = setup(CPU="1")
    assert done.returncode == 1
    assert f"torch is {TORCH}, not 1.0.0" in done.stderr


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("clone", ["another clone", "gone", "."])
def test_the_linked_environment_of_another_clone_is_left_alone(setup, tmp_path, clone, linked):
    (tmp_path / "another clone").mkdir()
    about = tmp_path / "lib/python3.11/site-packages/sharploss-0.2.0.dist-info/direct_url.json"
    about.parent.mkdir(parents=True)
    about.write_text(json.dumps({"url": (tmp_path / clone).as_uri(), "dir_info": {"editable": True}}))
    (tmp_path / "link").symlink_to(tmp_path)
    done, asked = setup(VENV=str(tmp_path / "link") if linked else str(tmp_path))
    refused = linked and clone == "another clone"
    assert (done.returncode, bool(asked)) == (int(refused), not refused), done.stderr
    assert (f"is a link to the environment of {tmp_path / clone}, " in done.stderr) == refused


def test_no_index_is_named(repository):
    assert not re.search(r"https?://|index-url|--find-links", (repository / "pipelines/setup.sh").read_text())


SCRIPTS = sorted((Path(__file__).resolve().parents[1] / "pipelines").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
def test_every_script_explains_itself(script, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [str(script), "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script))["main"]()
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out
