import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sharploss.assets import ASSETS, locate

MIRROR = os.environ.get("SHARPLOSS_MIRROR")
FILES = [(name, file) for name, asset in ASSETS.items() for file in asset.files]


def test_every_file_is_described():
    for name, asset in ASSETS.items():
        assert asset.files, name
        assert asset.licence, name
        assert asset.citation, name
        for file in asset.files:
            assert len(file.sha256) in {8, 64}
            assert set(file.sha256) <= set("0123456789abcdef")
            assert all(url.startswith("https://") for url in file.urls)
            assert not Path(file.path).is_absolute()
            assert ".." not in file.path
    paths = [file.path for _, file in FILES]
    assert len(set(paths)) == len(paths)


def test_embedded_photographs_name_title_licence_and_author_each():
    embedded = [file for asset in ASSETS.values() if asset.package == "skimage" for file in asset.files]
    assert len(embedded) == 13
    assert all(file.title and file.licence and file.author for file in embedded)


@pytest.mark.parametrize("name", ["skimage_train", "skimage_validation", "skimage_test"])
def test_embedded_photographs_are_shipped_with_the_recorded_size_and_sum(monkeypatch, tmp_path, name):
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path))
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    package = Path((spec.submodule_search_locations or [])[0])
    for path, file in zip(locate(name), ASSETS[name].files, strict=True):
        assert path.is_relative_to(package)
        assert path.stat().st_size == file.bytes


def test_the_sets_for_training_validation_and_testing_share_no_photograph():
    sums = [file.sha256 for name in ASSETS if name.startswith("skimage_") for file in ASSETS[name].files]
    assert len(set(sums)) == 13


@pytest.mark.skipif(not MIRROR, reason="SHARPLOSS_MIRROR is not set: there is nothing to compare the catalogue with")
def test_the_catalogue_agrees_with_the_sources_of_the_mirror():
    entries = json.loads((Path(MIRROR or "") / "SOURCES.json").read_text())
    sources = {file["path"]: file for entry in entries.values() for file in entry["files"]}
    compared = 0
    for name, file in FILES:
        if ASSETS[name].package or file.path not in sources:
            continue
        source = sources[file.path]
        assert (file.sha256, file.bytes) == (source["sha256"], source["bytes"])
        assert source["url"] is None or source["url"] in file.urls
        compared += 1
    assert compared == 7


def test_importing_assets_is_quick_because_it_imports_nothing_heavy():
    heavy = {"torch", "pooch", "requests", "skimage", "numpy", "PIL"}
    code = f"import sys, sharploss.assets; print(sorted({heavy!r} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
