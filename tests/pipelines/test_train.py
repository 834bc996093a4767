"""What pipelines/train.py makes of the run that another starts from, in a folder of a study of two steps."""

import json
import runpy
import shutil

import pytest
import torch
import yaml
from safetensors.torch import load_file

from sharploss.config.params import load_params
from sharploss.networks import build_network
from sharploss.planning.plan import expand, write_plan
from sharploss.record.paths import paths
from sharploss.training.checkpoint import read_metadata, save_weights
from sharploss.utils.errors import UserError
from toy_training import write_packs

FIRST, LATER = "sr_x2-espcn-l1-s0", "sr_x2-espcn-l1-later-s0"


@pytest.fixture
def train(repository, tmp_path, monkeypatch):
    """A function that trains a run in a folder that holds what `plan`, `fetch` and `prepare` leave."""
    content = yaml.safe_load((repository / "tests/study.yaml").read_text())
    recipe = {**content["recipes"]["mini"], "steps": 2, "batch": 2, "patch": 8, "warmup": 0}
    content["tasks"] = {"sr_x2": content["tasks"]["sr_x2"]}
    content |= {
        "networks": {"espcn": {"network": "espcn", "width": 4}},
        "losses": {"l1": {"l1": 1}},
        "recipes": {"mini": recipe, "later": {**recipe, "start": {"loss": "l1", "recipe": "mini"}}},
        "extractors": {},
        "crops": {},
        "suites": {
            "one": {"question": "?", "tasks": ["sr_x2"], "networks": ["espcn"], "losses": ["l1"], "recipe": "later"}
        },
    }
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHARPLOSS_DEVICE", "cpu")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    plan = expand(load_params())
    write_plan(plan)
    files = paths("mini", tmp_path)
    texts = {files.loss_receipts("l1"): "[]"} | {files.run_settings(key): '{"code": {}}' for key in plan["runs"]}
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    packs = tmp_path / "data/mini/packed/sr_x2"
    packs.mkdir(parents=True)
    write_packs(packs)
    main = runpy.run_path(str(repository / "pipelines/train.py"))["main"]

    def run(key):
        monkeypatch.setattr("sys.argv", ["train.py", key])
        assert main() == 0
        folder = tmp_path / "results/mini/runs" / key
        return tuple(json.loads((folder / f"{name}.json").read_text()) for name in ("metrics", "provenance"))

    return run


def rewrite(key, change=0.0, **metadata):
    """Write a run's weights again, other numbers or metadata in them."""
    path = paths("mini").weights("sr_x2-espcn", key)
    network = build_network("espcn", scale=2, width=4)
    network.load_state_dict(load_file(path))
    with torch.no_grad():
        next(network.parameters()).add_(change)
    save_weights(path, network, {**read_metadata(path), **metadata})


def test_the_run_that_another_starts_from_is_part_of_its_identity(train):
    train(FIRST)
    metrics, before = train(LATER)
    assert metrics["status"] == "finished"
    assert train(LATER)[1]["identity"] == before["identity"]
    rewrite(FIRST, change=0.01)
    after = train(LATER)[1]
    assert after["start"] != before["start"]
    assert after["identity"] != before["identity"]


@pytest.mark.parametrize("status", ["diverged", "not_trained"])
def test_a_run_does_not_start_from_one_that_did_not_finish(train, status):
    train(FIRST)
    rewrite(FIRST, status=status)
    metrics, _ = train(LATER)
    assert metrics["status"] == "not_trained"
    assert metrics["reason"] == f"the run it starts from ({FIRST}) has no trained weights"


def test_a_discriminator_that_does_not_fit_is_told_before_anything_is_read(train, tmp_path):
    content = yaml.safe_load((tmp_path / "params.yaml").read_text())
    content["losses"]["l1"] = {"l1": 1, "gan": {"weight": 0.1, "discriminator": "sharpgan", "size": 32}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    shutil.rmtree(tmp_path / "data")
    with pytest.raises(UserError, match=r"losses\.l1\.gan\.size is 32, and recipes\.mini gives patches of 16x16"):
        train(FIRST)
