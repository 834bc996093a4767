import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from sharploss.launch import engines
from sharploss.launch.engines import Attempt, Local, Slot, Slurm, Worker, make_slots, read_queue, visible_gpus
from sharploss.launch.jobs import Job
from sharploss.utils import cores
from sharploss.utils.errors import UserError


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "SHARPLOSS_DEVICE"):
        monkeypatch.delenv(name, raising=False)
    machine(monkeypatch, 16)


def machine(monkeypatch, count, quota=()):
    monkeypatch.setattr(cores, "usable_cores", lambda: range(count))
    monkeypatch.setattr(cores, "_quotas", lambda: list(quota))


def test_one_slot_for_each_gpu():
    slots = make_slots(None, 1, ["0", "3"], range(16))
    assert [slot.name for slot in slots] == ["GPU 0", "GPU 3"]
    assert slots[1].environment == {"CUDA_VISIBLE_DEVICES": "3", "SHARPLOSS_PROCESSES": "1", "OMP_NUM_THREADS": "8"}


def test_several_gpus_for_each_run():
    slots = make_slots(None, 2, ["0", "1", "2", "3", "4"], range(16))
    assert [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in slots] == ["0,1", "2,3"]
    assert {slot.environment["SHARPLOSS_PROCESSES"] for slot in slots} == {"2"}


def test_several_workers_share_each_gpu():
    slots = make_slots(2, 1, ["0", "3"], range(16))
    assert [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in slots] == ["0", "3", "0", "3"]
    assert {slot.environment["OMP_NUM_THREADS"] for slot in slots} == {"4"}


@pytest.mark.parametrize(
    ("workers", "groups"), [(2, [(0, 2), (1, 3)]), (3, [(0, 3), (1,), (2,)]), (None, [(0,), (1,), (2,), (3,)])]
)
def test_cores_are_divided_without_overlap(monkeypatch, workers, groups):
    machine(monkeypatch, 4)
    slots = make_slots(workers, 1, [], range(4))
    assert [slot.cores for slot in slots] == groups
    assert all(slot.environment["CUDA_VISIBLE_DEVICES"] == "" for slot in slots)


def test_a_number_of_threads_that_was_set_stays(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert make_slots(1, 1, [], range(4))[0].environment["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize("count", [1, 2, 6, 16, 64])
@pytest.mark.parametrize("quota", [(), (2,), (5,)])
@pytest.mark.parametrize(
    ("workers", "gpus_each", "gpus"), [(None, 1, 0), (1, 1, 0), (3, 1, 4), (None, 2, 8), (1, 8, 8)]
)
def test_processes_times_threads_are_no_more_than_the_cores(monkeypatch, count, quota, workers, gpus_each, gpus):
    machine(monkeypatch, count, quota)
    slots = make_slots(workers, gpus_each, [str(index) for index in range(gpus)], range(count))
    processes = [int(slot.environment.get("SHARPLOSS_PROCESSES", 1)) for slot in slots]
    threads = [int(slot.environment["OMP_NUM_THREADS"]) for slot in slots]
    used = sum(a * b for a, b in zip(processes, threads, strict=True))
    assert used <= max(sum(processes), min([count, *quota]))
    if not gpus:
        assert sorted(core for slot in slots for core in slot.cores) == list(range(count))


def test_more_gpus_a_run_than_there_are_is_told():
    with pytest.raises(UserError, match=r"--gpus 4: this machine has 2 GPUs: ask for at most 2\."):
        make_slots(None, 4, ["0", "1"], range(8))


@pytest.mark.parametrize(
    ("arguments", "message"), [((17, 1, [], range(16)), "--workers 17: this machine has 16 cores: ask for at most 16")]
)
def test_more_workers_than_places_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        make_slots(*arguments)


@pytest.mark.parametrize(
    ("named", "here", "device", "found"),
    [
        ("2,GPU-abc", 2, None, ["2", "GPU-abc"]),
        (None, 3, None, ["0", "1", "2"]),
        (None, 0, None, []),
        ("", 0, None, []),
        ("-1", 0, None, []),
        ("NoDevFiles", 0, None, []),
        ("0", 0, None, []),  # as a cluster leaves it on a machine without a GPU
        ("0,-1,1", 1, None, ["0"]),
        ("2", 1, "cpu", []),
    ],
)
def test_which_gpus(monkeypatch, named, here, device, found):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: here)
    for name, value in (("CUDA_VISIBLE_DEVICES", named), ("SHARPLOSS_DEVICE", device)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert visible_gpus() == found


class Pretend:
    """A worker that answers what it is told to."""

    def __init__(self, slot):
        self.slot, self.group, self.says, self.sent = slot, "", None, []

    def send(self, line):
        self.sent.append(line)

    def answer(self):
        return self.says

    def end(self):
        self.sent.append("the end")


def job(key, group):
    return Job(key, None, 1, 1.0, group=group)


def test_a_worker_goes_on_with_runs_of_the_group_that_it_has_compiled():
    engine = Local(make_slots(2, 1, [], range(16)), Pretend)
    jobs = [job("a1", "a"), job("a2", "a"), job("a3", "a"), job("b1", "b"), job("b2", "b")]
    attempts = engine.submit(jobs)
    assert [attempt.job.key for attempt in attempts] == ["a1", "b1"]  # not two workers that compile the same
    assert engine.submit(jobs[1:3]) == []
    attempts[1].handle.says = {"code": 0}
    assert engine.poll(attempts) == [(attempts[1], 0)]
    (third,) = engine.submit([job("a2", "a"), job("a3", "a"), job("b2", "b")])
    assert third.job.key == "b2"
    assert third.handle is attempts[1].handle
    attempts[0].handle.says = third.handle.says = {"code": 0}
    engine.poll([attempts[0], third])
    assert [attempt.handle.sent for attempt in engine.submit([job("a2", "a")])] == [["a1", "a2"]]


@pytest.mark.parametrize("code", [1, 75, -1])
def test_a_worker_that_went_wrong_is_started_anew(code):
    engine = Local(make_slots(1, 1, [], range(16)), Pretend)
    (attempt,) = engine.submit([job("a", "x")])
    assert engine.poll([attempt]) == []
    attempt.handle.says = {"code": code}
    assert engine.poll([attempt]) == [(attempt, code)]
    (other,) = engine.submit([job("b", "x")])
    assert other.handle is not attempt.handle
    assert other.handle.slot is attempt.handle.slot


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen on this system")
def test_a_worker_stays_on_its_cores(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    core = max(os.sched_getaffinity(0))
    text = "import os; open('cores', 'w').write(str(os.sched_getaffinity(0)))"
    Worker(Slot("core", {}, (core,)), (sys.executable, "-W", "ignore", "-c", text)).end()
    assert Path("cores").read_text() == str({core})


ECHO = 'import sys\nfor line in sys.stdin: print(\'{"code": 0, "key": "\' + line.strip() + \'"}\', flush=True)'


@pytest.mark.parametrize(
    ("text", "said"), [(ECHO, [0, 0]), ("raise SystemExit(3)", [-1]), ("print('{', end='')", [-1])]
)
def test_a_worker_is_told_runs_and_answers(monkeypatch, tmp_path, text, said):
    monkeypatch.chdir(tmp_path)
    worker = Worker(Slot("core 0", {}), (sys.executable, "-c", text))
    for number, wanted in enumerate(said):
        worker.send(f"run{number}")
        until = time.monotonic() + 20
        while (answer := worker.answer()) is None:
            assert time.monotonic() < until
            time.sleep(0.02)
        assert answer == {"code": wanted} | ({"key": f"run{number}"} if wanted == 0 else {})
    worker.stop()
    worker.end()


@pytest.fixture
def queue(monkeypatch):
    """A Slurm that answers squeue with these lines."""
    lines = []
    answer = lambda: subprocess.CompletedProcess([], 0, "\n".join(lines), "")  # noqa: E731
    monkeypatch.setattr(engines.subprocess, "run", lambda *_, **__: answer())
    return lines


def slurm_attempt(tmp_path, result=None):
    path = tmp_path / "result.pkl"
    if result is not None:
        path.write_bytes(b"")
    handle = SimpleNamespace(result=lambda: result, job_id="12_3", paths=SimpleNamespace(result_pickle=path))
    return Attempt(Job("a", None, 1, 1.0), handle, "", None)


def test_the_queue_is_read_with_arrays_spelt_out(queue):
    queue += ["12_3|RUNNING|gpu7", "12_4|PENDING|", ""]
    assert read_queue() == {"12_3": ("RUNNING", "gpu7"), "12_4": ("PENDING", "")}


def test_a_slurm_job_waits_runs_is_queued_again_and_ends(queue, tmp_path):
    engine, attempt = Slurm({}, 4, 10), slurm_attempt(tmp_path)
    for line, where in (("12_3|PENDING|", ""), ("12_3|RUNNING|gpu7", "gpu7"), ("12_3|REQUEUED|", "")):
        queue[:] = [line]
        assert engine.poll([attempt]) == []
        assert attempt.where == where
        assert (attempt.started is None) == (where == "")
    queue.clear()
    done = slurm_attempt(tmp_path, result=0)
    assert engine.poll([done]) == [(done, 0)]


@pytest.mark.usefixtures("queue")
def test_a_slurm_job_that_vanishes_without_a_result_has_died(tmp_path, monkeypatch):
    engine, attempt, clock = Slurm({}, 4, 10), slurm_attempt(tmp_path), iter([100.0, 105.0, 111.0])
    monkeypatch.setattr(engines.time, "monotonic", lambda: next(clock))
    assert engine.poll([attempt]) == []
    assert engine.poll([attempt]) == []  # the result may still be on its way
    assert engine.poll([attempt]) == [(attempt, -1)]


def test_a_slurm_that_does_not_answer_is_asked_again(monkeypatch, tmp_path):
    failed = subprocess.CompletedProcess([], 1, "", "slurm_load_jobs error: Unable to contact slurm controller")
    monkeypatch.setattr(engines.subprocess, "run", lambda *_, **__: failed)
    assert Slurm({}, 4, 10).poll([slurm_attempt(tmp_path)]) == []


def test_without_slurm_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="there is no srun here"):
        Slurm({}, 4, 10, folder=tmp_path / "jobs").submit([Job("a", None, 1, 1.0)])
