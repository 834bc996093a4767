import pickle

import pytest
import torch
from safetensors.torch import save_file

from sharploss.assets import weights
from sharploss.assets.fetch import AssetMissing
from sharploss.assets.weights import read_weights

TENSORS = {"features.0.weight": torch.arange(6.0).view(2, 3)}


@pytest.fixture
def files(monkeypatch):
    """Files by the asset that is said to consist of them; other assets are missing."""
    known = {}

    def locate(name):
        if name in known:
            return [known[name]]
        raise AssetMissing(f"Asset '{name}' is not here.", "it is not here")

    monkeypatch.setattr(weights, "locate", locate)
    return known


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_reads_both_formats(files, tmp_path, suffix):
    files["first"] = tmp_path / f"weights.{suffix}"
    (save_file if suffix == "safetensors" else torch.save)(TENSORS, files["first"])
    name, found = read_weights(("first", "second"))
    assert name == "first"
    assert torch.equal(found["features.0.weight"], TENSORS["features.0.weight"])


def test_falls_back_to_the_next_that_can_be_had(files, tmp_path):
    files["second"] = tmp_path / "weights.safetensors"
    save_file(TENSORS, files["second"])
    assert read_weights(("first", "second"))[0] == "second"


def test_names_the_first_when_none_can_be_had(files):
    assert not files
    with pytest.raises(AssetMissing, match="Asset 'first' is not here"):
        read_weights(("first", "second"))


def test_a_pickle_that_holds_code_is_not_executed(files, tmp_path):
    files["first"] = tmp_path / "weights.pth"
    torch.save({"features.0.weight": print}, files["first"])
    with pytest.raises(pickle.UnpicklingError):
        read_weights(("first",))
