"""A machine on which optional packages are missing or broken: what does not need them is measured and trained."""

import importlib
import sys

import pytest
import torch

from sharploss.assets.fetch import AssetMissingError
from sharploss.config.protocols import METRIC_INFO
from sharploss.evaluation.score import load_measures
from sharploss.losses import build_loss, required_assets, resolve_loss
from sharploss.losses.lpips import LPIPSLoss
from sharploss.metrics import fid, niqe
from sharploss.metrics import lpips as lpips_metric
from sharploss.utils.optional import optional_package

FAILURES = {
    "absent": None,
    "ImportError": ImportError("cannot import name 'box' from 'shapes' (/opt/some/place/shapes/__init__.py)"),
    "OSError": OSError("libcudart.so.12: cannot open shared object file: No such file or directory"),
    "RuntimeError": RuntimeError("operator torchvision::nms does not exist"),
    "AttributeError": AttributeError("module 'numpy' has no attribute 'float'"),
    "SyntaxError": SyntaxError("invalid syntax"),
    "SystemExit": SystemExit("this machine has no licence"),
    "empty": ValueError(),
}
NEEDED_BY = {"lpips": {"lpips", "lpips_vgg"}, "pyiqa": {"niqe", "fid"}, "scipy": {"niqe"}}


class Broken:
    """Fails to import one package, its modules included, in one way."""

    def __init__(self, package, failure):
        self.package, self.failure = package, failure

    def find_spec(self, name, *_):
        if name.partition(".")[0] == self.package:
            raise self.failure or ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.fixture
def break_package(monkeypatch):
    def make(package, failure):
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(sys, "meta_path", [Broken(package, failure), *sys.meta_path])

    return make


@pytest.fixture
def all_weights(monkeypatch, tmp_path):
    """Every weight is here, and every package but the broken one builds its network in no time."""
    for module, name, value in (
        (lpips_metric, "read_weights", lambda _: ("alexnet", {})),
        (lpips_metric, "local_only", lambda *_: tmp_path),
        (fid, "local_only", lambda *_: tmp_path),
        (niqe, "locate", lambda _: [tmp_path]),
        (niqe, "_pristine", lambda _: (None, None)),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.usefixtures("all_weights")
@pytest.mark.parametrize("package", NEEDED_BY)
def test_a_metric_without_its_package_is_not_measured_and_the_others_are(break_package, monkeypatch, package, failure):
    # Metrics of other packages are left out: importing these takes seconds.
    names = {name for name, info in METRIC_INFO.items() if info["asset"] is None} | NEEDED_BY[package]
    break_package(package, FAILURES[failure])
    if package == "scipy":  # after pyiqa's modules, which are whole
        monkeypatch.setattr(niqe, "MODULES", ("scipy.io",))
    found = load_measures(tuple(names))
    assert found.not_measured.keys() == NEEDED_BY[package]
    assert {*found.of_image, *found.of_set} == names - NEEDED_BY[package]
    for reason in found.not_measured.values():
        assert reason.startswith(f"the package {package} ")
        assert "/opt" not in reason
        assert ("is not installed" in reason) == (failure == "absent")


@pytest.mark.parametrize("failure", FAILURES)
def test_a_loss_without_its_package_is_planned_and_says_why_it_cannot_be_trained(break_package, monkeypatch, failure):
    break_package("lpips", FAILURES[failure])
    monkeypatch.setattr("sharploss.losses.lpips.read_weights", lambda _: ("alexnet", {}))
    assert resolve_loss({"l1": 1, "lpips": 0.1}).weights == {"l1": 1, "lpips": 0.1}
    assert required_assets({"lpips": 1})
    with pytest.raises(AssetMissingError, match="the package lpips") as caught:
        build_loss({"l1": 1, "lpips": 0.1})
    assert caught.value.cure == "'pip install \"sharploss[study]\"' may help"
    build_loss({"l1": 1})(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8))


def test_the_package_that_is_missing_is_named_also_behind_another(break_package):
    break_package("lpips", ModuleNotFoundError("No module named 'torchvision'", name="torchvision"))
    with pytest.raises(
        AssetMissingError, match=r"lpips cannot be imported .*torchvision.*pip install .sharploss.study"
    ):
        LPIPSLoss().use("alexnet", {})


def test_a_package_that_is_whole_is_imported():
    assert optional_package("importlib.metadata") is importlib.import_module("importlib.metadata")
