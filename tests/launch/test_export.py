import json
import re
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

import finished_study
from sharploss.config.run_config import resolve_run
from sharploss.evaluation import photographs
from sharploss.launch.export import export, main
from sharploss.training.checkpoint import save_weights
from sharploss.training.state import make_network, with_defaults
from sharploss.utils.errors import UserError

KEY = finished_study.KEY
FILES = {"README.md", "config.json", "model.safetensors", "scores.json"}


@pytest.fixture
def weights(repository, tmp_path, monkeypatch):
    """A study with a trained network, and no scores that can be read."""
    params, plan = finished_study.make(repository, tmp_path)
    config = with_defaults(resolve_run(params, plan["runs"][KEY]))
    about = {"key": KEY, "status": "finished", "config": json.dumps(config.model_dump(mode="json"))}
    path = tmp_path / f"results/mini/weights/sr_x4-edsr/{KEY}.safetensors"
    save_weights(path, make_network(config), about)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(photographs, "claim_cores", lambda: 1)
    return path


def run_snippet(folder, monkeypatch):
    """Run the card's Python, in the folder, and return what it defines."""
    monkeypatch.chdir(folder)
    (snippet,) = re.findall(r"^```python\n(.*?)^```", Path("README.md").read_text(), re.M | re.S)
    names = {}
    exec(snippet, names)
    return names


def front_matter(folder):
    return yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])


def test_a_network_is_exported_whole_and_loads_back(weights, tmp_path, monkeypatch, capsys):
    assert main([KEY, "--out", "out"]) == 0
    assert main([KEY, "--out", "out"]) == 0  # replaced
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == FILES
    assert not list(tmp_path.glob(".out.*"))
    assert str(Path("out/model.safetensors")) in capsys.readouterr().out
    assert (out / "model.safetensors").read_bytes() == weights.read_bytes()
    config, front = json.loads((out / "config.json").read_text()), front_matter(out)
    assert (config["run"], config["study"], config["network"]["name"]) == (KEY, "mini", "edsr")
    assert front["datasets"] == config["task"]["train"]
    for its in config["training_data"].values():
        assert its["licence"] in (out / "README.md").read_text()
    reason = json.loads((out / "scores.json").read_text())["reason"]
    assert f"There are no scores of this network**: {reason}" in (out / "README.md").read_text()
    names = run_snippet(out, monkeypatch)
    assert names["restored"].shape == (1, 3, 96, 96)
    Image.new("RGB", (9, 7)).save("cat.png")
    assert photographs.main(["cat.png", "--run", "."]) == 0
    with Image.open("restored/cat_out.png") as image:
        assert image.size == (36, 28)


@pytest.mark.usefixtures("weights")
def test_a_name_that_there_is_not_is_one_sentence_with_the_nearest():
    with pytest.raises(UserError, match=f"no trained network .*did you mean '{KEY}'"):
        main([KEY.replace("sploss", "splos")])
    with pytest.raises(UserError, match="no study 'benchmark'"):
        main([KEY, "--study", "benchmark"])


def test_weights_that_only_dvc_has_are_asked_of_it(weights):
    weights.unlink()
    with pytest.raises(UserError, match=f"{KEY}.safetensors is missing: fetch it with 'dvc pull "):
        main([KEY])


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("others", [["notes.txt"], ["config.json", ".git"], ["README.md"]])
def test_a_folder_with_anything_else_is_left_alone(tmp_path, others):
    (tmp_path / "out").mkdir()
    for name in others:
        (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(UserError, match="out exists and is no earlier export"):
        main([KEY, "--out", "out"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(others)


@pytest.mark.parametrize("name", [".", "../here"])
def test_the_folder_one_is_in_is_not_replaced(weights, tmp_path, monkeypatch, name):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(UserError, match="is the folder you are in"):
        export(weights, Path(name))


def test_a_link_to_a_folder_stays_a_link(weights, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to("disk")
    export(weights, Path("out"))
    export(weights, Path("out"))
    assert (tmp_path / "out").is_symlink()
    assert {path.name for path in (tmp_path / "disk").iterdir()} == FILES


@pytest.mark.usefixtures("weights")
def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("sharploss.launch.export.card", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main([KEY, "--out", "out"])
    assert not list(tmp_path.glob("*out*"))


def test_where_the_new_export_cannot_be_put_the_earlier_one_stays(weights, tmp_path, monkeypatch):
    export(weights, tmp_path / "out")
    (tmp_path / "out/README.md").write_text("earlier")
    rename = Path.rename

    def refused(path, target):
        if path.name == "new":
            raise PermissionError("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(PermissionError):
        export(weights, tmp_path / "out")
    assert (tmp_path / "out/README.md").read_text() == "earlier"
    assert not list(tmp_path.glob(".out.*"))


def test_what_did_not_finish_is_not_exported(weights):
    config = json.dumps(photographs.trained_config(weights).model_dump(mode="json"))
    save_weights(weights, torch.nn.Conv2d(1, 1, 1), {"key": KEY, "status": "diverged", "config": config})
    with pytest.raises(UserError, match="did not finish"):
        main([KEY])


@pytest.mark.slow
def test_a_network_of_the_repository_has_its_scores(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(repository)
    assert main(["edsr_x4_sploss", "--out", str(tmp_path / "out")]) == 0
    scores = json.loads((tmp_path / "out/scores.json").read_text())
    assert scores["evidence"] == "counts"
    assert scores["budget"] == {"steps": 5000, "seeds_of_the_loss": 1}
    (row,) = [row for row in scores["rows"] if (row["dataset"], row["metric"]) == ("b100", "lpips")]
    assert (row["images"], row["against"]["against"]) == (100, "l1")
    assert row["low"] < row["mean"] < row["high"] < row["input"]
    assert {row["protocol"] for row in scores["rows"]} == scores["protocols"].keys()
    card = (tmp_path / "out/README.md").read_text()
    assert "rounded to float16" in card
    assert "images and trainings (the spread of trainings is " in card
    sets = [line.split(" | ")[0] for line in card.splitlines() if line.startswith(("| Set", "| B100"))]
    assert sets == sorted(sets, key=["| Set5", "| Set14", "| B100"].index)
    assert "non-commercial research" in card
    assert "| B100 | 100 | PSNR Y (dB) ↑ | 27.10 [" in card
    names = run_snippet(tmp_path / "out", monkeypatch)
    assert {parameter.dtype for parameter in names["network"].parameters()} == {torch.float32}
