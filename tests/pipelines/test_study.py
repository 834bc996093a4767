import csv
import html
import json
import re
import shutil
import signal
import subprocess
import time

import pytest
import yaml

from sharploss.analysis.claims.spec import load_claims
from sharploss.record.paths import paths
from sharploss.record.scores import load_scores

pytestmark = pytest.mark.slow

RUN = "sr_x4-edsr-l1_gv-s0"


MADE = ("train@", "evaluate@", "tables@")


def trained(output):
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage 'train@mini-")]


def stale(study):
    """The stages that `dvc status` calls changed, of those that make results."""
    study.run("dvc", "repro", "-s", "plan")
    return {name for name in json.loads(study.run("dvc", "status", "--json").stdout) if name.startswith(MADE)}


def test_everything_is_made(study):
    for path in (
        f"results/mini/runs/{RUN}/metrics.json",
        f"results/mini/runs/{RUN}/history.jsonl",
        f"results/mini/runs/{RUN}/provenance.json",
        f"results/mini/weights/sr_x4-edsr/{RUN}.safetensors",
        "results/mini/scores/sr_x4-edsr.csv",
        "reports/mini/tables/pairings.csv",
        "reports/mini/tables/pairings.tex",
        "reports/mini/tables/alpha_sweep.csv",
        "reports/mini/index.html",
    ):
        assert (study.folder / path).stat().st_size > 0, path
    assert list((study.folder / "reports/mini/figures").glob("*.svg"))


def test_nothing_unfinished_or_untracked_is_left(study):
    assert study.run("git", "status", "--porcelain").stdout == ""
    assert [path.name for path in (study.folder / ".scratch").iterdir()] == ["scores"]
    assert not list(study.folder.rglob("*.tmp"))


def test_alpha_0_is_exactly_l1(study):
    scores = load_scores(paths("mini", study.folder).scores("sr_x4-edsr")).rows
    by_run = {
        loss: [row[1:] for row in scores if row.run == f"sr_x4-edsr-{loss}-s0"]
        for loss in ("l1", "sploss_a0", "sploss")
    }
    assert by_run["l1"] == by_run["sploss_a0"] != by_run["sploss"]


def test_a_diverged_run_is_a_result(study):
    metrics = json.loads((study.folder / "results/mini/runs/sr_x4-espcn-explodes-s0/metrics.json").read_text())
    assert metrics["status"] == "diverged"
    assert metrics["diverged"]["term"] == "charbonnier"
    assert "diverged" in (study.folder / "reports/mini/index.html").read_text()


def test_a_run_whose_loss_lacks_its_weights_is_recorded_as_not_trained(study):
    metrics = json.loads((study.folder / "results/mini/runs/sr_x4-espcn-mse_vgg-s0/metrics.json").read_text())
    assert metrics["status"] == "not_trained"
    assert "vgg19" in metrics["reason"]
    assert "'python -m sharploss data fetch vgg19_torchvision' downloads weights/vgg19" in metrics["cure"]
    assert metrics["cure"] in html.unescape((study.folder / "reports/mini/index.html").read_text())
    assert "not trained" in (study.folder / "reports/mini/index.html").read_text()
    assert "mse_vgg" not in (study.folder / "results/mini/scores/sr_x4-espcn.csv").read_text()


def test_adversarial_runs_start_from_l1_and_record_both_players(study):
    key = "sr_x4-espcn-l1_ragan-mini_gan-s0"
    lines = [
        json.loads(line) for line in (study.folder / f"results/mini/runs/{key}/history.jsonl").read_text().splitlines()
    ]
    assert set(lines[0]["discriminator"]) >= {"real", "fake", "gradient"}
    lock = (study.folder / "dvc.lock").read_text().split(f"train@mini-{key}:")[1].split("train@")[0]
    assert "results/mini/weights/sr_x4-espcn/sr_x4-espcn-l1-s0.safetensors" in lock


def test_a_loss_with_self_trained_discriminators_is_trained(study):
    metrics = json.loads((study.folder / "results/mini/runs/sr_x4-espcn-mdf-s0/metrics.json").read_text())
    assert metrics["status"] == "finished"
    assert (study.folder / "results/mini/extractors/mdf_sr/history.jsonl").stat().st_size > 0


def test_claims_are_evaluated(study):
    claims = json.loads((study.folder / "results/mini/claims.json").read_text())["claims"]
    assert claims.keys() == load_claims(study.folder).claims.keys()
    assert all({"published", "measured"} <= set(claim) for claim in claims.values())


def test_what_cannot_be_measured_is_said(study):
    page = (study.folder / "reports/mini/index.html").read_text()
    assert "not measured" in page
    assert "set5" in page.lower()


def test_with_nothing_to_do_nothing_is_done(study):
    done = study.run("dvc", "repro")  # as README.md has it
    ran = [line for line in done.stdout.splitlines() if line.startswith("Running stage")]
    assert ran == ["Running stage 'fetch@mini':"]


def test_results_are_the_same_when_made_again(untouched):
    results = untouched.folder / "results/mini"
    made = [results / f"weights/sr_x4-edsr/{RUN}.safetensors"]
    made += [results / "runs" / RUN / name for name in ("metrics.json", "history.jsonl")]
    before = [path.read_bytes() for path in made]
    untouched.run("dvc", "repro", "-f", "-s", f"train@mini-{RUN}")
    assert [path.read_bytes() for path in made] == before


def test_another_study_beside_it_retrains_and_removes_nothing(untouched):
    other = yaml.safe_load((untouched.folder / "params.yaml").read_text())
    suite = other["suites"]["pairings"] | {"networks": ["espcn"], "losses": ["l1"], "recipe": "other"}
    other |= {"study": "other", "recipes": {"other": other["recipes"]["mini"]}, "suites": {"pairings": suite}}
    other |= {"extractors": {}, "losses": {"l1": {"l1": 1}}, "crops": {}, "tasks": {"sr_x4": other["tasks"]["sr_x4"]}}
    studies = untouched.folder / "studies"
    shutil.copy(untouched.folder / "params.yaml", studies / "first.yaml")
    (studies / "other.yaml").write_text(yaml.safe_dump(other))
    before = files(untouched.folder, "results/mini") | files(untouched.folder, "reports/mini")
    untouched.run("python", "-P", "pipelines/plan.py", "other")
    untouched.run("dvc", "repro", "evaluate")
    assert files(untouched.folder, "results/other")
    assert files(untouched.folder, "results/mini") | files(untouched.folder, "reports/mini") == before
    untouched.plan("first")
    assert stale(untouched) == set()


def files(folder, name):
    return {path: path.read_bytes() for path in (folder / name).rglob("*") if path.is_file()}


def test_the_pages_are_drawn_from_the_results_alone(untouched):
    before = files(untouched.folder, "reports/mini/tables")
    for path in [untouched.folder / "data", untouched.folder / "results/mini/weights", *before]:
        path.unlink() if path.is_file() else shutil.rmtree(path)
    untouched.make_ready()
    untouched.run("make", "report", "STUDY=mini")  # as README.md has it
    assert files(untouched.folder, "reports/mini/tables") == before
    assert "no evidence yet" in (untouched.folder / "reports/index.html").read_text()


def test_new_code_of_one_network_retrains_its_runs_alone(untouched):
    path = untouched.folder / "src/sharploss/networks/espcn.py"
    path.write_text(path.read_text() + "\nMORE = 1\n")
    names = stale(untouched)
    assert names
    assert all("-espcn-" in name for name in names if name.startswith("train@"))


def test_a_new_weight_for_gv_retrains_the_gv_runs_alone_and_comments_and_new_metrics_nothing(untouched):
    untouched.edit("params.yaml", lambda params: params["losses"]["l1_gv"].update(gv=0.02))
    for name in ("networks/espcn.py", "losses/sploss.py", "training/loop.py"):
        path = untouched.folder / "src/sharploss" / name
        path.write_text(path.read_text() + "\n# a remark\n")
    (untouched.folder / "src/sharploss/metrics/more.py").write_text("def more():\n    return 1\n")
    init = untouched.folder / "src/sharploss/metrics/__init__.py"
    init.write_text(init.read_text() + "\nMORE = 1\n")
    names = {name for name in stale(untouched) if name.startswith("train@")}
    assert names == {"train@mini-sr_x4-edsr-l1_gv-s0", "train@mini-sr_x4-espcn-l1_gv-s0"}


def test_a_stale_plan_stops_the_study_and_names_the_command(untouched):
    untouched.edit("params.yaml", lambda params: params["seeds"].append(1))
    done = untouched.run("dvc", "repro", check=False)
    assert done.returncode != 0
    assert "runs.yaml is out of date (new run sr_x4-espcn-l1-s1): run 'make plan'" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda params: params["recipes"]["mini"].update(stepz=1), "There is no key 'stepz': did you mean 'steps'?"),
        (lambda params: params["networks"].update(edsr={"network": "edrs"}), "did you mean 'edsr'?"),  # when built
    ],
)
def test_bad_parameters_stop_the_study_in_one_sentence(untouched, change, told):
    untouched.edit("params.yaml", change)
    done = untouched.run("dvc", "repro", check=False)
    assert done.returncode != 0
    errors = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert told in errors[0]
    assert "Traceback" not in done.stdout + done.stderr
    assert (untouched.folder / f"data/mini/code/run-{RUN}.json").exists()  # the last good plan stays


def test_a_killed_run_goes_on_and_ends_with_the_same_bits(untouched):
    untouched.plan(change=lambda params: params["recipes"]["mini"].update(steps=150))
    untouched.plan("--check")
    command = ["python", "pipelines/train.py", RUN]
    weights = untouched.folder / f"results/mini/weights/sr_x4-edsr/{RUN}.safetensors"
    untouched.run(*command)
    whole = weights.read_bytes()
    weights.unlink()
    for number, code in ((signal.SIGTERM, 75), (signal.SIGKILL, -signal.SIGKILL)):
        before = checkpoints(untouched)
        process = subprocess.Popen(command, cwd=untouched.folder, env=untouched.environment, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while checkpoints(untouched) <= before:
            assert time.monotonic() < end, "no checkpoint appeared"
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(60) == code
        assert not weights.exists()
    # One training goes on from where both were stopped.
    untouched.run(*command)
    assert weights.read_bytes() == whole


def checkpoints(study):
    return {path.name for path in (study.folder / ".scratch").glob("*/step-*.pt")}


def test_a_truncated_pack_is_named(untouched):
    pack = untouched.folder / "data/mini/packed/sr_x4/train.safetensors"
    content = pack.read_bytes()
    pack.write_bytes(content[:-100])
    done = untouched.run("python", "pipelines/train.py", RUN, check=False)
    pack.write_bytes(content)
    assert done.returncode == 1
    assert "train.safetensors is damaged" in done.stderr
    assert "Traceback" not in done.stderr


def test_weights_of_another_configuration_are_refused(untouched):
    folder = untouched.folder / "results/mini/weights/sr_x4-edsr"
    weights = folder / f"{RUN}.safetensors"
    content = (folder / "sr_x4-edsr-l1-s0.safetensors").read_bytes()
    weights.unlink()
    weights.write_bytes(content)
    done = untouched.run("python", "pipelines/evaluate.py", "sr_x4-edsr", check=False)
    assert done.returncode == 1
    assert RUN in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_run_is_told(untouched):
    done = untouched.run("python", "pipelines/train.py", "sr_x4-edsr-l1_vg-s0", check=False)
    assert done.returncode == 1
    assert "did you mean 'sr_x4-edsr-l1_gv-s0'" in done.stderr


def test_dvc_commands_work_as_users_expect(untouched):
    assert "train@mini-sr_x4-edsr-l1-s0" in untouched.run("dvc", "dag").stdout
    shown = untouched.run("dvc", "metrics", "show").stdout.splitlines()  # this and others as README.md has them
    assert len(shown) == 2
    assert "results/mini/headline.json" in shown[1]
    own = untouched.run("dvc", "metrics", "show", f"results/mini/runs/{RUN}/metrics.json").stdout
    assert {"status", "finished"} <= set(own.split())
    table = untouched.run("dvc", "exp", "show", "--no-pager", "--only-changed").stdout
    assert "contradicted" in table
    assert max(map(len, [*shown, *table.splitlines()])) <= 120
    untouched.edit("params.yaml", lambda params: params["losses"]["l1_gv"].update(gv=0.02))
    assert "0.02" in untouched.run("dvc", "params", "diff").stdout
    untouched.run("dvc", "repro", f"train@mini-{RUN}")
    page = untouched.run("dvc", "plots", "show").stdout.strip().removeprefix("file://")
    text = (untouched.folder / "dvc_plots/index.html").read_text()
    assert page.endswith("index.html")
    assert "sploss" in text
    assert not re.search(r"<(script|link)[^>]* (src|href)=", text)  # what draws the charts is in the page
    with (untouched.folder / "reports/mini/tables/curves.csv").open() as file:
        points = list(csv.DictReader(file))
    assert len({(row["run"], row["step"]) for row in points}) == len(points)
    template = json.loads((untouched.folder / ".dvc/plots/by_loss.json").read_text())
    assert template["spec"]["encoding"]["detail"]["field"] == "run"  # a line is one run
    assert {"task", "network", "run", "variant"} <= points[0].keys()


def test_dvc_exp_run_changes_a_parameter(untouched):
    done = untouched.run("dvc", "exp", "run", "-S", "recipes.mini.steps=5", f"train@mini-{RUN}")
    assert trained(done.stdout) == [f"train@mini-{RUN}"]
    metrics = json.loads((untouched.folder / f"results/mini/runs/{RUN}/metrics.json").read_text())
    assert metrics["step"] == 5


def test_every_finished_run_has_an_offline_wandb_run(study):
    until = time.monotonic() + 60  # the followers end on their own, after the trainings
    while not any(RUN in path.name for path in (study.folder / "wandb").glob("offline-run-*")):
        assert time.monotonic() < until, "no follower has written its run"
        time.sleep(0.2)
