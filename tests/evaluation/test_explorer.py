import json

import numpy as np
import pytest
import torch
from PIL import Image
from toys import RECIPE, picture

from sharploss.config.params import Params
from sharploss.config.run_config import resolve_run
from sharploss.data.degrade import degrade
from sharploss.data.images import write_png
from sharploss.evaluation import explorer
from sharploss.evaluation.explorer import write_explorer
from sharploss.evaluation.restore import load_network, restore
from sharploss.metrics import psnr
from sharploss.record.paths import paths
from sharploss.training.checkpoint import save_weights
from sharploss.training.state import make_network, with_defaults
from sharploss.utils.errors import UserError

GROUP, TASK = "sr_x2-espcn", {"kind": "sr", "scale": 2, "train": ["t91"], "validation": ["set14"], "test": ["toys"]}


def params_of(folder, **crop):
    wall = {"task": "sr_x2", "dataset": "toys", "image": "one", "top": 4, "left": 8, "height": 32, "width": 40} | crop
    return Params.model_validate(
        {
            "study": "tiny",
            "seeds": [0],
            "datasets": {"toys": {"images": str(folder)}},
            "tasks": {"sr_x2": TASK},
            "networks": {"espcn": {"network": "espcn", "width": 4}},
            "losses": {"l1": {"l1": 1}, "l2": {"l2": 1}},
            "extractors": {},
            "recipes": {"tiny": RECIPE},
            "suites": {
                "s": {"question": "?", "tasks": ["sr_x2"], "networks": ["espcn"], "losses": ["l1"], "recipe": "tiny"}
            },
            "explorer": {"wall": wall},
        }
    )


@pytest.fixture
def toys(tmp_path, monkeypatch):
    monkeypatch.setattr(explorer, "SCORED_BY", ("psnr",))
    monkeypatch.setenv("SHARPLOSS_DEVICE", "cpu")
    write_png(tmp_path / "toys" / "one.png", picture(1, 51, 61).numpy())
    return tmp_path / "toys"


def test_crops_are_those_of_whole_images_restored_as_an_evaluation_does(toys, tmp_path):
    params, files = params_of(toys), paths("tiny", tmp_path)
    run = {"task": "sr_x2", "network": "espcn", "recipe": "tiny", "seed": 0}
    configs = {loss: with_defaults(resolve_run(params, {**run, "loss": loss})) for loss in ("l1", "l2")}
    weights = files.weights(GROUP, f"{GROUP}-l1-s0")
    about = {"key": "x", "status": "finished", "config": json.dumps(configs["l1"].model_dump(mode="json"))}
    save_weights(weights, make_network(configs["l1"]), about)
    (files.explorer).mkdir(parents=True)
    (files.explorer / "old.webp").write_bytes(b"")
    size = write_explorer(params, {GROUP: {f"{GROUP}-l1-s0": configs["l1"], f"{GROUP}-l2-s0": "why"}}, files)
    (crop,) = json.loads((files.explorer / "index.json").read_text())
    (network,) = crop["networks"]
    assert (crop["name"], crop["width"], network["name"]) == ("wall", 40, "espcn")
    assert [one["variant"] for one in network["pictures"]] == ["target", "bicubic", "l1", "l2"]
    assert network["pictures"][3]["missing"] == "why"
    named = {one["file"] for one in network["pictures"] if "file" in one}
    assert named == {path.name for path in files.explorer.glob("*.webp")}
    assert size == sum(path.stat().st_size for path in files.explorer.glob("*.webp"))
    target, small = degrade(picture(1, 51, 61), {**TASK, "kernel": "bicubic", "mod_crop": True, "seed": 0}, "toys/one")
    whole = restore(load_network(weights, configs["l1"], torch.device("cpu")), small)
    with Image.open(files.explorer / network["pictures"][2]["file"]) as image:
        shown = torch.from_numpy(np.asarray(image.convert("RGB")).copy()).permute(2, 0, 1)
    area = (slice(None), slice(4, 36), slice(8, 48))
    assert torch.equal(shown, whole[area])
    value = psnr(shown[None], target[area][None], "y", 0).item()
    assert network["pictures"][2]["scores"] == {"psnr": pytest.approx(value, abs=1e-6)}


def test_crops_that_cannot_be_are_named(toys, tmp_path, monkeypatch):
    files = paths("tiny", tmp_path)
    with pytest.raises(UserError, match=r"explorer\.wall\.image: There is no test image 'toys/two'"):
        write_explorer(params_of(toys, image="two"), {}, files)
    with pytest.raises(UserError, match=r"explorer\.wall reaches beyond toys/one, which is 50 pixels high"):
        write_explorer(params_of(toys, top=30), {}, files)
    with pytest.raises(ValueError, match=r"explorer\.wall\.task: There is no task"):
        params_of(toys, task="sr_x3")
    monkeypatch.setattr(explorer, "MOST", 100)
    with pytest.raises(UserError, match="more than 100: name fewer"):
        write_explorer(params_of(toys), {}, files)
