"""The wheel, installed without extras beside the packages that it asks for and nothing else."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from sharploss import __version__
from sharploss.utils.errors import EXTRAS

MODULES = {"wandb-workspaces": "wandb_workspaces"}  # where it is not the distribution's name


@pytest.fixture(scope="module")
def project(repository):
    return tomllib.loads((repository / "pyproject.toml").read_text())["project"]


def name_of(requirement):
    return re.match(r"[\w.-]+", requirement)[0]


def test_the_core_asks_for_six_packages(project):
    core = {name_of(requirement) for requirement in project["dependencies"]}
    assert core == {"numpy", "pillow", "pydantic", "pyyaml", "safetensors", "torch"}


def test_the_extra_that_a_sentence_names_brings_the_package(project):
    extras = project["optional-dependencies"]
    for name in ("cluster", "dashboards", "dev"):
        assert "sharploss[study]" in extras[name]
    for name in ("cluster", "dashboards"):
        others = {name_of(requirement) for requirement in extras[name]} - {"sharploss"}
        assert {EXTRAS[MODULES.get(other, other)] for other in others} == {name}


def test_there_is_one_version(repository, project):
    assert __version__ == project["version"] == yaml.safe_load((repository / "CITATION.cff").read_text())["version"]
    assert f"## {__version__}" in (repository / "CHANGELOG.md").read_text()


def core_distributions(requirements):
    """Return the distributions of this environment that requirements bring, those that they require included."""
    found, asked = {}, [name_of(one) for one in requirements]
    while asked:
        name = asked.pop()
        if name in found:
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # for another platform
            continue
        asked += [name_of(one) for one in found[name].requires or () if "extra ==" not in one]
    return found.values()


def share(distributions, folder):
    """Link the files of distributions into another environment's folder of packages."""
    for one in distributions:
        for top in {file.parts[0] for file in one.files or () if file.parts[0] not in ("..", "__pycache__")}:
            link = folder / top
            if not link.is_symlink():
                link.symlink_to(Path(str(one.locate_file(top))))


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_the_wheel_alone_trains_and_measures(repository, project, tmp_path):
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        pytest.skip("uv, which builds the wheel, is not here")
    offline = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"UV_OFFLINE": "1"}
    build = (uv, "build", "--quiet", "--wheel", "--out-dir", str(tmp_path), str(repository))
    if subprocess.run(build, env=offline, capture_output=True, check=False).returncode:
        if os.environ.get("SHARPLOSS_OFFLINE"):
            pytest.skip("the wheel cannot be built offline: this uv is none of those that pyproject.toml builds with")
        run(*build)
    (wheel,) = tmp_path.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "fresh"))
    python = str(tmp_path / "fresh" / "bin" / "python")
    (packages,) = (tmp_path / "fresh").glob("lib/python*/site-packages")
    share(core_distributions(project["dependencies"]), packages)
    # Without its dependencies, which are what was shared: uv passes over links, and would install others through them.
    run(uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, str(wheel), env=offline)
    assert (packages / "sharploss" / "py.typed").is_file()

    alone = {**offline, "SHARPLOSS_OFFLINE": "1"}
    alone.pop("SHARPLOSS_MIRROR", None)
    alone.pop("SHARPLOSS_CACHE", None)
    script = str(repository / "tests" / "library_alone.py")
    said = run(python, "-I", script, str(repository / "README.md"), cwd=tmp_path, env=alone).splitlines()
    assert sum(line.startswith("trained") for line in said) >= 14
    assert sum(line.startswith("measured") for line in said) >= 7
    assert "snippet" in said
    assert f"{__version__}\n" == run(python, "-I", "-c", "import sharploss; print(sharploss.__version__)", env=alone)
