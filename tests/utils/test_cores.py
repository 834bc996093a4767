import os
import subprocess
import sys

import pytest

from sharploss.utils import cores
from sharploss.utils.cores import claim_cores, core_count, processes_of_a_run, threads_each, usable_cores
from sharploss.utils.errors import UserError

CLAIM = "from sharploss.utils.cores import claim_cores; print(claim_cores({most}), flush=True); input()"


def test_what_the_system_allows_counts():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert list(usable_cores()) == [min(before)]
    finally:
        os.sched_setaffinity(0, before)


def test_systems_that_do_not_say_have_all_cores(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert list(usable_cores()) == [0, 1, 2]


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({}, 16),
        ({"cpu.max": "max 100000\n"}, 16),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "20000 100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 16),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cpu.max": ""}, 16),
    ],
)
def test_a_container_has_its_share_of_a_machine(monkeypatch, tmp_path, files, count):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    quotas = cores._quotas(tmp_path)
    monkeypatch.setattr(cores, "_quotas", lambda: quotas)
    monkeypatch.setattr(cores, "usable_cores", lambda: range(16))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert core_count() == count


@pytest.mark.parametrize(("threads", "count"), [("1", 1), ("3", 3), ("99", 16), ("", 16), ("4,2", 16), ("0", 16)])
def test_omp_num_threads_counts(monkeypatch, threads, count):
    monkeypatch.setattr(cores, "usable_cores", lambda: range(16))
    monkeypatch.setattr(cores, "_quotas", list)
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    assert threads_each() == count


@pytest.mark.parametrize("processes", [1, 2, 3, 5, 16, 17, 100])
@pytest.mark.parametrize("quota", [[], [3]])
def test_processes_times_threads_are_no_more_than_cores(monkeypatch, processes, quota):
    monkeypatch.setattr(cores, "usable_cores", lambda: range(16))
    monkeypatch.setattr(cores, "_quotas", lambda: quota)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert processes * threads_each(processes) <= max(processes, core_count())


@pytest.mark.parametrize("asked", [(None, None), (1, 1, 1), (5, 5, 5), (2, None), (16, 1, 2)])
def test_processes_together_have_no_more_threads_than_cores_and_one_each(tmp_path, asked):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    environment.pop("OMP_NUM_THREADS", None)
    pretend = "import sharploss.utils.cores as c; c.usable_cores = lambda: range(6); c._quotas = list; "
    started: list[subprocess.Popen[str]] = []
    taken: list[int] = []
    for most in asked:
        command = [sys.executable, "-c", pretend + CLAIM.format(most=most)]
        process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        taken.append(int(process.stdout.readline()))
    for process in started:
        process.communicate("\n", timeout=20)
    expected, left = list[int](), 6
    for most in asked:
        expected.append(max(1, min(most or 6, left)))
        left = max(0, left - expected[-1])
    assert taken == expected


def test_what_a_process_has_claimed_is_its_own_when_it_asks_again(monkeypatch, tmp_path):
    monkeypatch.setattr(cores, "_claimed", {})
    monkeypatch.setattr(cores.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(cores, "usable_cores", lambda: range(4))
    monkeypatch.setattr(cores, "_quotas", list)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [claim_cores(2), claim_cores(2), claim_cores(), claim_cores(1)] == [2, 2, 4, 1]
    for file in cores._claimed.values():
        file.close()


def test_a_folder_that_cannot_be_written_stops_nothing(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(cores, "_claimed", {})
    monkeypatch.setattr(cores.tempfile, "gettempdir", lambda: str(tmp_path / "file"))
    assert claim_cores(1) == 1


@pytest.mark.parametrize(("named", "count"), [(None, 1), ("", 1), ("1", 1), ("8", 8), ("256", 256)])
def test_the_processes_of_a_run(monkeypatch, named, count):
    monkeypatch.delenv("SHARPLOSS_PROCESSES", raising=False)
    if named is not None:
        monkeypatch.setenv("SHARPLOSS_PROCESSES", named)
    assert processes_of_a_run() == count


@pytest.mark.parametrize("named", ["abc", "0", "-2", "2.0", " 2", "1e2", "257", "9" * 5000, "²", "all"])
def test_a_number_of_processes_that_is_none_is_told(monkeypatch, named):
    monkeypatch.setenv("SHARPLOSS_PROCESSES", named)
    with pytest.raises(UserError, match=r"SHARPLOSS_PROCESSES is '.{1,80}': give it a whole number from 1 to 256"):
        processes_of_a_run()
