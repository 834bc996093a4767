import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sharploss.assets import ASSETS, locate
from sharploss.assets.leakage import ALSO_KNOWN_AS, leak

MIRROR = os.environ.get("SHARPLOSS_MIRROR")
FILES = [(name, file) for name, asset in ASSETS.items() for file in asset.files]


def test_every_file_is_described():
    for name, asset in ASSETS.items():
        assert bool(asset.files) != bool(asset.archives), name
        assert not asset.archives or (asset.folder and asset.images), name
        assert asset.licence, name
        assert asset.citation, name
        assert {*asset.overlaps, *asset.inputs.values()} <= ASSETS.keys(), name
        for file in (*asset.files, *asset.archives):
            assert len(file.sha256) in {0, 8, 64}
            assert set(file.sha256) <= set("0123456789abcdef")
            assert all(url.startswith(("https://", "http://")) for url in file.urls)
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
    assert compared == len(sources) == 764


def test_every_set_that_the_papers_need_is_known():
    weights = "alexnet alexnet_torchvision vgg19 vgg19_torchvision mdf_sisr mdf_jpeg niqe inception_fid"
    lr = {f"div2k_{part}_lr_x{scale}" for part in ("train", "valid") for scale in (2, 3, 4)}
    assert {*weights.split(), *lr} <= ASSETS.keys()
    assert {asset.role for asset in ASSETS.values() if not asset.role} == set()
    wanted = "set5 set14 b100 urban100 bsds500_train bsds500_test t91 div2k_train div2k_valid flickr2k gopro_train"
    assert set(wanted.split()) | {"gopro_test", "live1", "classic5", "cbsd68", "vgg19", "mdf_sisr"} <= ASSETS.keys()
    counts = {name: len(ASSETS[name].files) or ASSETS[name].images for name in ("b100", "urban100", "gopro_train")}
    assert counts == {"b100": 100, "urban100": 100, "gopro_train": 2103}


@pytest.mark.parametrize(
    ("train", "test", "reason"),
    [
        (["b100"], ["b100"], "the val part of BSDS500"),
        (["t91", "set14"], ["classic5"], "baboon, barbara, lena and peppers are in both"),
        (["classic5"], ["set14"], "baboon, barbara, lena and peppers are in both"),
        (["live1"], ["set14"], "monarch is in both"),
        (["cbsd68"], ["b100"], "BSDS500's val part"),
        (["set5"], ["set14"], "Set5's head is Set14's face"),
        (["div2k_train_lr_x2"], ["div2k_train"], "the same scenes"),
    ],
)
def test_training_on_what_is_tested_on_is_refused_with_the_reason(train, test, reason):
    assert reason in (leak(train, test) or "")


def test_other_names_of_sets_lead_to_sets_of_the_catalogue():
    assert set(ALSO_KNOWN_AS.values()) <= ASSETS.keys()
    assert not ALSO_KNOWN_AS.keys() & ASSETS.keys()


def test_sizes_and_sums_of_archives_are_known_where_somebody_published_them():
    archives = {archive.path: archive for asset in ASSETS.values() for archive in asset.archives}
    of_div2k = [archive for path, archive in archives.items() if "DIV2K" in path]
    assert len(of_div2k) == 8
    assert all(len(archive.sha256) == 64 and archive.bytes for archive in of_div2k)
    assert {path for path, archive in archives.items() if not archive.sha256} == {
        "archives/Flickr2K.tar",
        "archives/GOPRO_Large.zip",
    }


def test_everything_has_an_official_address_but_what_exists_on_mirrors_alone():
    alone = {
        name
        for name, asset in ASSETS.items()
        if not asset.package and not all(file.urls for file in (*asset.files, *asset.archives))
    }
    assert alone == {"alexnet", "vgg19"}
    # No address is a moving branch of a repository.
    assert not [
        url
        for _, file in FILES
        for url in file.urls
        if "/master/" in url or ("githubusercontent" in url and not re.search(r"/[0-9a-f]{40}/", url))
    ]


def test_what_may_be_combined_may():
    assert leak(["bsds500_train", "bsds500_test", "t91"], ["set5", "set14", "b100", "urban100", "live1"]) is None
    assert leak(["mine"], ["yours"]) is None


def test_files_of_the_same_content_are_a_leak(monkeypatch):
    twin = ASSETS["set5"]._replace(overlaps={})
    monkeypatch.setitem(ASSETS, "twin", twin)
    assert "img_001_SRF_2_HR.png is in both" in (leak(["twin"], ["set5"]) or "")


def test_importing_assets_is_quick_because_it_imports_nothing_heavy():
    heavy = {"torch", "requests", "filelock", "pandas", "skimage", "numpy", "PIL"}
    code = f"import sys, sharploss.assets; print(sorted({heavy!r} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
