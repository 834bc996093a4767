"""A study under DVC through faults: two at once, a damaged cache, W&B that hangs, killed evaluations, secrets."""

import contextlib
import json
import re
import socket
import subprocess
import threading
import time

import pytest
import yaml

pytestmark = pytest.mark.slow

RUN = "sr_x4-espcn-l1-s0"
WEIGHTS = f"results/mini/weights/sr_x4-espcn/{RUN}.safetensors"


def start(study, *command, stdin=None, stderr=subprocess.STDOUT, **environment):
    variables = study.environment | environment
    return subprocess.Popen(
        command, cwd=study.folder, env=variables, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr
    )


def made(study):
    """What a study's runs come to: their weights, records and scores."""
    names = ["weights/**/*.safetensors", "runs/*/metrics.json", "runs/*/history.jsonl", "scores/*.csv"]
    paths = [path for name in names for path in (study.folder / "results/mini").glob(name)]
    return {path.relative_to(study.folder): path.read_bytes() for path in paths}


def test_a_run_that_diverges_leaves_the_rest_to_complete_and_tables_and_report_show_it(untouched):
    status = {
        path.parent.name: json.loads(path.read_text())["status"]
        for path in (untouched.folder / "results/mini/runs").glob("*/metrics.json")
    }
    assert status.pop("sr_x4-espcn-explodes-s0") == "diverged"
    assert status.pop("sr_x4-espcn-mse_vgg-s0") == "not_trained"
    plan = yaml.safe_load((untouched.folder / "runs.yaml").read_text())["runs"]
    others = {entry["run"] for entry in plan.values()} - {"sr_x4-espcn-explodes-s0", "sr_x4-espcn-mse_vgg-s0"}
    assert status == dict.fromkeys(others, "finished")
    page = (untouched.folder / "reports/mini/index.html").read_text()
    assert re.search(r"diverged \(\S+ at step \d+\)", page), re.findall(r"diverged.{0,60}", page)
    assert "diverged" in "".join(path.read_text() for path in (untouched.folder / "reports/mini/tables").glob("*.md"))


def test_no_secret_is_written_anywhere(untouched):
    """The small study ran with secrets in its environment: none is in a file it wrote, W&B's and DVC's included."""
    for _ in range(100):  # the processes that tell W&B end a little after the trainings
        files = [path for path in untouched.folder.rglob("*") if path.is_file() and not path.is_symlink()]
        if any(path.suffix == ".wandb" for path in files):
            break
        time.sleep(0.2)
    assert any(path.suffix == ".wandb" for path in files)
    assert any(path.name == "provenance.json" for path in files)
    sources = untouched.folder / "tests"  # these files
    written = [path for path in files if sources not in path.parents]
    assert [path for path in written if b"pLaNtEdpLaNtEd" in path.read_bytes()] == []


def test_two_repros_at_once_damage_nothing(untouched):
    before = made(untouched)
    untouched.edit("params.yaml", lambda params: params["losses"]["sploss"]["sploss"].update(alpha=3))
    both = [start(untouched, "dvc", "repro", "train") for _ in range(2)]
    said = [process.communicate(timeout=300)[0].decode() for process in both]
    codes = [process.returncode for process in both]
    assert 0 in codes
    for code, text in zip(codes, said, strict=True):
        assert code == 0 or "lock" in text, text
        assert "Traceback" not in text
    assert "Data and pipelines are up to date" in untouched.run("dvc", "status", "train").stdout
    assert made(untouched).keys() == before.keys()
    untouched.edit("params.yaml", lambda params: params["losses"]["sploss"]["sploss"].update(alpha=2))
    untouched.run("dvc", "--wait-for-lock", "repro", "train")  # from the run cache
    assert made(untouched) == before


def test_a_damaged_cache_entry_is_named_and_healed_by_training_again(untouched):
    """DVC restores a file of its cache without comparing it with its sum, and so would measure other weights."""
    before = made(untouched)
    entry = cache_entry(untouched)
    content = bytearray(entry.read_bytes())
    content[-50] ^= 1
    entry.chmod(0o644)
    entry.write_bytes(content)
    (untouched.folder / WEIGHTS).unlink()
    untouched.run("dvc", "checkout", WEIGHTS, check=False)
    assert (untouched.folder / WEIGHTS).read_bytes() == content  # so it does
    done = untouched.run("python", "pipelines/evaluate.py", "sr_x4-espcn", check=False)
    assert done.returncode == 1
    assert f"{WEIGHTS} is damaged (it does not match its sha256)" in done.stderr
    assert "Traceback" not in done.stderr
    # As the message says: dvc.lock has the name of DVC's copy.
    assert entry.parent.name + entry.name in (untouched.folder / "dvc.lock").read_text()
    entry.unlink()
    (untouched.folder / WEIGHTS).unlink()
    untouched.run("dvc", "repro", "evaluate@mini-sr_x4-espcn")
    assert made(untouched) == before
    assert cache_entry(untouched) == entry


def cache_entry(study):
    """The file of the cache that holds the weights of RUN."""
    wanted = (study.folder / WEIGHTS).read_bytes()
    files = [path for path in (study.folder / ".dvc/cache/files").rglob("*") if path.is_file()]
    return next(path for path in files if path.read_bytes() == wanted)


@pytest.mark.parametrize("name", ["metrics.json", "history.jsonl", "provenance.json"])
def test_a_flipped_bit_in_a_record_is_named_by_dvc(untouched, name):
    path = untouched.folder / "results/mini/runs" / RUN / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert f"results/mini/runs/{RUN}/{name}" in untouched.run("dvc", "status", f"train@mini-{RUN}").stdout


def test_a_flipped_bit_in_scores_and_runs_yaml_is_named(untouched):
    for name, stage in (("results/mini/scores/sr_x4-espcn.csv", "evaluate@mini-sr_x4-espcn"), ("runs.yaml", "plan")):
        path = untouched.folder / name
        content = path.read_bytes()
        # A digit becomes another, so that the file can still be read.
        at = next(index for index in range(len(content) - 5, 0, -1) if chr(content[index]).isdigit())
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        said = untouched.run("dvc", "status", stage, check=False)
        path.write_bytes(content)
        assert name in said.stdout + said.stderr


KILLED = """
import os, shutil, signal, sys, time
import torch
from sharploss.evaluation.score import load_measures
from sharploss.launch.evaluator import evaluate

torch.set_num_threads(1)
load_measures()  # all imports are done once, and every evaluation is a fresh fork

def begin():
    shutil.rmtree(".scratch/scores", ignore_errors=True)  # so that it measures
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)  # what it prints is no answer
        evaluate("sr_x4-espcn")
        os._exit(0)
    return child

began = time.monotonic()
assert os.waitpid(begin(), 0)[1] == 0
whole = time.monotonic() - began
for line in sys.stdin:
    child = begin()
    time.sleep(float(line) * whole)
    os.kill(child, signal.SIGKILL)
    print("killed" if os.WIFSIGNALED(os.waitpid(child, 0)[1]) else "ended", flush=True)
"""


def test_an_evaluation_killed_at_random_moments_gives_the_same_scores(untouched):
    """At moments of its time without the imports: while it measures and writes."""
    folder, command = untouched.folder / "results/mini", ("python", "pipelines/evaluate.py", "sr_x4-espcn")
    before, killed = made(untouched), 0
    process = start(untouched, "python", "-c", KILLED, stdin=subprocess.PIPE, stderr=None)
    with process:
        for share in (0.3, 0.6, 0.9, 0.5, 0.7, 0.8, 0.4):
            process.stdin.write(f"{share}\n".encode())
            process.stdin.flush()
            killed += process.stdout.readline() == b"killed\n"
            assert made(untouched) == before
        process.stdin.close()
    assert killed >= 3  # one that ended before its moment shows nothing
    (folder / "scores/sr_x4-espcn.csv").unlink()
    left = list(folder.rglob("*.tmp"))  # of files that were being written, under names that nothing reads
    assert all(path.name.startswith(".") for path in left)
    untouched.run(*command)
    assert made(untouched) == before
    assert list(folder.rglob("*.tmp")) == left


@pytest.fixture(params=["refuses", "hangs", "is rude"])
def server(request):
    """A W&B server on this machine that refuses, takes a connection and says nothing, or says what is no HTTP."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    if request.param == "refuses":
        listener.close()
        yield address
        return
    held = []

    def serve():
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            if request.param == "is rude":
                with connection, contextlib.suppress(OSError):
                    connection.sendall(b"go away\r\n\r\n")
            else:
                held.append(connection)

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    yield address
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    server.join(10)
    for connection in held:
        connection.close()


def test_wandb_that_refuses_or_hangs_leaves_the_training_as_it_is(untouched, server):
    before = made(untouched)
    online = {"WANDB_MODE": "online", "WANDB_BASE_URL": server, "WANDB_API_KEY": "0" * 40}
    process = start(untouched, "python", "pipelines/train.py", RUN, **online)
    said = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 0, said
    assert made(untouched) == before


def test_logged_out_of_wandb_the_training_is_as_it_was(untouched, tmp_path):
    before = made(untouched)
    untouched.environment.pop("WANDB_API_KEY", None)
    out = {"WANDB_MODE": "", "HOME": str(tmp_path), "NETRC": str(tmp_path / "none")}
    process = start(untouched, "python", "pipelines/train.py", RUN, **out)
    said = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 0, said
    assert made(untouched) == before
