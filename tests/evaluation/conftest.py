import pytest
import torch
from toys import TASK, config, picture

from sharploss.data import imresize, write_pack
from sharploss.evaluation.score import load_measures
from sharploss.networks import build_network
from sharploss.training.checkpoint import save_weights
from sharploss.training.state import with_defaults


@pytest.fixture(autouse=True)
def metrics_are_loaded_anew():
    load_measures.cache_clear()
    yield
    load_measures.cache_clear()


@pytest.fixture
def make_test_set(tmp_path):
    """A function that packs pictures as the test set "toys", beside a set that could not be had."""

    def make(pictures):
        folder = tmp_path / "data" / "mini" / "packed" / "toy"
        pairs = [(f"toys/{name}", image, imresize(image, 1 / 2)) for name, image in pictures.items()]
        common = {"role": "test", "parameters": TASK.model_dump()}
        write_pack(folder / "test-toys.safetensors", pairs, sets=["toys"], missing={}, **common)
        write_pack(folder / "test-lost.safetensors", [], sets=["lost"], missing={"lost": "it is lost"}, **common)
        return tmp_path

    return make


@pytest.fixture
def study(make_test_set):
    """A study's folder with a test set of two pictures."""
    return make_test_set({"first": picture(1), "second": picture(2, 40, 44)})


@pytest.fixture
def make_runs(study):
    """A function that "trains" runs of group toy-espcn and gives what evaluate_group takes of them."""

    def make(losses, status="finished"):
        runs = {}
        for name, (loss, seed) in losses.items():
            resolved = config(loss, seed)
            torch.manual_seed(seed)
            network = build_network("espcn", scale=2, width=4)
            stored = with_defaults(resolved).model_dump_json()
            metadata = {"key": name, "status": status, "config": stored}
            save_weights(
                study / "results" / "mini" / "weights" / "toy-espcn" / f"{name}.safetensors", network, metadata
            )
            runs[name] = resolved
        return runs

    return make


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    """A machine on which LPIPS and NIQE cannot be measured."""
    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
