import pickle

import pytest
import torch
from safetensors.torch import save_file

from sharploss.assets import weights
from sharploss.assets.catalogue import Asset, File
from sharploss.assets.fetch import AssetMissingError
from sharploss.assets.weights import read_weights

TENSORS = {"features.0.weight": torch.arange(6.0).view(2, 3)}


@pytest.fixture
def files(monkeypatch):
    """Files by the asset that is said to consist of them; of others the first is chosen, in vain."""
    known = {}

    def locate(name):
        if name in known:
            return [known[name]]
        raise AssetMissingError(f"Asset '{name}' is not here.", "it is not here", "do something")

    monkeypatch.setattr(weights, "locate", locate)
    files = (File("weights/second.safetensors", "0" * 64, 1),)
    asset = Asset(kind="weights", role="r", licence="l", citation="c", files=files)
    monkeypatch.setattr(weights, "ASSETS", {"second": asset})
    monkeypatch.setattr(weights, "choose", lambda names: next((name for name in names if name in known), names[0]))
    return known


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_reads_both_formats(files, tmp_path, suffix):
    files["first"] = tmp_path / f"weights.{suffix}"
    (save_file if suffix == "safetensors" else torch.save)(TENSORS, files["first"])
    name, found = read_weights(("first", "second"))
    assert name == "first"
    assert torch.equal(found["features.0.weight"], TENSORS["features.0.weight"])


def test_reads_the_one_that_is_chosen(files, tmp_path):
    files["second"] = tmp_path / "weights.safetensors"
    save_file(TENSORS, files["second"])
    assert read_weights(("first", "second"))[0] == "second"


def test_names_the_one_chosen_when_it_cannot_be_had(files):
    assert not files
    told = r"Asset 'first' is not here. In its place weights/second\.safetensors \('second'\) will do\."
    with pytest.raises(AssetMissingError, match=told) as error:
        read_weights(("first", "second"))
    assert error.value.reason == "it is not here"
    assert error.value.cure == "do something; in its place weights/second.safetensors ('second') will do"


def test_a_pickle_that_holds_code_is_not_executed(files, tmp_path):
    files["first"] = tmp_path / "weights.pth"
    torch.save({"features.0.weight": print}, files["first"])
    with pytest.raises(pickle.UnpicklingError):
        read_weights(("first",))
