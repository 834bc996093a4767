import sys
import time
from types import SimpleNamespace

import pytest

from sharploss.launch import command
from sharploss.launch.command import make_engine, read, run_environment, show, slurm_parameters
from sharploss.launch.engines import Local, Slurm
from sharploss.launch.jobs import Job
from sharploss.launch.schedule import TimeIsUpError
from sharploss.launch.worker import locked
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
    ],
)
def test_a_wrong_argument_is_named(arguments, message, capsys):
    with pytest.raises(SystemExit):
        read(arguments)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("option", ["account", "=vision"])
def test_an_option_of_sbatch_without_key_or_value_is_refused(option):
    with pytest.raises(UserError, match="write it as KEY=VALUE"):
        slurm_parameters(read(["--engine", "slurm", "--slurm", option]))


def test_without_submitit_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=r"pip install 'sharploss\[cluster\]'"):
        make_engine(read(["--engine", "slurm"]))


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("25m", 1500), ("2h", 7200)])
def test_a_time_that_is_given(text, seconds):
    assert read(["--for", text]).seconds == seconds
    assert read([]).seconds is None


def test_what_is_left_of_the_study_ends_with_the_time(monkeypatch):
    monkeypatch.setattr(command, "DVC", (sys.executable, "-c", "import time; time.sleep(60)"))
    assert command.finish(0.3) == 75
    monkeypatch.setattr(command, "DVC", (sys.executable, "-c", "raise SystemExit(5)"))
    assert command.finish(None) == 5


def test_a_launch_whose_time_is_up_says_so(monkeypatch, tmp_path, capsys):
    def time_is_up(_jobs, _engine, _recorder, *, until):
        assert 0 < until - time.monotonic() <= 1440
        raise TimeIsUpError

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "load_params", lambda: SimpleNamespace(extractors={}, study="mini"))
    monkeypatch.setattr(command, "prepare", lambda _: 0)
    monkeypatch.setattr(command, "jobs_of", lambda *_: [])
    monkeypatch.setattr(command, "run_jobs", time_is_up)
    assert command.main(["--for", "25m"]) == 75
    assert "the time is up: everything is saved" in capsys.readouterr().out


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
    monkeypatch.setattr(command, "prepare", lambda _: 7)
    with locked("launch"), pytest.raises(UserError, match="Another launch is running in this folder"):
        command.main([])
    assert command.main([]) == 7


def test_what_comes_before_is_done_first(monkeypatch):
    ran = []

    def pretend(arguments, **_):
        ran.append(arguments[arguments.index("repro") :])
        code = 1 if "extract" in arguments else 0
        return SimpleNamespace(returncode=code, wait=lambda: code)

    for name in ("run", "Popen"):
        monkeypatch.setattr(command.subprocess, name, pretend)

    assert command.prepare(SimpleNamespace(extractors={})) == 0
    assert ran == [["repro", "plan", "fetch"], ["repro", "-s", "prepare"]]
    assert command.prepare(SimpleNamespace(extractors={"mdf": None})) == 0  # runs without an extractor go on
    assert ran[4] == ["repro", "-s", "--keep-going", "extract"]


def test_help_shows_an_example(capsys):
    with pytest.raises(SystemExit):
        read(["--help"])
    assert "--engine slurm --workers 16 --partition gpu" in capsys.readouterr().out
