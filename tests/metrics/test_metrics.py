import os
import subprocess
import sys

import pytest
import torch

from sharploss.assets.catalogue import ASSETS
from sharploss.assets.fetch import AssetMissingError
from sharploss.config.protocols import METRIC_INFO
from sharploss.metrics import METRICS, SET_METRICS, CachedImage

MIRROR = os.environ.get("SHARPLOSS_MIRROR")
with_weights = pytest.mark.skipif(not MIRROR, reason="SHARPLOSS_MIRROR is not set: no weights to load")

HEAVY = {"lpips", "pyiqa", "torchvision", "skimage", "scipy", "pandas", "matplotlib"}


def modules_after(statement):
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


WITHOUT_ASSET = [name for name, info in METRIC_INFO.items() if info["asset"] is None]


@pytest.mark.slow
def test_metrics_without_weights_import_nothing_heavy():
    loaded = modules_after(f"from sharploss.metrics import METRICS; [METRICS[name]() for name in {WITHOUT_ASSET}]")
    assert "torch" in loaded
    assert not loaded & HEAVY


@pytest.mark.slow
@with_weights
def test_loading_niqe_imports_only_what_it_needs():
    needed = {"scipy", "pyiqa", "torchvision"}  # pyiqa's, imported at once: where it is broken, NIQE is not measured
    assert modules_after("from sharploss.metrics import METRICS; METRICS['niqe']()") & HEAVY <= needed


def test_every_metric_is_described_and_every_described_metric_is_there():
    assert not METRICS.keys() & SET_METRICS.keys()
    assert METRICS.keys() | SET_METRICS.keys() == METRIC_INFO.keys()


def test_only_metrics_that_name_an_asset_need_one(monkeypatch, tmp_path):
    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path))
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    missing = set()
    for name, load in (METRICS | SET_METRICS).items():
        try:
            load()
        except AssetMissingError:
            missing.add(name)
    assert missing == {name for name, info in METRIC_INFO.items() if info["asset"]}
    assert {info["asset"] for info in METRIC_INFO.values()} - {None} <= ASSETS.keys()


def test_every_metric_without_an_asset_gives_one_number_an_image_under_each_of_its_protocols():
    output, target = (CachedImage(images) for images in torch.rand(2, 2, 3, 24, 24))
    for name, info in METRIC_INFO.items():
        for protocol in info["protocols"] if info["asset"] is None else ():
            assert METRICS[name]()(output, target, protocol, 2).shape == (2,)
