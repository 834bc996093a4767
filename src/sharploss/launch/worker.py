"""What workers do: answer requests, train a run by DVC under its lock, and pass on a request to stop."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TextIO

from sharploss.launch.jobs import DVC
from sharploss.record.paths import launch_lock, launch_log
from sharploss.utils.errors import UserError
from sharploss.utils.optional import optional_package

STOPPED = 75  # EX_TEMPFAIL, as pipelines/train.py has it
CHECKPOINT_SECONDS = 60  # that a training has to write its checkpoint once it is asked to stop


@dataclass
class Work:
    """The training of one run, as submitit sends it to a worker and calls it there."""

    key: str
    stage: str  # of DVC
    workspace: str  # the study's folder
    environment: dict[str, str] = field(default_factory=dict[str, str])  # beside the worker's

    def __call__(self) -> int:
        """Train the run by DVC and return its exit code."""
        os.chdir(self.workspace)
        with logged(self.key) as log:
            return run([*DVC, "repro", "-s", self.stage], self.environment, log)

    def checkpoint(self) -> Any:
        """Return what Slurm is to run again when its time limit or a preemption ends this job: the same."""
        submitit = optional_package("submitit")
        stop_child()
        return submitit.helpers.DelayedSubmission(self)


def serve(answer: Callable[[str], dict[str, Any]]) -> int:
    """Answer each line of standard input with a line of JSON, to its end or a code that is not 0; return the last.

    After a fault whoever gives out the work starts another process: nothing of it reaches what comes next.
    """
    code = 0
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # nothing else gets into them
        for line in sys.stdin:
            try:
                said = answer(line.strip())
            except Exception as error:
                print_fault(error)
                said = {"code": 1}
            sys.stdout.flush()
            print(json.dumps(said), file=answers, flush=True)
            if code := int(said["code"]):
                break
    return code


def print_fault(error: Exception) -> None:
    """Print an error, and where it happened unless a user can put it right."""
    print(f"error: {error}" if isinstance(error, UserError) else traceback.format_exc(), file=sys.stderr)


@contextlib.contextmanager
def locked(name: str, *, wait: bool = True) -> Generator[None]:
    """Hold a lock of the study's folder, which the system releases when its holder ends, however it ends.

    BlockingIOError where another process holds it, and it is not waited for.
    """
    path = launch_lock(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@contextlib.contextmanager
def logged(key: str) -> Generator[TextIO]:
    """Hold a run's lock, since a worker whose launcher was killed may still train it, and append to its log."""
    path = launch_log(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(key), path.open("a", encoding="utf-8") as log:
        print(f"== {time.strftime('%Y-%m-%d %H:%M:%S')} {os.uname().nodename}", file=log, flush=True)
        yield log


_children: list[subprocess.Popen[bytes]] = []


def run(command: list[str], environment: dict[str, str], log: Any) -> int:
    """Run a command, in a session of its own, and return its exit code; a SIGTERM to this process goes to all of it."""
    variables, nothing = {**os.environ, **environment}, subprocess.DEVNULL
    child = subprocess.Popen(
        command, env=variables, stdin=nothing, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    _children.append(child)
    previous = signal.signal(signal.SIGTERM, _stop)  # submitit would only take note of it
    try:
        return child.wait()
    finally:
        signal.signal(signal.SIGTERM, previous)
        _children.remove(child)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    stop_child()
    # No result: a job that Slurm has stopped to queue it again must not look like one that came to an end.
    os._exit(STOPPED)


def stop_child() -> None:
    """Ask DVC and the training below it to stop, and wait until the training has written its checkpoint."""
    for child in _children:
        until = time.monotonic() + CHECKPOINT_SECONDS
        signal_group(child, signal.SIGTERM)
        while signal_group(child, 0) and time.monotonic() < until:
            time.sleep(0.1)
        signal_group(child, signal.SIGKILL)


def signal_group(child: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal to all that a child has started and return whether something of it is alive."""
    # A zombie counts as alive. Popen's own poll would not reap it: this runs in the middle of its wait.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child.pid, os.WNOHANG)
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return False
    return True
