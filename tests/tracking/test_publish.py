import json
import subprocess
import sys
from pathlib import Path

import pytest

from finished_study import IDENTITY, KEY, OTHER, RECORD, make
from sharploss.config.params import load_params
from sharploss.planning.plan import load_plan
from sharploss.tracking import dashboards, publish
from sharploss.tracking import follower as tracking
from sharploss.utils.errors import UserError
from wandb_server import serve

PROGRAM = [sys.executable, "-m", "sharploss", "publish"]
ID = f"{KEY}-{IDENTITY}"
LATER = "Once logged in (wandb login), send them with: wandb sync wandb/offline-run-*\n"


@pytest.fixture
def study(repository, tmp_path, monkeypatch):
    """The folder of a study with two runs that are done, and W&B's own files in it too."""
    make(repository, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "staging"))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("WANDB_DIR", "WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def server(monkeypatch):
    with serve() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.address)
        monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
        yield server


def run(*arguments, mode="offline", code=0):
    """Run the command in a process of its own, as users do; W&B keeps a service per process."""
    environment = {**__import__("os").environ, "WANDB_MODE": mode}
    done = subprocess.run([*PROGRAM, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def read(folder, *options):
    """Read a W&B file back with W&B's own reader."""
    command = [Path(sys.executable).with_name("wandb"), "leet", "inspect", "--json", *options, str(folder)]
    return subprocess.check_output(command, text=True)


def inspect(folder):
    return [json.loads(line) for line in read(folder).splitlines()]


def history(records):
    return [line["history"]["item"] for line in records if line["type"] == "history"]


@pytest.mark.slow
def test_the_files_hold_the_record_the_scores_the_crops_and_the_lineage(study):
    assert run(KEY) == f"1 run written. {LATER}"
    (folder,) = study.glob("wandb/offline-run-*")
    records = inspect(folder)
    lines = history(records)
    assert [line["_step"] for line in lines] == [20, 40, 41]
    for name in ("train/total", "train/terms/sploss", "validation/psnr_y"):
        wanted = [tracking.flatten(line)[name] for line in RECORD if name in tracking.flatten(line)]
        assert [line[name] for line in lines if name in line] == wanted
    assert lines[-1]["test/crops/eye._type"] == "image-file"
    assert (folder / "files" / lines[-1]["test/crops/eye.path"]).is_file()
    artifacts = {line["artifact"]["name"]: line["artifact"] for line in records if line["type"] == "artifact"}
    inputs = {name for name, artifact in artifacts.items() if artifact.get("use_after_commit")}
    assert inputs == {"sr_x4-train", "sr_x4-validation"}
    assert artifacts[KEY]["type"] == "model"
    assert json.loads(artifacts[KEY]["metadata"])["made_from"]["packs"]["train"] == "a" * 64
    check_summary(folder)


def check_summary(folder):
    summary = json.loads(read(folder, "--summary"))
    provenance = json.loads(Path(f"results/mini/runs/{KEY}/provenance.json").read_text())
    assert summary["config"]["settings"] == provenance["config"]
    names = {"task": "sr_x4", "network": "edsr", "loss": "sploss", "recipe": "mini", "seed": 0, "key": KEY}
    assert names.items() <= summary["config"].items()
    assert summary["run_id"] == ID
    assert summary["tags"][-2:] == ["suite:pairings", "suite:alpha_sweep"]
    assert summary["summary"]["scores/set5/psnr_y"] == 30.5
    (table,) = (folder / "files").rglob("*.table.json")
    content = json.loads(table.read_text())
    assert content["columns"] == ["dataset", "image", "psnr_y", "ssim_y"]
    assert content["data"][:2] == [["set5", "baby", 30.5, 0.875], ["set5", "bird", 31.5, None]]


@pytest.mark.slow
def test_told_again_offline_no_line_is_there_twice_and_files_do_not_pile_up(study):
    for _ in range(3):
        run(KEY)
    folders = sorted(study.glob("wandb/offline-run-*"))
    assert [[line["_step"] for line in history(inspect(folder))] for folder in folders] == [[20, 40, 41], []]


@pytest.mark.slow
def test_all_that_are_done_are_published_when_none_is_named(study):
    assert run().startswith("2 runs written (1 without weights, which are not here). ")
    assert {path.name.split("-", 3)[3] for path in study.glob("wandb/offline-run-*")} == {ID, f"{OTHER}-{IDENTITY}"}


@pytest.mark.slow
@pytest.mark.usefixtures("study")
def test_told_twice_online_the_server_has_everything_once(server):
    for _ in range(2):
        assert run(KEY, mode="online") == f"1 run sent to {server.address}/me/sharploss\n"
    assert [line["_step"] for line in server.lines(ID)] == [20, 40, 41]
    assert server.runs[ID]["groupName"] == "sploss"
    assert server.used == {"sr_x4-train", "sr_x4-validation"}
    assert {len(digests) for digests in server.artifacts.values()} == {1}
    assert {KEY, f"run-{ID}-scores"} <= set(server.artifacts)


@pytest.mark.slow
def test_a_training_followed_offline_and_published_offline_is_there_once_after_a_sync(study, server):
    path = study / f"results/mini/runs/{KEY}/history.jsonl"
    description = tracking.wandb_settings(KEY, {**plan_of(study), "suites": []}, {}, IDENTITY, "mini")
    sink = tracking.follow(path, description)
    sink.stdin.close()
    assert sink.wait(60) == 0
    run(KEY)
    assert "first run: wandb sync " in run(KEY, mode="online", code=1)
    program = Path(sys.executable).with_name("wandb")
    folders = sorted(study.glob("wandb/offline-run-*"))
    subprocess.run([program, "sync", "--yes", *folders], check=True, capture_output=True)
    assert [line["_step"] for line in server.lines(ID)] == [20, 40, 41]
    run(KEY, mode="online")
    assert [line["_step"] for line in server.lines(ID)] == [20, 40, 41]


def plan_of(study):
    from sharploss.planning.plan import load_plan

    return load_plan(study / "runs.yaml")["runs"][KEY]


@pytest.mark.slow
@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_server_that_refuses_is_told_in_one_sentence(server, status):
    server.refuse = status
    errors = [line for line in run(KEY, mode="online", code=1).splitlines() if line.startswith("error:")]
    assert len(errors) == 2
    assert f"W&B refuses {KEY}" in errors[0]
    assert "permission denied" in errors[0]
    assert errors[1] == "error: 1 of 1 runs were not published."


@pytest.mark.slow
def test_long_names_are_shortened_to_what_wandb_takes(study):
    key = f"sr_x4-edsr-{'l' * 60}-{'r' * 60}-s0"
    params, plan = load_params("params.yaml"), load_plan("runs.yaml")
    content = publish.content_of(params, plan, KEY)
    suites = {**plan["runs"][KEY], "suites": ["p" * 60]}
    content["description"] = tracking.wandb_settings(key, suites, {}, IDENTITY, "mini")
    content["weights"]["name"] = key
    assert publish.publish([(key, lambda: content)]) == 0
    (folder,) = study.glob("wandb/offline-run-*")
    artifacts = [line["artifact"]["name"] for line in inspect(folder) if line["type"] == "artifact"]
    assert any(name.startswith("sr_x4-edsr-lll") for name in artifacts)
    assert all(len(name) <= 128 for name in artifacts)
    summary = json.loads(read(folder, "--summary"))
    assert summary["run_id"].endswith(f"-{IDENTITY}")
    assert max(map(len, summary["tags"])) == 64


@pytest.mark.slow
def test_one_run_that_fails_does_not_stop_the_others(study):
    (study / f"results/mini/runs/{KEY}/provenance.json").write_text("{}")
    lines = run(code=1).splitlines()
    assert lines[0].startswith(f"error: {KEY}: ")
    assert lines[-1] == "error: 1 of 2 runs were not published."
    assert [path.name.split("-", 3)[3] for path in study.glob("wandb/offline-run-*")] == [f"{OTHER}-{IDENTITY}"]


@pytest.mark.parametrize(
    ("mode", "advice"), [("offline", ""), ("online", ": try again later, or with WANDB_MODE=offline")]
)
def test_whatever_wandb_raises_is_one_sentence(monkeypatch, capsys, mode, advice):
    def fail(_):
        raise ValueError("Artifact name is\nlonger than 128 characters")

    monkeypatch.setenv("WANDB_MODE", mode)
    monkeypatch.setattr(publish, "_send", fail)
    assert publish.publish([(KEY, dict)]) == 1
    sentence = f"error: W&B refuses {KEY} (Artifact name is longer than 128 characters){advice}."
    assert capsys.readouterr().err.splitlines()[0] == sentence


def test_a_fault_of_a_file_is_not_put_down_to_wandb(monkeypatch, capsys):
    def refuse():
        raise PermissionError(13, "Permission denied", "results/mini/scores/sr_x4-edsr.csv")

    monkeypatch.setenv("WANDB_MODE", "online")
    assert publish.publish([(KEY, refuse)]) == 1
    sentence = f"error: {KEY}: Permission denied (results/mini/scores/sr_x4-edsr.csv): put that right."
    assert capsys.readouterr().err.splitlines()[0] == sentence


@pytest.mark.usefixtures("study")
def test_a_crop_that_is_no_image_is_named(capsys):
    path = Path("results/mini/crops/sr_x4-edsr/eye-sploss.png")
    path.write_bytes(b"no image")
    assert publish.main([KEY]) == 1
    assert capsys.readouterr().err.startswith(
        f"error: {KEY}: a crop of it is damaged (cannot identify image file '{path}')"
    )


@pytest.mark.usefixtures("study")
def test_without_the_package_nothing_is_tried(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(
        UserError, match=r"the package wandb is not installed: 'pip install .sharploss\[study\].' may help\."
    ):
        publish.main([])


def test_a_plan_of_other_settings_is_not_published(study):
    (study / "params.yaml").write_text((study / "params.yaml").read_text().replace("study: mini", "study: mine"))
    with pytest.raises(UserError, match=r"runs\.yaml is out of date \(new study mine\): run 'make plan'"):
        publish.main([])


def test_a_note_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    folder = tmp_path / f"offline-run-20260101_000000-{ID}"
    folder.mkdir()
    tracking._mark(folder, 0, 3)

    def full(path, _):
        path.open("w").close()
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        tracking._mark(folder, 0, 4)
    assert tracking.lines_sent(tmp_path, ID) == 3


def test_runs_that_lack_something_are_counted(tmp_path):
    def content(status="finished", scores=(), weights=None):
        return {"weights": weights, "scores": list(scores), "summary": {"result/status": status}}, tmp_path, "https://x"

    whole = content(scores=[{}], weights={})
    assert publish._where([whole, content("diverged", weights={})]) == "2 runs sent to https://x"
    told = publish._where([whole, content(weights={}), content(), content(scores=[{}])])
    what = "2 without weights, which are not here, 2 without scores: 'make repro' measures them"
    assert told == f"4 runs sent to https://x ({what})"


def test_paths_are_printed_for_a_shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = {"weights": None, "scores": [{}], "summary": {"result/status": "finished"}}
    message = publish._where([(content, tmp_path / "my runs/wandb/offline-run-x", "")])
    assert message.endswith("wandb sync 'my runs/wandb'/offline-run-*")


@pytest.mark.usefixtures("study")
def test_a_project_with_a_slash_is_refused(monkeypatch):
    monkeypatch.setenv("WANDB_PROJECT", "team/project")
    with pytest.raises(UserError, match="WANDB_PROJECT is 'team/project', and such a name cannot have '/'"):
        publish.check_settings()


@pytest.mark.slow
def test_panels_ask_for_what_the_file_of_a_run_holds(study):
    run(KEY)
    (folder,) = study.glob("wandb/offline-run-*")
    assert dashboards.sent("mini", [KEY]) == {}  # nobody has sent it yet
    (path,) = folder.glob("*.wandb")
    path.with_name(f"{path.name}.synced").touch()
    summary = json.loads(read(folder, "--summary"))  # W&B's own reader
    found = dashboards.sent("mini", [KEY])
    assert found.keys() == set(summary["tags"])
    held = {name.split("._")[0].removesuffix(".path") for name in summary["summary"]}
    sent = set(found["suite:pairings"])
    assert {name for name in sent if not name.startswith("config/")} == {
        name.replace(".filenames", "") for name in held if not name.startswith("_")
    }
    assert {name.removeprefix("config/") for name in sent if name.startswith("config/")} <= summary["config"].keys()
    assert {"scores", "test/crops/eye", "scores/set5/psnr_y", "train/terms/sploss", "config/loss"} <= sent
    shown = {name for some in dashboards.panels(sent).values() for panel in some for name in panel.names}
    assert {"config/loss", "scores/set5/psnr_y", "test/crops/eye", "train/total"} <= shown <= sent


@pytest.mark.slow
def test_the_input_is_a_run_with_the_table_of_what_each_loss_restored(study, server):
    folder = study / "results/mini/input_baselines/sr_x4"
    folder.mkdir(parents=True)
    table = "dataset,image,metric,protocol,sr_x4-bicubic\nset5,baby,psnr,y,28\nskimage_test,chelsea,psnr,y,25\n"
    (folder / "scores.csv").write_text(table)
    (folder / "scores.json").write_text("{}")
    crop = study / "results/mini/crops/sr_x4-edsr/eye-sploss.png"
    for name in ("bicubic", "target"):
        (folder / f"eye-{name}.png").write_bytes(crop.read_bytes())
    for _ in range(2):
        assert run("sr_x4-bicubic", mode="online") == f"1 run sent to {server.address}/me/sharploss\n"
    ((identity, its),) = server.runs.items()
    assert identity.startswith("sr_x4-bicubic-")
    assert (its["groupName"], its["jobType"]) == ("bicubic", "input")
    assert len(server.lines(identity)) == 1
    assert len(server.artifacts[f"run-{identity}-images"]) == 1
    params, plan = load_params("params.yaml"), load_plan("runs.yaml")
    content = publish.baseline_content(params, plan, "sr_x4")
    assert [(row["loss"], row["run"]) for row in content["images"]] == [
        ("target", "target"),
        ("bicubic", "sr_x4-bicubic"),
        ("sploss", KEY),
    ]
    assert content["images"][1]["psnr_y"] == 25
    assert content["summary"]["scores/set5/psnr_y"] == 28
    notes = json.dumps({"weights_sha256": {KEY: "of other weights"}})
    (study / "results/mini/scores/sr_x4-edsr.json").write_text(notes)
    assert len(publish.baseline_content(params, plan, "sr_x4")["images"]) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("study")
def test_a_mistyped_run_is_told_in_one_sentence():
    assert run("sr_x4-edsr-sploss", code=1) == (f"error: There is no run 'sr_x4-edsr-sploss': did you mean '{KEY}'?\n")


@pytest.mark.parametrize(
    ("mode", "told"), [("online", "nobody is logged in"), ("disabled", "unset it"), ("onlin", "did you mean 'online'")]
)
@pytest.mark.usefixtures("study")
def test_a_mode_that_cannot_be_is_refused(monkeypatch, mode, told):
    monkeypatch.setenv("WANDB_MODE", mode)
    with pytest.raises(UserError, match=told):
        publish.check_settings()


def test_a_study_without_results_is_told(study):
    (study / "results").rename(study / "elsewhere")
    with pytest.raises(UserError, match=r"No run of runs\.yaml is done"):
        publish.main([])
