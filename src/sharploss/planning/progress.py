"""How far a study is: which runs are done, running, failed and left, and how long the rest takes."""

import contextlib
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sharploss.config.params import Params, load_params
from sharploss.planning.plan import Plan, check_plan
from sharploss.record.history import last_step
from sharploss.record.paths import locked_scratch, paths
from sharploss.record.run import load_run
from sharploss.utils.command import make_parser
from sharploss.utils.errors import UserError

DESCRIPTION = (
    "Show how far the study of params.yaml is: which runs are done, running, failed or left, and the time left."
)
PAUSE = 3.0  # seconds between two looks of --watch
STALE_AFTER = 120.0  # seconds without a new line of its record, after which a training elsewhere is not running


@dataclass
class StudyProgress:
    """What is here of a plan; a run that diverged or could not be trained is "failed"."""

    done: list[str] = field(default_factory=list[str])
    failed: dict[str, str] = field(default_factory=dict[str, str])  # why
    running: dict[str, int] = field(default_factory=dict[str, int])  # steps done
    left: list[str] = field(default_factory=list[str])
    trained: float = 0.0  # seconds of the trainings that are here
    measured: list[str] = field(default_factory=list[str])  # groups


def look(plan: Plan) -> StudyProgress:
    """Look up what is here of a plan; a damaged record counts as none."""
    files, found, running = paths(plan["study"]), StudyProgress(), running_runs()
    for key in plan["runs"]:
        if key in running:
            found.running[key] = steps_done(key)
            continue
        try:
            record = load_run(files.run(key), key)
        except UserError:
            found.left.append(key)
            continue
        found.trained += record.provenance.seconds if record.provenance else 0.0
        if reason := record.metrics.failure:
            found.failed[key] = reason
        else:
            found.done.append(key)
    found.measured = [name for name in plan["groups"] if files.scores(name).rows.is_file()]
    return found


def running_runs() -> set[str]:
    """Return the runs that are being trained: their lock is held here, or, elsewhere, their record has just grown.

    Whether a lock is held is read from the system: asking for the lock itself could refuse it to a training.
    """
    held, found = set[str](), set[str]()
    with contextlib.suppress(OSError):
        held = {line.split()[-3].split(":")[-1] for line in Path("/proc/locks").read_text().splitlines()}
    for training in locked_scratch():
        with contextlib.suppress(OSError):
            here = str(training.lock.stat().st_ino) in held
            if here or time.time() - training.history.stat().st_mtime < STALE_AFTER:
                found.add(training.key)
    return found


def steps_done(key: str) -> int:
    """Return how many steps a running training has done, by the last line of its growing record."""
    records = [training.history for training in locked_scratch(key) if training.history.is_file()]
    try:
        return last_step(max(records, key=lambda path: path.stat().st_mtime))
    except (OSError, ValueError, LookupError, TypeError, OverflowError):  # none yet, none any more, or damaged
        return 0


def clock(seconds: float) -> str:
    """Write a time as h:mm:ss, rounded to the second: 3725 is 1:02:05."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def time_left(params: Params, plan: Plan, found: StudyProgress) -> str:
    """Return "0:06:10 trained, about 0:08:30 left": by what was measured on this device, shared by what is running."""
    from sharploss.planning.cost import predict_seconds

    keys = [*found.running, *found.left]
    predicted = predict_seconds(params, {key: plan["runs"][key] for key in keys})
    known = {key: seconds for key, seconds in predicted.items() if seconds is not None}
    for key, steps in found.running.items():
        if key in known:
            known[key] *= max(0.0, 1 - steps / params.recipes[plan["runs"][key]["recipe"]].steps)
    trained = f"{clock(found.trained)} trained"
    if keys and not known:
        return f"{trained}, left not known"
    more = f" and {len(keys) - len(known)} runs not known" if len(known) < len(keys) else ""
    return f"{trained}, about {clock(sum(known.values()) / max(1, len(found.running)))} left{more}"


def print_progress(params: Params, plan: Plan, name: str, *, aloud: bool = True) -> None:
    """Print "KEY [37/134, 0:06:10 trained, about 0:08:30 left]" for a run, or a group's place among groups."""
    if not aloud:  # one of several processes that share a run, or one that writes nothing
        return
    found = look(plan)
    here, most = [*found.done, *found.failed], len(plan["runs"])
    if name in plan["groups"]:
        here, most = found.measured, len(plan["groups"])
    number = 1 + sum(other != name for other in here)
    print(f"{name} [{number}/{most}, {time_left(params, plan, found)}]", flush=True)


def summarise(plan: Plan, found: StudyProgress) -> str:
    """Return one line on a whole study, without the time."""
    return (
        f"{plan['study']}: {len(found.done)} of {len(plan['runs'])} runs done, {len(found.running)} running, "
        f"{len(found.failed)} failed, {len(found.left)} left; "
        f"{len(found.measured)} of {len(plan['groups'])} groups measured"
    )


def screen(params: Params, plan: Plan, found: StudyProgress) -> list[str]:
    """Return the study's lines, then those of each run that is running or failed."""
    steps = {key: params.recipes[plan["runs"][key]["recipe"]].steps for key in found.running}
    return [
        *summarise(plan, found).split("; "),
        time_left(params, plan, found),
        *(f"  running {key}: {done} of {steps[key]} steps" for key, done in found.running.items()),
        *(f"  failed  {key}: {reason}" for key, reason in found.failed.items()),
    ]


def main(arguments: Sequence[str]) -> int:
    """Run the command with these arguments and return its exit code."""
    parser = make_parser("status", DESCRIPTION)
    parser.add_argument("--watch", action="store_true", help="refresh every few seconds, until all is done or Ctrl-C")
    asked = parser.parse_args(arguments)
    params = load_params()
    plan = check_plan(params)
    if asked.watch:
        return watch(params, plan)
    print(*screen(params, plan, look(plan)), sep="\n")
    return 0


def watch(params: Params, plan: Plan) -> int:
    """Show the study in place on a terminal, elsewhere a line at each change, until all is trained and measured."""
    terminal, shown, last = sys.stdout.isatty(), 0, ""
    try:
        while True:
            found = look(plan)
            if terminal:
                columns, rows = shutil.get_terminal_size()
                lines = screen(params, plan, found)[: rows - 1]
                up = f"\033[{shown}F\033[J" if shown else ""
                print(up + "\n".join(line[: columns - 1] for line in lines), flush=True)
                shown = len(lines)
            elif summarise(plan, found) != last:
                last = summarise(plan, found)
                print(f"{time.strftime('%H:%M:%S')} {last}; {time_left(params, plan, found)}", flush=True)
            if not (found.left or found.running) and len(found.measured) == len(plan["groups"]):
                return 0
            time.sleep(PAUSE)
    except KeyboardInterrupt:
        return 130
