"""`python -m sharploss launch`: train what is stale in parallel, then let DVC finish the study."""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sharploss.config.params import Params, load_params
from sharploss.launch.engines import Local, Slurm, evaluator_of, make_slots, visible_gpus
from sharploss.launch.evaluator import UNTRAINED
from sharploss.launch.jobs import DVC, Job, make_jobs, stale_runs, stale_stages
from sharploss.launch.measuring import Measurements
from sharploss.launch.recorder import Recorder
from sharploss.launch.schedule import TimeIsUpError, run_jobs, say
from sharploss.launch.worker import STOPPED, locked
from sharploss.planning.plan import Plan, check_plan
from sharploss.planning.progress import clock
from sharploss.record.keys import stage_name
from sharploss.record.paths import paths
from sharploss.utils.command import make_parser
from sharploss.utils.cores import processes_of_a_run, usable_cores
from sharploss.utils.errors import UserError
from sharploss.utils.optional import optional_package

DESCRIPTION = """Train all runs that are out of date (`dvc status`) in parallel, then run `dvc repro` for the rest.

  python -m sharploss launch --dry-run                                  list the runs and their predicted hours
  python -m sharploss launch --workers 2                                two at once on each GPU, or in all without a GPU
  python -m sharploss launch --for 25m                                  stop after 25 minutes; the same command goes on
  python -m sharploss launch --engine slurm --workers 16 --partition gpu --time 600 --gpus 1 --setup 'module load cuda'

Ctrl-C, SIGTERM or a closed terminal stops the trainings with a checkpoint; the same command goes on from there. See
docs/clusters.md.
"""

UNITS = {"s": 1, "m": 60, "h": 3600}

RESERVE = 60.0
"""Seconds, or a tenth of the time given, in which trainings write checkpoints and DVC records what has ended."""

AGAIN = 10.0  # seconds after which DVC is asked again to stop: with --keep-going it goes on
ENDING = ("pandas", "matplotlib.figure", "seaborn", "jinja2", "scipy.special")  # what tables, figures and pages need


def main(arguments: Sequence[str]) -> int:
    """Run the command with these arguments and return its exit code."""
    began, asked = time.monotonic(), read(arguments)
    params, _ = load_params(), processes_of_a_run()  # refused here, and not by every run
    # DVC's commands say `python`: it must be this one, also where nobody has activated the environment.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    if asked.dry_run:
        return show(jobs_of(params, asked, check_plan(params), stale_stages()))
    engine = make_engine(asked)
    end = began + asked.seconds if asked.seconds else None
    until = end - min(RESERVE, asked.seconds / 10) if end else None
    try:
        with stopped_by_signals():
            with locked("launch", wait=False):
                with ThreadPoolExecutor(1) as beside:  # seconds of imports, which need not be waited for
                    found = beside.submit(lambda: None if asked.train_only else [*map(optional_package, ENDING)])
                    code = prepare(params, until)
                    found.result()
                if code:
                    return code
                plan, stale = check_plan(params), stale_stages()
                jobs = jobs_of(params, asked, plan, stale)
                measurements = to_measure(params, plan, stale, jobs, engine)
                if asked.train_only:
                    measurements.pieces.clear()
                failed = run_jobs(jobs, engine, Recorder(params.study, measurements, say), until=until)
            if failed:
                print(f"{len(failed)} of {len(jobs)} runs failed ({', '.join(failed)}): the study was not finished.")
                return 1
            return 0 if asked.train_only else repro([], until=end)
    except BlockingIOError:
        raise UserError("Another launch is running in this folder: wait for it, or stop it with Ctrl-C.") from None
    except KeyboardInterrupt:
        return 130
    except TimeIsUpError:
        say("the time is up: everything is saved")
        return STOPPED


@contextlib.contextmanager
def stopped_by_signals() -> Generator[None]:
    """Stop the launch at SIGINT, SIGTERM and, unless it is ignored (nohup), SIGHUP, for the length of the block.

    A shell has what a script starts in the background ignore SIGINT, and so would DVC, which is stopped by it.
    """

    def stop(number: int, _frame: object) -> None:
        if number == signal.SIGHUP:  # the terminal is gone, and printing to it would fail
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
        raise KeyboardInterrupt

    hangup = [] if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else [signal.SIGHUP]
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, *hangup)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def repro(*commands: Sequence[str], until: float | None = None) -> int:
    """Run stages by DVC until a time by time.monotonic, several commands beside each other.

    Each command names its stages, or none for all of them. Returns the exit code of the first.
    """
    # In sessions of their own, all of which are to stop: while a stage runs, DVC itself does not hear a SIGINT.
    processes = [subprocess.Popen([*DVC, "repro", *words], start_new_session=True) for words in commands]
    try:
        codes = [one.wait(None if until is None else max(0.0, until - time.monotonic())) for one in processes]
        return codes[0]
    except (KeyboardInterrupt, subprocess.TimeoutExpired) as reason:
        for process in processes:
            while process.poll() is None:
                with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    os.killpg(process.pid, signal.SIGINT)
                    process.wait(AGAIN)
        if isinstance(reason, KeyboardInterrupt):
            raise
        return STOPPED


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser("launch", DESCRIPTION)
    add = parser.add_argument
    add("--dry-run", action="store_true", help="list the runs and their predicted hours only")
    add("--engine", choices=("local", "slurm"), default="local", help="local: this machine (default)")
    workers = "runs at once: on each GPU (default: 1), or in all without a GPU (default: one on each core)"
    add("--workers", type=positive, metavar="N", help=workers)
    add("--for", dest="seconds", type=duration, metavar="TIME", help="stop after this time, such as 90s, 25m or 2h")
    add("--gpus", type=positive, metavar="N", help="GPUs that train one run together (default: 1)")
    add("--train-only", action="store_true", help="leave scores, tables and report to a later dvc repro")
    add = parser.add_argument_group("with --engine slurm").add_argument
    add("--partition", metavar="NAME", help="partition of the jobs")
    add("--time", type=positive, metavar="MINUTES", help="limit of a job; a longer run goes on in the next")
    add("--cpus", type=positive, metavar="N", help="processor cores of each run (default: 1)")
    add("--array-size", type=positive, default=500, metavar="N", help="most jobs of an array (default: 500)")
    add("--setup", action="append", metavar="COMMAND", help="run before each worker; can be repeated")
    add(
        "--slurm",
        action="append",
        type=option,
        default=[],
        metavar="KEY=VALUE",
        help="option of sbatch; can be repeated",
    )
    asked = parser.parse_args(arguments)
    given = [name for name in ("partition", "time", "cpus", "setup", "slurm") if getattr(asked, name)]
    if asked.engine == "local" and given:
        parser.error(f"--{given[0]} is for --engine slurm")
    return asked


def positive(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


def duration(text: str) -> float:
    """Read a time such as 25m, in seconds."""
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or int(number) == 0 or unit not in UNITS:
        raise argparse.ArgumentTypeError(f"'{text}' is not a time such as 90s, 25m or 2h")
    return float(int(number) * UNITS[unit])


def option(text: str) -> tuple[str, str]:
    """Read an option of sbatch and its value."""
    key, _, value = text.lstrip("-").partition("=")
    if not (key and value):
        raise argparse.ArgumentTypeError(f"'{text}' is not KEY=VALUE, such as account=vision")
    return key, value


def jobs_of(params: Params, asked: argparse.Namespace, plan: Plan, stale: set[str]) -> list[Job]:
    """Return what is to be trained, in order."""
    return make_jobs(params, plan, stale_runs(plan, stale), processes=asked.gpus or 1)


def to_measure(params: Params, plan: Plan, stale: set[str], jobs: Sequence[Job], engine: Local | Slurm) -> Measurements:
    """Return what is to be measured: the groups that change or have no scores, and what needs no training."""
    files, untrained = paths(params.study), {job.key for job in jobs}
    due = {
        name: group["runs"]
        for name, group in plan["groups"].items()
        if stage_name("evaluate", params.study, name) in stale or not untrained.isdisjoint(group["runs"])
        if all(key in untrained or files.weights(name, key).is_file() for key in group["runs"])
    }
    stages = [name for name in UNTRAINED if stage_name(name, params.study) in stale]
    pieces = [(name, task) for name in stages for task in (plan["tasks"] if name == "input_baselines" else [""])]
    return Measurements(due, untrained, pieces, say, *evaluator_of(engine))


def show(jobs: Sequence[Job]) -> int:
    """Print the jobs in the order in which they would begin."""
    print(f"{'run':<52}{'steps':>9}{'hours':>11}  after")
    for job in jobs:
        hours = "not known" if job.seconds is None else f"{job.seconds / 3600:.3g}"
        print(f"{job.key:<52}{job.steps:>9}{hours:>11}  {job.after or ''}".rstrip())
    known = [job.seconds for job in jobs if job.seconds is not None]
    more = f" and {len(jobs) - len(known)} runs whose time is not known" if len(known) < len(jobs) else ""
    print(f"{len(jobs)} runs: {clock(sum(known))} on one worker of this machine{more}")
    return 0


def make_engine(asked: argparse.Namespace) -> Local | Slurm:
    """Return the place where workers run."""
    if asked.engine == "local":
        return Local(make_slots(asked.workers, asked.gpus or 1, visible_gpus(), usable_cores()))
    optional_package("submitit")
    return Slurm(slurm_parameters(asked), asked.workers or 256, asked.array_size, run_environment(asked))


def run_environment(asked: argparse.Namespace) -> dict[str, str]:
    """Return the environment variables of a run on Slurm; its processes share its cores."""
    several = {"SHARPLOSS_PROCESSES": str(asked.gpus)} if asked.gpus else {}
    return {**several, "OMP_NUM_THREADS": str(max(1, (asked.cpus or 1) // (asked.gpus or 1)))}


def slurm_parameters(asked: argparse.Namespace) -> dict[str, Any]:
    """Return submitit's names and values of what was asked."""
    given = {"partition": asked.partition, "time": asked.time or 24 * 60, "setup": asked.setup}
    given |= {"gpus_per_node": asked.gpus, "cpus_per_task": asked.cpus, "additional_parameters": dict(asked.slurm)}
    return {key: value for key, value in given.items() if value not in (None, {})}


def prepare(params: Params, until: float | None) -> int:
    """Run the stages that all runs depend on by DVC, and return its exit code."""
    code = repro(["plan", "fetch"], until=until)
    if code:
        return code
    # A run whose extractor cannot be trained says so itself; the others need not wait for it.
    extract = [["-s", "--keep-going", "extract"]] if params.extractors else []
    return repro(["-s", "prepare"], *extract, until=until)
