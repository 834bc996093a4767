"""DVC takes note of what has been trained and measured, beside the trainings."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharploss.launch.engines import Task
from sharploss.launch.measuring import Measurements
from sharploss.launch.training import stamps
from sharploss.launch.worker import log_path
from sharploss.record.keys import stage_key
from sharploss.utils.cores import core_count

COMMIT = (sys.executable, "-P", "-m", "sharploss.launch.commit")

# Seconds between two recordings: DVC takes as long for one run as for all, and nothing waits for it. What was trained
# and not recorded is found again by the next launch.
PAUSE = 300.0
PUBLISHED = 30.0  # seconds in which scores of incomplete groups are written at the end of a launch's time


@dataclass
class Recorder:
    """Has runs measured, and DVC record finished runs and scores, all that wait for it in one command.

    What a run or an evaluation has read must be as it was: where it was changed meanwhile, DVC is told nothing, and it
    is done again by the next launch.
    """

    study: str
    measurements: Measurements
    say: Callable[[str], None]
    record: Sequence[str] = COMMIT
    failed: list[str] = field(default_factory=list[str])
    waiting: list[Task] = field(default_factory=list[Task])
    writing: list[Task] = field(default_factory=list[Task])
    commit: Any = None
    since: float = field(default_factory=time.monotonic)

    def add(self, task: Task) -> None:
        """Have a finished run measured and recorded; one that DVC itself has run is recorded."""
        if not _as_it_was(task.about.get("read", {})):
            self.failed.append(task.job.key)
            self.say(f"{task.job.key}: what it was trained from has changed meanwhile: launch again to train it again")
            return
        self.measurements.trained(task.job.key)
        if "read" in task.about:
            self.waiting.append(task)

    def poll(self, *, measure: bool = True, last: bool = False) -> bool:
        """Go on with what is to be done; return whether something is left. `last`: no other training will end."""
        busy = measure and self.measurements.poll(last=last, most=core_count())
        if self.commit is not None and self.commit.poll() is not None:
            self._committed(self.commit.returncode)
        late = (last and not busy) or time.monotonic() - self.since > PAUSE
        if self.commit is None and late and (self.waiting or self.measurements.done):
            self._commit()
        left = bool(busy or self.commit or self.waiting or self.measurements.done)
        if last and not left:
            self.measurements.stop()
        return left

    def stop(self, poll: float, *, publish: bool = False) -> None:
        """Stop measuring, and have all recorded that has ended; `publish`: with scores of what was measured so far."""
        if publish:
            self.measurements.publish()
        until = time.monotonic() + PUBLISHED
        while publish and time.monotonic() < until and self.measurements.poll(last=True, most=core_count()):
            time.sleep(poll)
        self.measurements.stop()
        while self.poll(measure=False, last=True):
            time.sleep(poll)

    def _commit(self) -> None:
        measured, self.measurements.done = self.measurements.done, []
        self.writing, self.waiting = self.waiting, []
        stages = [task.job.stage for task in self.writing]
        for stage, group, read in measured:
            name = f"{stage}@{stage_key(self.study, group) if group else self.study}"
            if _as_it_was(read):
                stages.append(name)
            else:
                self.say(f"{name}: what it was measured from has changed meanwhile: it is measured again")
        if stages:
            log_path("record").parent.mkdir(parents=True, exist_ok=True)
            with log_path("record").open("ab") as log:
                self.commit = subprocess.Popen([*self.record, *stages], stdout=log, stderr=log, start_new_session=True)

    def _committed(self, code: int) -> None:
        self.commit, self.since = None, time.monotonic()
        for task in self.writing:
            if code:
                self.failed.append(task.job.key)
                self.say(f"{task.job.key}: trained, but DVC did not record it: see {log_path('record')}")
            else:
                shutil.rmtree(task.about["scratch"], ignore_errors=True)
        self.writing = []


def _as_it_was(read: Mapping[str, Any]) -> bool:
    return stamps(path for path in map(Path, read) if path.exists()) == read
