"""Every command and every line of code that the README shows is run, in a clone with a study of a few seconds."""

import re
from pathlib import Path

import pytest
import yaml
from PIL import Image

from sharploss.config.params import load_params
from sharploss.losses import build_loss

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


# CI runs the first, on the whole study, and the tiny study was made by what it calls; test_study.py runs the others.
ELSEWHERE = {
    *("make repro", "make report STUDY=mini", "dvc repro", "dvc metrics show", "dvc plots show"),
    "dvc exp show --only-changed",
}
COMMANDS = [line.split("  #")[0].strip() for block in blocks("sh") for line in block.splitlines()]


def test_there_is_something_to_run():
    assert {"make test", "make plan", *ELSEWHERE} <= set(COMMANDS)
    assert blocks("python")
    assert blocks("yaml")


@pytest.mark.parametrize("code", blocks("python"))
def test_python_runs(code):
    exec(compile(code, "README.md", "exec"), {})


@pytest.mark.parametrize("text", blocks("yaml"))
def test_losses_can_be_built(text):
    for spec in yaml.safe_load(text).get("losses", {}).values():
        build_loss(spec)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_tasks_are_understood(repository, tmp_path, text):
    content = yaml.safe_load(text)
    params = yaml.safe_load((repository / "studies/mini.yaml").read_text())
    params["datasets"] = content.get("datasets", {})
    params["tasks"] |= content.get("tasks", {})
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    assert load_params(tmp_path / "params.yaml").tasks.keys() == params["tasks"].keys()


def test_named_files_and_folders_exist(repository):
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    images = re.findall(r'src="([^":]+)"', README)
    for path in [
        *links,
        *images,
        "params.yaml",
        "runs.yaml",
        "dvc.yaml",
        "pipelines",
        "studies",
        "benchmarks",
        "notebooks",
    ]:
        assert (repository / path).exists(), path


@pytest.mark.slow
@pytest.mark.parametrize("command", [command for command in dict.fromkeys(COMMANDS) if command not in ELSEWHERE])
def test_commands_run(untouched, command):
    untouched.make_ready()
    # The tests run this test: here it is enough that the command would run some.
    untouched.environment["PYTEST"] = "pytest --collect-only -q --noconftest tests/config/test_params.py"
    untouched.environment["WANDB_MODE"] = "offline"
    Image.new("RGB", (9, 7)).save(untouched.folder / "cat.jpg")
    untouched.run("sh", "-c", command)


def test_it_is_short_and_says_that_the_evidence_is_preliminary():
    assert len(README.splitlines()) <= 200
    assert "Preliminary: " in README
