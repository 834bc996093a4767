"""What pipelines/train.py makes of the run that another starts from, in a folder of a study of two steps."""

import json
import os
import runpy
import shutil
import subprocess
import sys

import pytest
import torch
import yaml
from safetensors.torch import load_file

from sharploss.config.params import load_params
from sharploss.launch.training import train_run
from sharploss.networks import build_network
from sharploss.planning.plan import expand, write_plan
from sharploss.planning.stage_files import write_stage_files
from sharploss.record.paths import paths
from sharploss.training.checkpoint import alone, read_metadata, save_weights
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
    write_stage_files(load_params(), plan)
    receipts = files.loss_receipts("l1")
    receipts.parent.mkdir(parents=True)
    receipts.write_text("[]")
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
    with pytest.raises(
        UserError, match=r"losses\.l1\.gan\.size is 32, and the patches of recipes\.mini on sr_x2 have 16"
    ):
        train(FIRST)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda settings: settings.update(seed=7), "seed"),
        (lambda settings: settings["recipe"].update(steps=3), "recipe"),
        (lambda settings: settings["code"]["loss"].append("0123456789abcdef"), "code"),
        (lambda settings: settings["code"].update(network=[]), "code"),
        (lambda settings: (settings["loss"].clear(), settings.pop("network")), "network and loss"),
    ],
)
def test_no_run_trains_with_other_settings_or_code_than_those_that_dvc_takes_it_for(train, change, named):
    path = paths("mini").run_settings(FIRST)
    settings = json.loads(path.read_text())
    change(settings)
    path.write_text(json.dumps(settings))
    with pytest.raises(UserError, match=rf"run-{FIRST}\.json has another {named} than params\.yaml and src/sharploss"):
        train(FIRST)
    assert not paths("mini").weights("sr_x2-espcn", FIRST).exists()


BLOCKED = {
    "results is a file": ("results", "file"),
    "the study's folder is a file": ("results/mini", "file"),
    "the group's weights are a file": ("results/mini/weights/sr_x2-espcn", "file"),
    "the weights are a folder": (f"results/mini/weights/sr_x2-espcn/{FIRST}.safetensors", "folder"),
    "the run's folder is a file": (f"results/mini/runs/{FIRST}", "file"),
    "provenance.json is a folder": (f"results/mini/runs/{FIRST}/provenance.json", "folder"),
    "a link that leads nowhere": ("results/mini/runs", "link"),
}


@pytest.mark.parametrize("what", BLOCKED)
def test_a_record_that_could_not_be_written_at_the_end_stops_a_run_before_its_first_step(train, tmp_path, what):
    path, kind = tmp_path / BLOCKED[what][0], BLOCKED[what][1]
    path.parent.mkdir(parents=True, exist_ok=True)
    {"file": path.touch, "folder": path.mkdir, "link": lambda: path.symlink_to(tmp_path / "none" / "none")}[kind]()
    with pytest.raises(OSError, match="results"):
        train(FIRST)
    assert not list(tmp_path.glob(".scratch/*/history.jsonl"))


def test_a_run_that_another_process_trains_is_refused(train, tmp_path):
    scratch = tmp_path / ".scratch" / f"{FIRST}-{train(FIRST)[1]['identity']}"
    with alone(scratch), pytest.raises(UserError, match="is being trained by another process"):
        train(FIRST)


def test_what_was_trained_but_not_recorded_is_not_trained_again(train, tmp_path, capsys):
    train(FIRST)
    code, about = train_run(FIRST, keep=True)
    assert (code, len(about["read"])) == (0, 4)
    assert list((tmp_path / about["scratch"]).glob("done.json"))
    weights = paths("mini").weights("sr_x2-espcn", FIRST)
    before = weights.stat().st_mtime_ns
    assert train_run(FIRST, keep=True) == (0, about)
    assert weights.stat().st_mtime_ns == before
    assert "trained before, and as it was left" in capsys.readouterr().out
    paths("mini").run(FIRST).metrics.write_text("{}")  # not as it was left
    assert train_run(FIRST, keep=True)[0] == 0
    assert json.loads(paths("mini").run(FIRST).metrics.read_text())["status"] == "finished"


@pytest.mark.slow
def test_a_worker_answers_each_run_and_ends_with_a_fault(train, tmp_path, repository):
    train(FIRST)
    command = [sys.executable, "-P", "-m", "sharploss.launch.trainer"]
    environment = {**os.environ, "PYTHONPATH": str(repository / "src"), "WANDB_MODE": "disabled"}
    asked = f"{FIRST}\n{LATER}\nnone-such-l1-s0\n{FIRST}\n"
    done = subprocess.run(
        command, input=asked, env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["code"] for answer in answers] == [0, 0, 1], done.stderr
    assert done.returncode == 1
    log = tmp_path / ".scratch/launch/logs"
    assert f"{LATER}: 2 steps in" in (log / f"{LATER}.log").read_text()
    assert "error: There is no run 'none-such-l1-s0'" in (log / "none-such-l1-s0.log").read_text()
