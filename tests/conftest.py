import copy
import gc
import os
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import settings

from clones import clone, put_back
from tiny_study import make_once

# Hypothesis checks how long an example takes; on a busy two-core machine that says nothing about the code.
settings.register_profile("sharploss", deadline=None, max_examples=25)
settings.load_profile("sharploss")

# Tests read and write studies by the hundred: PyYAML's C parts are ten times faster.
if yaml.__with_libyaml__:
    yaml.SafeLoader, yaml.SafeDumper = yaml.CSafeLoader, yaml.CSafeDumper

os.environ.setdefault("WANDB_MODE", "disabled")
LONGEST = ("tests/launch/test_launch_study.py", "tests/launch/test_slurm.py")
ANALYSIS = ("tests/analysis/", "tests/launch/test_launch_adding.py")
# Processes that tests start use this folder's package too, whichever one is installed.
SOURCE = str(Path(__file__).resolve().parent.parent / "src")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [SOURCE, os.environ.get("PYTHONPATH")]))
# Containers like to forbid compiled files: then every process would compile the package and all tests again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Assign all that reads the analysis's studies, a third, to one test process, which reads them once; else files."""
    from xdist.scheduler import LoadFileScheduling

    class ByFixtures(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return "analysis" if nodeid.startswith(ANALYSIS) else super()._split_scope(nodeid)

    return ByFixtures(config, log) if config.option.dist == "load" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look for no garbage while the modules of tests are imported."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collectstart():
    """Share two cores between two test processes; the one that only tells them what to test collects nothing."""
    import torch

    torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    """Begin with the longest tests, so that none of them is left alone at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_collection_finish():
    """Look for garbage among what tests make alone, not in all that the imported modules hold."""
    gc.freeze()


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def clone_to(repository):
    """A function that makes a clone of the repository in a folder."""
    return lambda folder: clone(repository, folder)


@pytest.fixture(scope="session")
def study(repository, tmp_path_factory):
    """The tiny study, run to its end."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return make_once(repository, shared, base / "study")


@pytest.fixture(scope="session")
def benchmark(repository):
    """The committed results of the benchmark study, read once; tests change nothing of it."""
    from sharploss.analysis.load import load_study

    return load_study("benchmark", repository, partial=True)


@pytest.fixture
def untouched(study):
    """The finished study; what a test changes in it and its environment is put back afterwards."""
    before = dict(study.environment)
    yield study
    study.environment = before
    put_back(study)


@pytest.fixture
def lpips_at_once(monkeypatch):
    """Make the package copy its network instead of drawing it again."""
    from lpips_network import lpips_network

    monkeypatch.setattr("lpips.LPIPS", lambda net, **_: copy.deepcopy(lpips_network(net)))


@pytest.fixture(autouse=True)
def _deterministic_switches():
    import torch

    yield
    # Training sets torch's global switches; other tests must not depend on the order they run in.
    torch.set_deterministic_debug_mode("default")  # use_deterministic_algorithms imports the compiler, four seconds
    torch.set_float32_matmul_precision("highest")
