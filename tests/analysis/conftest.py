import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the invented study is shared by the folders below

import synthetic_mini

import synthetic
from sharploss.analysis.claims.evaluate import evaluate_claims
from sharploss.analysis.claims.spec import load_claims
from sharploss.analysis.load import load_study
from sharploss.analysis.report.headline import answers


@pytest.fixture(scope="session")
def study_root(tmp_path_factory):
    """An invented study with everything measured; tests only read it."""
    return synthetic.make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="session")
def sparse_root(tmp_path_factory):
    """The same without Set5, LPIPS and NIQE, as on a machine without network."""
    return synthetic.make_study(tmp_path_factory.mktemp("sparse"), set5=False, lpips=False)


@pytest.fixture(scope="session")
def wide_root(tmp_path_factory):
    """Two tasks, two recipes, two seeds, and a loss that could not be trained."""
    losses = [loss for loss in synthetic.LOSSES if loss not in ("charbonnier", "l1_tv")]
    few = {"losses": losses, "alphas": ("sploss_a0", "sploss_a4")}
    return synthetic.make_study(tmp_path_factory.mktemp("wide"), seeds=(0, 1), wide=True, **few)


@pytest.fixture(scope="session")
def mini_root(tmp_path_factory):
    """Every run of the mini study; those whose losses need weights were not trained."""
    return synthetic_mini.make_mini(tmp_path_factory.mktemp("mini"), weights=False)


@pytest.fixture(scope="session")
def full_root(tmp_path_factory):
    """Every run of the mini study, on a machine with all weights."""
    return synthetic_mini.make_mini(tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="session")
def study(study_root):
    """The invented study, read once; tests change nothing of it."""
    return load_study("mini", study_root)


@pytest.fixture(scope="session")
def compared(study):
    """Its paired differences."""
    return study.compared


@pytest.fixture(scope="session")
def wide(wide_root):
    """The wide study, read once."""
    return load_study("mini", wide_root)


@pytest.fixture(scope="session")
def mini(mini_root):
    """The mini study, read once."""
    return load_study("mini", mini_root)


@pytest.fixture(scope="session")
def full(full_root):
    """The mini study with all weights, read once."""
    return load_study("mini", full_root)


@pytest.fixture(scope="session")
def benchmark_answers(benchmark):
    """What they say."""
    return answers(benchmark)


@pytest.fixture(scope="session")
def real_claims():
    """The claims of the papers, as claims.yaml has them."""
    return load_claims(synthetic.REPOSITORY).claims


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory):
    """A study whose claims were evaluated: its folder, and what was found."""
    root = synthetic.make_study(tmp_path_factory.mktemp("evaluated") / "study", wide=True)
    return root, evaluate_claims("mini", root)


@pytest.fixture
def own_root(study_root, tmp_path):
    """A copy of the study, to damage."""
    return shutil.copytree(study_root, tmp_path / "study", ignore=shutil.ignore_patterns("reports"))
