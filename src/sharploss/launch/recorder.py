"""Recording in DVC what has been trained and measured, beside the trainings."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharploss.launch.engines import Attempt
from sharploss.launch.measuring import Measurements
from sharploss.launch.training import stamps
from sharploss.record.keys import stage_name
from sharploss.record.paths import launch_log
from sharploss.utils.cores import core_count

COMMIT = (sys.executable, "-P", "-m", "sharploss.launch.commit")

# Seconds between two recordings: DVC takes as long for one run as for all, and nothing waits for it. What was trained
# and not recorded is found again by the next launch.
PAUSE = 300.0
LAST_SCORES = 30.0  # seconds in which scores of incomplete groups are written at the end of a launch's time
LOG = launch_log("record")


@dataclass
class Recorder:
    """Passes finished runs on to be measured, and records runs and scores in DVC, all that wait in one command.

    What a run or an evaluation has read must be as it was: where it was changed meanwhile, DVC is told nothing, and it
    is done again by the next launch.
    """

    study: str
    measurements: Measurements
    say: Callable[[str], None]
    record: Sequence[str] = COMMIT
    failed: list[str] = field(default_factory=list[str])
    waiting: list[Attempt] = field(default_factory=list[Attempt])
    writing: list[Attempt] = field(default_factory=list[Attempt])
    commit: Any = None
    since: float = field(default_factory=time.monotonic)

    def add(self, attempt: Attempt) -> None:
        """Queue a finished run for measuring, and for recording unless DVC itself has run it."""
        key = attempt.job.key
        if not _as_it_was(attempt.about.get("read", {})):
            self.failed.append(key)
            self.say(f"{key}: what it was trained from has changed meanwhile: launch again to train it again")
            return
        self.measurements.trained(key)
        if "read" in attempt.about:
            self.waiting.append(attempt)

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
        """Stop measuring, and record all that has ended; `publish`: with scores of what was measured so far."""
        if publish:
            self.measurements.publish()
        until = time.monotonic() + LAST_SCORES
        while publish and time.monotonic() < until and self.measurements.poll(last=True, most=core_count()):
            time.sleep(poll)
        self.measurements.stop()
        while self.poll(measure=False, last=True):
            time.sleep(poll)

    def _commit(self) -> None:
        measured, self.measurements.done = self.measurements.done, []
        self.writing, self.waiting = self.waiting, []
        stages = [attempt.job.stage for attempt in self.writing]
        for stage, group, read in measured:
            name = stage_name(stage, self.study, group)
            if _as_it_was(read):
                stages.append(name)
            else:
                self.say(f"{name}: what it was measured from has changed meanwhile: it is measured again")
        if stages:
            LOG.parent.mkdir(parents=True, exist_ok=True)
            with LOG.open("ab") as log:
                self.commit = subprocess.Popen([*self.record, *stages], stdout=log, stderr=log, start_new_session=True)

    def _committed(self, code: int) -> None:
        self.commit, self.since = None, time.monotonic()
        for attempt in self.writing:
            if code:
                self.failed.append(attempt.job.key)
                self.say(f"{attempt.job.key}: trained, but DVC did not record it: see {LOG}")
            else:
                shutil.rmtree(attempt.about["scratch"], ignore_errors=True)
        self.writing = []


def _as_it_was(read: Mapping[str, Any]) -> bool:
    return stamps(path for path in map(Path, read) if path.exists()) == read
