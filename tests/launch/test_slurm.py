"""A study on two Slurm nodes: a job is queued again in mid-training, and a node dies."""

import shutil
import subprocess
import sys
import time

import pytest
from last_step import PAUSE, last_step, pause
from safetensors import safe_open

from clones import take_packs, take_pieces

SHORT = ("l1", "l2")
LONG = ("sr_x4-edsr-l1-long-s0", "sr_x4-edsr-sploss-long-s0")
STEPS = 2 * PAUSE

ALONE = """
import sys
sys.path.insert(0, "pipelines")
import train
for key in sys.argv[1:]:
    sys.argv = ["train.py", key]
    assert train.main() == 0
"""


def four(params):
    """Four runs; two of them wait in the middle, and as they are the longest they begin first."""
    take_pieces(params)
    edsr = {"network": "edsr", "blocks": 1, "width": 8, "res_scale": 1.0}
    params["networks"] = {"espcn": {"network": "espcn", "width": 8}, "edsr": edsr}
    params["losses"] = {name: params["losses"][name] for name in (*SHORT, "sploss")}
    params["extractors"] = {}
    mini = {**params["recipes"]["mini"], "batch": 2, "patch": 12, "warmup": 2, "log_every": 5, "checkpoint_every": 20}
    params["recipes"] = {
        "mini": {**mini, "steps": 20, "validate_every": 20},
        "long": {**mini, "steps": STEPS, "validate_every": STEPS},
    }
    suite = {**params["suites"]["pairings"], "recipe": "mini"}
    params["suites"] = {
        "pairings": {**suite, "networks": ["espcn"], "losses": list(SHORT)},
        "long": {**suite, "networks": ["edsr"], "losses": ["l1", "sploss"], "recipe": "long"},
    }


@pytest.fixture
def four_runs(clone_to, tmp_path, study):
    """The four, as far as the runs."""
    finished, study = study, clone_to(tmp_path / "cluster")
    take_packs(study, finished)
    pause(study)
    study.environment |= {"OMP_NUM_THREADS": "1", "WANDB_MODE": "disabled"}
    study.plan(change=four)
    study.run("dvc", "repro", "plan", "fetch", "prepare")
    return study


@pytest.fixture
def alone(four_runs, tmp_path):
    """The same, for runs that nothing interrupts."""
    shutil.copytree(four_runs.folder, tmp_path / "alone")
    (tmp_path / "alone/go").touch()
    return tmp_path / "alone"


def weights(folder):
    """The bytes of all tensors, by run."""
    found = {}
    for path in sorted((folder / "results/mini/weights").rglob("*.safetensors")):
        with safe_open(path, framework="np") as file:
            found[path.stem] = {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118
    return found


def eventually(condition, seconds, explain):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, explain()
        time.sleep(0.1)


@pytest.mark.slow
def test_a_study_survives_a_requeue_and_the_death_of_a_node(cluster, four_runs, alone):
    study = four_runs
    environment = {**study.environment, "SLURM_CONF": cluster.environment["SLURM_CONF"]}
    environment["PATH"] += ":/usr/sbin"
    told = study.folder.parent / "launch.txt"
    scratch = study.folder / ".scratch"
    command = [sys.executable, "-m", "sharploss", "launch", "--engine", "slurm", "--train-only", "--workers", "12"]

    def explain():
        logs = [f"{path.name}: {path.read_text()[-800:]}" for path in scratch.rglob("*.log")]
        logs += [f"{path.name}: {path.read_text()[-800:]}" for path in scratch.rglob("*.err")]
        return "\n".join([told.read_text(), *logs, cluster.ask("squeue"), cluster.log()])

    with told.open("w") as out:
        launch = subprocess.Popen(command, cwd=study.folder, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: all(last_step(key, scratch) >= PAUSE for key in LONG), 240, explain)
        on_one = cluster.ask("squeue", "--noheader", "--nodelist=one", "--states=RUNNING", "--format=%i")
        cluster.kill_node("two")
        cluster.ask("scontrol", "requeue", on_one)
        assert all(PAUSE <= last_step(key, scratch) < STEPS for key in LONG)
        eventually(lambda: any(state.startswith("two down") for state in cluster.states()), 120, explain)
        (study.folder / "go").touch()
        cluster.start_node("two")
        keys = [*LONG, *(f"sr_x4-espcn-{loss}-s0" for loss in SHORT)]
        alone_environment = {**study.environment, "PYTHONPATH": str(alone / "src")}
        subprocess.run([sys.executable, "-c", ALONE, *keys], cwd=alone, env=alone_environment, check=True)
        assert launch.wait(400) == 0, explain()
    except subprocess.TimeoutExpired:
        pytest.fail(explain())
    finally:
        launch.kill()
        launch.wait()
    logs = {key: (scratch / f"launch/logs/{key}.log").read_text() for key in keys}
    assert [key for key, log in logs.items() if log.count("== 20") > 1] == list(LONG), explain()
    assert told.read_text().count(": done") == len(keys)
    found = weights(study.folder)
    assert set(found) == set(keys)
    assert found == weights(alone)
    # DVC knows of all of it.
    assert "train@" not in study.run("dvc", "status").stdout
