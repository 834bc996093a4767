import hashlib

import pytest

from sharploss.assets.catalogue import ASSETS, File
from sharploss.assets.fetch import AssetMissingError
from sharploss.assets.weights import local_only


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("cache")
def test_what_is_not_here_is_not_downloaded(monkeypatch):
    def refuse(*_arguments, **_keywords):
        raise AssertionError("it was about to download")

    monkeypatch.setattr("sharploss.assets.fetch.download", refuse)
    with pytest.raises(AssetMissingError, match="python -m sharploss data fetch vgg16_torchvision") as caught:
        local_only("vgg16_torchvision")
    assert "neither the cache nor a mirror" in caught.value.reason


def test_what_is_here_is_found(cache, monkeypatch):
    content = b"weights"
    file = File("weights/some.pth", hashlib.sha256(content).hexdigest(), len(content))
    monkeypatch.setitem(ASSETS, "niqe", ASSETS["niqe"]._replace(files=(file,)))
    (cache / "weights").mkdir()
    (cache / file.path).write_bytes(content)
    assert local_only("niqe") == cache / file.path
