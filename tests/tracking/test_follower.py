import json
import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sharploss.record.paths import WANDB_LOG
from sharploss.tracking import follower as tracking

RUN = {"task": "sr_x4", "network": "edsr", "loss": "l1_gv", "recipe": "s5k", "seed": 0}
RUN |= {"group": "sr_x4-edsr", "suites": ["pairings"]}
LINES = [
    {"event": "train", "step": 20, "lr": 0.001, "total": 0.5, "terms": {"l1": 0.4, "gv": 10.0}},
    {"event": "validation", "step": 20, "psnr_y": 28.5},
    {"event": "train", "step": 40, "lr": 0.001, "total": 0.25, "terms": {"l1": 0.2, "gv": 5.0}},
]


@pytest.fixture
def description():
    return tracking.wandb_settings("sr_x4-edsr-l1_gv-s0", RUN, {"seed": 0, "recipe": {"steps": 40}}, "abc123", "mini")


@pytest.fixture
def record(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return path


def read_offline(folder, *options):
    """Read a W&B offline file back with W&B's own reader."""
    wandb = Path(sys.executable).with_name("wandb")
    command = [wandb, "leet", "inspect", "--json", *options, str(folder / "wandb/latest-run")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_an_offline_run_holds_what_was_recorded(tmp_path, monkeypatch, record, description):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    sink = tracking.follow(record, description)
    record.unlink()  # as at the end of a training that is over before W&B is imported
    sink.stdin.close()
    assert sink.wait(60) == 0
    summary = json.loads(read_offline(tmp_path, "--summary"))
    assert summary["run_id"] == "sr_x4-edsr-l1_gv-s0-abc123"
    assert summary["tags"] == ["mini", "sr_x4", "edsr", "l1_gv", "suite:pairings"]
    assert summary["config"]["settings"]["recipe"] == {"steps": 40}
    assert summary["state"] == "finished"
    assert summary["summary"]["train/terms/gv"] == 5.0
    assert summary["summary"]["validation/psnr_y"] == 28.5
    records = [json.loads(line) for line in read_offline(tmp_path).splitlines()]
    run = next(line["run"] for line in records if line["type"] == "run")
    assert run["run_group"] == "l1_gv"
    assert run["job_type"] == "train"
    totals = [line["history"]["item"] for line in records if line["type"] == "history"]
    assert [(item["_step"], item["train/total"]) for item in totals] == [(20, 0.5), (40, 0.25)]


def followed(record, description, pictures=None):
    """Follow a record that is complete, to the end."""
    sink = tracking.follow(record, description, pictures)
    sink.stdin.close()
    assert sink.wait(60) == 0


def steps(folder):
    """The steps in every offline file, in the order of their making."""
    command = [Path(sys.executable).with_name("wandb"), "leet", "inspect", "--json"]
    texts = [
        subprocess.check_output([*command, path], text=True) for path in sorted(folder.glob("wandb/offline-run-*"))
    ]
    lines = [[json.loads(line) for line in text.splitlines()] for text in texts]
    return [[line["history"]["item"]["_step"] for line in file if line["type"] == "history"] for file in lines]


@pytest.mark.slow
def test_a_resumed_training_tells_only_what_is_new(tmp_path, monkeypatch, record, description):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    text = record.read_text().splitlines(keepends=True)
    record.write_text("".join(text[:2]))
    followed(record, description)
    time.sleep(1)  # W&B names its folders by the second
    record.write_text("".join(text))
    followed(record, description)
    assert steps(tmp_path) == [[20], [40]]
    assert tracking.lines_sent(tmp_path / "wandb", description["id"]) == 3
    assert tracking.lines_sent(tmp_path / "wandb", "another") == 0


@pytest.mark.slow
def test_pictures_of_a_validation_are_told_with_it_and_not_left_behind(tmp_path, monkeypatch, record, description):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for value, name in enumerate(("20--0--toy-a", "20--1--toy-b", "200--0--toy-a")):
        np.save(pictures / f"{name}.npy", np.full((4, 8, 3), value, np.uint8))
    followed(record, description, pictures)
    assert not pictures.exists()
    records = [json.loads(line) for line in read_offline(tmp_path).splitlines()]
    shown = next(line["history"]["item"] for line in records if line["type"] == "history")
    assert shown["validation/pictures.captions"] == ["toy-a", "toy-b"]
    assert len(list((tmp_path / "wandb").rglob("*.png"))) == 2


def test_a_training_gets_a_folder_that_goes_when_wandb_is_done_or_broken(tmp_path, monkeypatch, record, description):
    (tmp_path / "wandb.py").write_text("raise RuntimeError('broken')")
    (tmp_path / WANDB_LOG).parent.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("WANDB_MODE", "offline")
    pictures = tracking.start(record, description)
    assert pictures.parent.is_dir()
    follower = tracking._followers.pop()
    follower.stdin.close()
    assert follower.wait(60) == 1
    assert not pictures.exists()
    noted = (tmp_path / WANDB_LOG).read_text()
    assert "sr_x4-edsr-l1_gv-s0 (broken): 'python -m sharploss publish sr_x4-edsr-l1_gv-s0' sends it." in noted


@pytest.mark.slow
def test_one_process_follows_the_trainings_of_another_one_after_the_other(tmp_path, monkeypatch, record, description):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setattr(tracking, "_followers", [])
    (tmp_path / "scratch").mkdir()
    for number in range(3):
        path = tmp_path / f"scratch/{number}/history.jsonl"
        path.parent.mkdir()
        path.write_text(record.read_text())
        assert tracking.start(path, {**description, "id": f"run{number}"}).is_dir()
        tracking.finish()
        path.unlink()  # as when DVC has recorded it
    (follower,) = tracking._followers
    follower.stdin.close()
    assert follower.wait(60) == 0
    assert sorted(path.name.split("-")[-1] for path in tmp_path.glob("wandb/offline-run-*")) == ["run0", "run1", "run2"]
    assert steps(tmp_path) == [[20, 40]] * 3
    assert [path.name for path in (tmp_path / "scratch").iterdir() if path.is_file()] == []


def test_a_follower_that_reads_nothing_is_not_waited_for(tmp_path, monkeypatch, record, description):
    deaf = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], stdin=subprocess.PIPE)
    other = SimpleNamespace(stdin=None, poll=lambda: None)
    monkeypatch.setattr(tracking, "_followers", [deaf])
    monkeypatch.setattr(tracking, "follow", lambda *_: other)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "run").mkdir()
    record = record.rename(tmp_path / "run/history.jsonl")
    while tracking._followers == [deaf]:
        assert tracking.start(record, description).is_dir()
    assert tracking._followers == [other]
    deaf.kill()
    deaf.wait()
    deaf.stdin.close()


@pytest.mark.slow
def test_no_secret_reaches_the_offline_files(tmp_path, monkeypatch, record, description):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    secret = "s3cr3t" * 7
    monkeypatch.setenv("WANDB_API_KEY", secret[:40])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    sink = tracking.follow(record, description)
    sink.stdin.close()
    sink.wait(60)
    files = [path for path in (tmp_path / "wandb").rglob("*") if path.is_file()]
    assert files
    assert not any(b"s3cr3ts3cr3t" in path.read_bytes() for path in files)


@pytest.mark.parametrize(
    "behaviour", ["raise RuntimeError('broken')", "import time; time.sleep(600)", "import os; os._exit(3)"]
)
def test_a_broken_or_hanging_wandb_never_reaches_the_trainer(tmp_path, monkeypatch, record, description, behaviour):
    (tmp_path / "wandb.py").write_text(behaviour)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("WANDB_MODE", "offline")
    start = time.monotonic()
    sink = tracking.follow(record, description)
    assert time.monotonic() - start < 5
    sink.kill()
    sink.wait()
    sink.stdin.close()


def test_a_sink_that_cannot_finish_gives_up_by_itself(tmp_path, record, description):
    (tmp_path / "wandb.py").write_text("import time; time.sleep(600)")
    script = textwrap.dedent("""
        import sys
        from sharploss.tracking import follower as tracking
        tracking.GRACE = 0.5
        tracking.main()
    """)
    command = [sys.executable, "-c", script, str(record), json.dumps(description)]
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, env={"PYTHONPATH": str(tmp_path)}, timeout=60)
    assert done.returncode == 1


def test_disabled_means_no_process(monkeypatch, record, description):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert tracking.start(record, description) is None


def test_mode_is_offline_unless_logged_in_or_told(monkeypatch, tmp_path):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tracking.mode() == "offline"
    (tmp_path / ".netrc").write_text("machine api.wandb.ai login user password x\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert tracking.mode() == "offline", "NETRC names another file, as for W&B itself"
    monkeypatch.delenv("NETRC")
    assert tracking.mode() == "online"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert tracking.mode() == "disabled"


def test_a_growing_record_is_followed_to_its_end(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"step": 1}\n{"st')
    ended = threading.Event()
    with path.open("rb") as record:
        lines = tracking.read_growing(record, ended, pause=0.01)
        assert next(lines) == {"step": 1}
        with path.open("a") as file:
            file.write('ep": 2}\n')
        assert next(lines) == {"step": 2}
        ended.set()
        with path.open("a") as file:
            file.write('{"step": 3}\n')
        assert list(lines) == [{"step": 3}]


def test_lines_become_flat_names():
    assert tracking.flatten(LINES[0]) == {
        "train/lr": 0.001,
        "train/total": 0.5,
        "train/terms/l1": 0.4,
        "train/terms/gv": 10.0,
    }
    line = {"event": "train", "step": 20, "discriminator": {"loss": 0.5, "gradient": 2.0}}
    assert tracking.flatten(line) == {"train/discriminator/loss": 0.5, "train/discriminator/gradient": 2.0}


def test_a_training_goes_on_without_wandb_when_its_project_has_a_wrong_name(monkeypatch, record, description, capsys):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_PROJECT", "team/project")
    assert tracking.start(record, description) is None
    assert "WANDB_PROJECT is 'team/project', and such a name cannot have '/'" in capsys.readouterr().err


def test_where_wandb_keeps_its_files(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    assert tracking.files_folder() == tmp_path / "wandb"
    (tmp_path / ".wandb").mkdir()
    assert tracking.files_folder() == tmp_path / ".wandb"
