import os
import signal
import sys
import threading
import time
from types import SimpleNamespace

import pytest
import torch

from sharploss.launch import command
from sharploss.launch.command import make_engine, read, run_environment, show, slurm_parameters
from sharploss.launch.engines import Local, Slurm
from sharploss.launch.jobs import Job
from sharploss.launch.schedule import TimeIsUpError
from sharploss.launch.worker import locked
from sharploss.record.paths import paths
from sharploss.utils.errors import UserError


def test_slurm_gets_what_was_asked():
    words = "--engine slurm --workers 16 --partition gpu --time 600 --gpus 2 --cpus 8 --array-size 100"
    others = ["--slurm", "account=vision", "--slurm=--constraint=a100"]
    setup = ["--setup", "module load cuda", "--setup", "source venv/bin/activate"]
    asked = read([*words.split(), *others, *setup])
    engine = make_engine(asked)
    assert isinstance(engine, Slurm)
    assert (engine.workers, engine.array) == (16, 100)
    assert engine.environment == {"SHARPLOSS_PROCESSES": "2", "OMP_NUM_THREADS": "4"}
    assert engine.parameters == {
        "partition": "gpu",
        "time": 600,
        "gpus_per_node": 2,
        "cpus_per_task": 8,
        "setup": ["module load cuda", "source venv/bin/activate"],
        "additional_parameters": {"account": "vision", "constraint": "a100"},
    }


def test_what_is_left_out_is_left_to_the_cluster():
    asked = read(["--engine", "slurm"])
    assert slurm_parameters(asked) == {"time": 1440}
    assert run_environment(asked) == {"OMP_NUM_THREADS": "1"}


def test_a_local_engine_has_slots(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    monkeypatch.delenv("SHARPLOSS_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    engine = make_engine(read([]))
    assert isinstance(engine, Local)
    assert len(engine.slots) == 3


@pytest.mark.parametrize(("gpus", "cpus"), [(1, 1), (2, 8), (3, 8), (4, 2), (None, 5)])
def test_the_processes_of_a_run_share_the_cores_of_its_job(gpus, cpus):
    words = ["--engine", "slurm", "--cpus", str(cpus), *(["--gpus", str(gpus)] if gpus else [])]
    processes = gpus or 1
    threads = int(run_environment(read(words))["OMP_NUM_THREADS"])
    assert processes * threads <= max(processes, cpus)
    assert (processes * (threads + 1)) > cpus


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "0"], "'0' is not a whole number above 0"),
        (["--workers", "-1"], "argument"),
        (["--for", "25"], "'25' is not a time such as 90s, 25m or 2h"),
        (["--for", "0m"], "'0m' is not a time"),
        (["--partition", "gpu"], "--partition is for --engine slurm"),
        (["--engine", "condor"], "invalid choice"),
        (["--engine", "slurm", "--slurm", "account"], "'account' is not KEY=VALUE"),
        (["--engine", "slurm", "--slurm", "=vision"], "'=vision' is not KEY=VALUE"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message, capsys):
    with pytest.raises(SystemExit):
        read(arguments)
    assert message in capsys.readouterr().err


def test_without_submitit_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=r'pip install "sharploss\[cluster\]"'):
        make_engine(read(["--engine", "slurm"]))


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("25m", 1500), ("2h", 7200)])
def test_a_time_that_is_given(text, seconds):
    assert read(["--for", text]).seconds == seconds
    assert read([]).seconds is None


def test_what_is_left_of_the_study_ends_with_the_time(monkeypatch):
    monkeypatch.setattr(command, "AGAIN", 0.5)
    monkeypatch.setattr(command, "DVC", (sys.executable, "-c", DEAF))
    assert command.repro([], until=time.monotonic() + 1) == 75
    monkeypatch.setattr(command, "DVC", (sys.executable, "-c", "raise SystemExit(5)"))
    assert command.repro([]) == 5


DEAF = """
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
wait = "import signal, time; signal.signal(signal.SIGINT, signal.default_int_handler); time.sleep(60)"
for stage in range(2):
    subprocess.run([sys.executable, "-c", wait], stderr=subprocess.DEVNULL)
"""  # as DVC is with --keep-going, while its stages run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("phase", ["prepare", "run_jobs", "repro"])
def test_every_signal_stops_a_launch_as_ctrl_c_does(monkeypatch, tmp_path, number, phase):
    kept = os.dup(1), os.dup(2)  # which SIGHUP closes
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "load_params", lambda: SimpleNamespace(extractors={}, study="mini"))
    monkeypatch.setattr(command, "ENDING", ())
    monkeypatch.setattr(command, "jobs_of", lambda *_: [])
    monkeypatch.setattr(command, "check_plan", lambda _: {"groups": {}, "tasks": []})
    monkeypatch.setattr(command, "stale_stages", set)
    for name in ("prepare", "run_jobs", "repro"):
        monkeypatch.setattr(command, name, lambda *_, **__: 0)
    monkeypatch.setattr(command, "run_jobs", lambda *_, **__: [])
    monkeypatch.setattr(command, phase, lambda *_, **__: time.sleep(60))
    before = signal.getsignal(number)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), number))
    timer.start()
    try:
        assert command.main([]) == 130
        print("what is printed after the terminal has gone")
    finally:
        for mine, saved in enumerate(kept, 1):
            os.dup2(saved, mine)
    assert signal.getsignal(number) == before


def test_a_launch_under_nohup_hears_no_hangup():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with command.stopped_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_launch_in_a_scripts_background_can_stop_dvc(monkeypatch):
    monkeypatch.setattr(command, "AGAIN", 20)
    monkeypatch.setattr(command, "DVC", (sys.executable, "-S", "-c", "import time; time.sleep(60)"))
    before, began = signal.signal(signal.SIGINT, signal.SIG_IGN), time.monotonic()  # what a shell does to it
    try:
        with command.stopped_by_signals():
            assert command.repro([], until=began + 1) == 75
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() < began + 20


@pytest.mark.parametrize("package", command.ENDING)
@pytest.mark.parametrize("fault", ["missing", "broken"])
def test_what_the_pages_need_is_looked_for_before_anything_trains(monkeypatch, tmp_path, package, fault):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "load_params", lambda: SimpleNamespace(extractors={}, study="mini"))
    monkeypatch.setattr(command, "prepare", lambda *_: 7)
    first = package.partition(".")[0]
    if fault == "broken":
        (tmp_path / first).mkdir()
        (tmp_path / first / "__init__.py").write_text("raise AttributeError('np.float_ was removed')")
        monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == first]:
        monkeypatch.delitem(sys.modules, name)
    if fault == "missing":
        monkeypatch.setitem(sys.modules, first, None)
    with pytest.raises(UserError, match=rf"the package {first} (is not installed|cannot be imported \(np.float_)"):
        command.main([])
    assert command.main(["--train-only"]) == 7


def test_a_launch_whose_time_is_up_says_so(monkeypatch, tmp_path, capsys):
    def time_is_up(_jobs, _engine, _recorder, *, until):
        assert 0 < until - time.monotonic() <= 1440
        raise TimeIsUpError

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "load_params", lambda: SimpleNamespace(extractors={}, study="mini"))
    monkeypatch.setattr(command, "prepare", lambda *_: 0)
    monkeypatch.setattr(command, "jobs_of", lambda *_: [])
    monkeypatch.setattr(command, "check_plan", lambda _: {"groups": {}, "tasks": []})
    monkeypatch.setattr(command, "stale_stages", set)
    monkeypatch.setattr(command, "run_jobs", time_is_up)
    assert command.main(["--for", "25m"]) == 75
    assert "the time is up: everything is saved" in capsys.readouterr().out


def test_what_is_to_be_measured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    groups = {name: {"runs": [f"{name}-1", f"{name}-2"]} for name in ("old", "new", "next", "lost")}
    plan, params = {"groups": groups, "tasks": ["x", "y"]}, SimpleNamespace(study="mini")
    for name in ("old", "new", "next"):
        path = paths("mini").weights(name, f"{name}-1")
        path.parent.mkdir(parents=True)
        path.touch()
    stale = {"evaluate@mini-new", "evaluate@mini-lost", "input_baselines@mini", "calibrate@mini"}
    jobs = [Job(f"{name}-2", None, 1, 1.0) for name in ("new", "next")]
    found = command.to_measure(params, plan, stale, jobs, Local([]))
    assert found.due == {name: groups[name]["runs"] for name in ("new", "next")}
    assert found.ready == {"new": ["new-1"], "next": ["next-1"]}
    assert found.untrained == {"new-2", "next-2"}
    assert found.pieces == [("input_baselines", "x"), ("input_baselines", "y"), ("calibrate", "")]


def test_a_dry_run_shows_hours_and_order(capsys):
    show([Job("x2-edsr-l1-s0", None, 1000, 7200.0), Job("x2-edsr-ragan-second-s0", "x2-edsr-l1-s0", 500, 1800.0)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["run", "steps", "hours", "after"]
    assert lines[1].split() == ["x2-edsr-l1-s0", "1000", "2"]
    assert lines[2].split() == ["x2-edsr-ragan-second-s0", "500", "0.5", "x2-edsr-l1-s0"]
    assert lines[3] == "2 runs: 2:30:00 on one worker of this machine"


def test_a_dry_run_says_what_is_not_known(capsys):
    show([Job("x2-edsr-l1-s0", None, 1000, 7200.0), Job("x2-vdsr-l1-s0", None, 500, None)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["x2-vdsr-l1-s0", "500", "not", "known"]
    assert lines[3] == "2 runs: 2:00:00 on one worker of this machine and 1 runs whose time is not known"


def test_two_launches_in_one_folder_are_refused(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(command, "load_params", lambda: SimpleNamespace(extractors={}))
    monkeypatch.setattr(command, "prepare", lambda *_: 7)
    with locked("launch"), pytest.raises(UserError, match="Another launch is running in this folder"):
        command.main([])
    assert command.main([]) == 7


def test_what_comes_before_is_done_first(monkeypatch):
    ran = []

    def pretend(*commands, until):
        ran.append([*commands, until])
        return 0

    monkeypatch.setattr(command, "repro", pretend)

    assert command.prepare(SimpleNamespace(extractors={}), 5.0) == 0
    assert ran == [[["plan", "fetch"], 5.0], [["-s", "prepare"], 5.0]]
    assert command.prepare(SimpleNamespace(extractors={"mdf": None}), None) == 0
    assert ran[3] == [["-s", "prepare"], ["-s", "--keep-going", "extract"], None]


def test_the_first_commands_exit_code_counts_and_all_are_waited_for(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    name = "import sys, time; name = sys.argv[2]; time.sleep(float(sys.argv[3]))"
    script = f"{name}; open(name, 'w').close(); sys.exit(len(name))"
    monkeypatch.setattr(command, "DVC", (sys.executable, "-S", "-c", script))
    # Of prepare and extract: runs without an extractor go on.
    assert command.repro(["ab", "0"], ["abc", "0.5"]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ab", "abc"]


def test_help_shows_an_example(capsys):
    with pytest.raises(SystemExit):
        read(["--help"])
    assert "--engine slurm --workers 16 --partition gpu" in capsys.readouterr().out
