"""pipelines/extract.py as users run it, in a folder of their own."""

import hashlib
import json
import os
import runpy
import subprocess
import sys

import pytest
import torch
import yaml
from safetensors import safe_open

from sharploss.losses import build_loss
from sharploss.planning.stage_files import check_code
from sharploss.record.paths import paths

pytestmark = pytest.mark.slow

TINY = {"scales": 2, "max_size": 20, "min_size": 11, "width": 4, "iterations": 3, "steps": 1, "log_every": 2}


@pytest.fixture
def write(repository, tmp_path):
    """A function that writes params.yaml, with one more extractor, and what `plan` writes for it."""

    def write(**changes):
        content = yaml.safe_load((repository / "params.yaml").read_text())
        settings = {"task": "sr_x4", "image": "skimage_train/coffee", **TINY, **changes}
        content["extractors"] = {**content["extractors"], "ours": settings}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
        code = tmp_path / "data/mini/code/extract.txt"
        code.parent.mkdir(parents=True, exist_ok=True)
        code.write_text("\n".join(check_code("extract", paths("nothing_planned"))))

    return write


def test_an_extractor_becomes_a_loss(write, repository, tmp_path, monkeypatch):
    def extract():
        command = [sys.executable, str(repository / "pipelines/extract.py"), "ours"]
        environment = {**os.environ, "SHARPLOSS_CACHE": str(tmp_path / "cache"), "SHARPLOSS_OFFLINE": "1"}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)

    write()
    assert "ours: 2 discriminators in" in extract().stdout
    weights = tmp_path / "results/mini/weights/extractors/ours.safetensors"
    first = weights.read_bytes()
    with safe_open(weights, "pt") as file:
        config = json.loads(file.metadata()["config"])
    assert config["extractor"]["iterations"] == 3
    assert config["task"]["kind"] == "sr"
    assert config["image_sha256"].startswith("cc02f8ca")
    folder = tmp_path / "results/mini/extractors/ours"
    assert len((folder / "history.jsonl").read_text().splitlines()) == 4
    assert json.loads((folder / "provenance.json").read_text())["config"] == config
    assert not list((tmp_path / ".scratch").iterdir())

    monkeypatch.chdir(tmp_path)
    loss = build_loss({"l1": 1, "mdf": {"weights": str(weights.relative_to(tmp_path)), "scales": 2, "weight": 0.1}})
    output = torch.rand(1, 3, 12, 12, requires_grad=True)
    loss(output, torch.rand(1, 3, 12, 12)).backward()
    assert output.grad.isfinite().all()
    digits = hashlib.sha256(first).hexdigest()[:16]
    assert loss.backbones == {"mdf": f"MDF ours (ours.safetensors {digits}), 2 scales, [-1,1]"}

    extract()
    assert weights.read_bytes() == first


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("our", {}, "There is no extractor 'our': did you mean 'ours'?"),
        ("ours", {"image": "skimage_train/cofee"}, "There is no image 'skimage_train/cofee'"),
        ("ours", {"image": "skimage_test/chelsea"}, "extractors.ours.image: skimage_test is trained on and tested on"),
        ("ours", {"max_size": 11}, "is not larger than min_size"),
        ("ours", {"learning_rate": 1e30, "iterations": 20}, "Extractor 'ours' has diverged"),
    ],
)
def test_bad_input_is_one_sentence(write, repository, tmp_path, monkeypatch, capfd, name, changes, message):
    write(**changes)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    monkeypatch.setattr(sys, "argv", [str(repository / "pipelines/extract.py"), name])
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setattr(os, "_exit", sys.exit)  # it runs in this process, which has imported torch
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(repository / "pipelines/extract.py"), run_name="__main__")
    assert ended.value.code == 1
    said = capfd.readouterr().err
    assert message in said
    assert said.startswith("error: ")
    assert said.count("\n") == 1
