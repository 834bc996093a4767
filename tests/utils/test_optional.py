"""Packages that come with an extra: whatever imports one says in a sentence which extra brings it."""

import re
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from sharploss.analysis.stats.effect_sizes import ends, of_images
from sharploss.assets.download import locked
from sharploss.data.prepare import _pairs
from sharploss.training import checkpoint, loop
from sharploss.utils.errors import AssetMissingError
from sharploss.utils.optional import progress_bar

SOURCE = Path(loop.__file__).parents[1]
NAMES = {"scikit-image": "skimage", "wandb-workspaces": "wandb_workspaces"}  # of packages that are imported otherwise
ELSEWHERE = {
    ("launch/adding.py", "pandas"): "a command: test_wheel.py runs it without the study",
    ("launch/engines.py", "submitit"): "launch/command.py asks for it before it chooses this engine",
    ("tracking/follower.py", "wandb"): "no error of W&B's stops a training: tests/tracking",
    ("tracking/dashboards.py", "wandb"): "wandb_workspaces, which is asked for first, cannot be without it",
}


def packages(repository):
    extras = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {re.match(r"[\w-]+", one)[0] for extra in ("study", "cluster", "dashboards") for one in extras[extra]}
    return {NAMES.get(name, name) for name in named} - {"sharploss"}


def imported(text, optional):
    """Return which of the packages a module imports when it runs, at any depth."""
    found = re.findall(rf"^ *(?:import|from) ({'|'.join(optional)})\b", text, re.MULTILINE)
    return set(found) - (set(re.findall(r"^    (?:from|import) (\w+)", typed(text), re.MULTILINE)))


def typed(text):
    """Return what a module imports for types alone."""
    return "".join(re.findall(r"^if TYPE_CHECKING:\n((?:    .*\n)+)", text, re.MULTILINE))


def asks_for(text, package):
    """Whether a module gives a package to `optional_package`, be it from a list."""
    return "optional_package(" in text and re.search(rf'"{package}[."]', text) is not None


def test_every_import_of_an_optional_package_says_which_extra_brings_it(repository):
    optional, silent = packages(repository), set()
    texts = {path.relative_to(SOURCE): path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")}
    for path, text in texts.items():
        near = [text, *(texts.get(folder / "__init__.py", "") for folder in path.parents)]
        missed = {name for name in imported(text, optional) if not any(asks_for(one, name) for one in near)}
        silent |= {(path.as_posix(), name) for name in missed}
    assert silent == ELSEWHERE.keys()


CALLS = {
    "tqdm": [lambda _: next(_pairs([], {}, {}, 0, "x")), lambda _: progress_bar([])],
    "filelock": [lambda path: locked(path).__enter__(), lambda path: checkpoint.alone(path / "x").__enter__()],
    "scipy": [lambda _: ends(0.0, of_images(np.arange(3.0)))],
}


@pytest.mark.parametrize(("package", "call"), [(name, call) for name, calls in CALLS.items() for call in calls])
def test_the_sentence_comes_at_the_call(monkeypatch, tmp_path, package, call):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(AssetMissingError, match=rf"^the package {package} .*pip install \"sharploss\[study\]\""):
        call(tmp_path)


@pytest.mark.parametrize("module", ["analysis", "analysis.plotting", "analysis.figures", "analysis.report"])
def test_packages_that_need_one_throughout_say_so_when_imported(monkeypatch, module):
    package = {"analysis": "pandas", "analysis.report": "jinja2"}.get(module, "matplotlib")
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"sharploss.{module}", raising=False)
    with pytest.raises(AssetMissingError, match=f"the package {package} "):
        import_module(f"sharploss.{module}")
