"""Whatever package the environment has installed, a command uses that of its own folder."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WHERE = """from sharploss.utils.command import run_main
import os, sys, sharploss
def main():
    print(os.path.dirname(sharploss.__file__), *sys.argv[1:])
    return 3
if __name__ == "__main__":
    run_main(main)
"""


def repository_at(folder, repository):
    """Make a repository that holds what a command needs to start."""
    shutil.copytree(repository / "src/sharploss/utils", folder / "src/sharploss/utils")
    for name in ("__init__.py", "__main__.py"):
        shutil.copy(repository / "src/sharploss" / name, folder / "src/sharploss")
    (folder / "pipelines").mkdir()
    (folder / "pipelines/where.py").write_text(WHERE)
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory, repository):
    """Another repository, whose package Python finds as it finds an installed one."""
    return repository_at(tmp_path_factory.mktemp("installed") / "first", repository)


@pytest.fixture
def ask(installed):
    def ask(*command, cwd, **environment):
        variables = {**os.environ, "PYTHONPATH": str(installed / "src"), **environment}
        done = subprocess.run(
            [sys.executable, *command], cwd=cwd, env=variables, capture_output=True, text=True, check=False, timeout=60
        )
        return done.returncode, done.stdout.split(), done.stderr

    return ask


def package(folder):
    return str(folder / "src/sharploss")


@pytest.mark.parametrize("options", [["-P"], [], ["-u", "-X", "utf8"]])
def test_a_second_clone(ask, tmp_path, repository, options):
    second = repository_at(tmp_path / "second clone", repository)
    assert ask(*options, "pipelines/where.py", "a", "--b", cwd=second) == (
        3,
        [*package(second).split(), "a", "--b"],
        "",
    )


def test_a_script_that_is_named_from_another_folder(ask, tmp_path, installed, repository):
    second = repository_at(tmp_path / "second", repository)
    for cwd in (tmp_path, installed, second / "src"):
        assert ask("-P", str(second / "pipelines/where.py"), cwd=cwd) == (3, [package(second)], "")
    assert ask("-P", "second/pipelines/where.py", cwd=tmp_path)[1] == [package(second)]


def test_a_worktree_inside_the_first_repository(ask, tmp_path, installed, repository):
    inside = repository_at(installed / ".dvc/tmp/exps" / tmp_path.name, repository)
    assert ask("-P", "pipelines/where.py", cwd=inside) == (3, [package(inside)], "")


def test_a_link_to_the_first_repository_is_the_first(ask, tmp_path, installed):
    (tmp_path / "link").symlink_to(installed)
    assert ask("-P", "pipelines/where.py", cwd=tmp_path / "link") == (3, [package(installed)], "")


def test_a_link_to_a_second_repository_is_the_second(ask, tmp_path, repository):
    second = repository_at(tmp_path / "second", repository)
    (tmp_path / "link").symlink_to(second)
    _, (found,), _ = ask("-P", "pipelines/where.py", cwd=tmp_path / "link")
    assert Path(found).samefile(package(second))


def test_a_clone_whose_scripts_are_links_to_the_first(ask, tmp_path, installed, repository):
    second = repository_at(tmp_path / "second", repository)
    (second / "pipelines/where.py").unlink()
    (second / "pipelines/where.py").symlink_to(installed / "pipelines/where.py")
    assert ask("-P", "pipelines/where.py", cwd=second) == (3, [package(second)], "")


def test_the_package_called_as_a_module(ask, tmp_path, installed, repository):
    second = repository_at(tmp_path / "second", repository)
    marked = second / "src/sharploss/__main__.py"
    marked.write_text(marked.read_text().replace("usage: python", "the second's usage: python"))
    assert ask("-m", "sharploss", "--help", cwd=second)[1][:2] == ["the", "second's"]
    assert ask("-m", "sharploss", "--help", cwd=installed)[1][0] == "usage:"
    assert ask("-m", "sharploss", "--help", cwd=tmp_path)[1][0] == "usage:"


def test_what_cannot_be_imported_is_refused_once(ask, tmp_path, repository):
    second = repository_at(tmp_path / "a:b", repository)
    code, _, error = ask("-P", "pipelines/where.py", cwd=second)
    assert code == 1
    assert error.startswith(f"error: This is a command of {second}, and Python imports the sharploss of ")
    assert error.count("\n") == 1


def test_processes_that_a_command_starts_use_the_same(ask, tmp_path, repository):
    second = repository_at(tmp_path / "second", repository)
    script = second / "pipelines/where.py"
    child = '__import__("subprocess").run([sys.executable, "-c", "import sharploss; print(sharploss.__file__)"])'
    script.write_text(WHERE.replace("print(os.path.dirname(sharploss.__file__), *sys.argv[1:])", child))
    assert ask("-P", "pipelines/where.py", cwd=second)[1] == [f"{package(second)}/__init__.py"]


@pytest.mark.slow
def test_a_queued_experiment_computes_with_the_code_that_its_commit_has(tmp_path, repository):
    folder = repository_at(tmp_path / "study", repository)
    (folder / "src/sharploss/weight.py").write_text("WEIGHT = 7\n")
    script = (
        "from sharploss.weight import WEIGHT\n    open('weight.txt', 'w').write(f'{WEIGHT} of {sharploss.__file__}')"
    )
    (folder / "pipelines/where.py").write_text(
        WHERE.replace("print(os.path.dirname(sharploss.__file__), *sys.argv[1:])", script).replace(
            "return 3", "return 0"
        )
    )
    outs = [{"weight.txt": {"cache": False}}]
    stage = {"cmd": "python -P pipelines/where.py", "deps": ["src/sharploss/weight.py"], "outs": outs}
    (folder / "dvc.yaml").write_text(json.dumps({"stages": {"where": stage}}))
    variables = {
        **os.environ,
        "PYTHONPATH": str(folder / "src"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
        "HOME": str(tmp_path),
    }

    def run(*command):
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("git", "init", "-q")
    run("git", "config", "user.email", "test@example.org")
    run("git", "config", "user.name", "test")
    run("dvc", "init", "-q")
    run("git", "add", "-A")
    run("git", "commit", "-q", "-m", "first")
    run("dvc", "exp", "run", "--queue", "--name", "seven")
    (folder / "src/sharploss/weight.py").write_text("WEIGHT = 9\n")
    run("dvc", "exp", "run", "--run-all")
    (reference,) = [
        line
        for line in run("git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
        if line.endswith("/seven")
    ]
    weight, _, package = run("git", "show", f"{reference}:weight.txt").partition(" of ")
    assert weight == "7"
    assert ".dvc/tmp/exps/" in package
    assert (folder / "src/sharploss/weight.py").read_text() == "WEIGHT = 9\n"
