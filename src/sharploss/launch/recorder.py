"""What goes on beside the trainings: DVC takes note of their results, and what they need not wait for is measured."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharploss.launch.engines import Task
from sharploss.launch.jobs import DVC, Job
from sharploss.launch.training import stamps
from sharploss.launch.worker import log_path
from sharploss.record.keys import stage_key

PAUSE = 30.0
"""Seconds between two recordings: DVC takes as long for one run as for all, and trainings wait for neither."""

UNTRAINED = ("input_baselines", "protocols", "calibrate")
"""Stages that measure, and depend on no training."""


@dataclass
class Recorder:
    """Has DVC record finished runs, all that wait for it in one command, and measure.

    Both go on beside the trainings, one command of each kind at a time; groups are evaluated when all of their runs are
    recorded. What a run has read must be as it was: where it was changed meanwhile, DVC is told nothing, and the run is
    trained again by the next launch.
    """

    study: str
    jobs: Sequence[Job]
    say: Callable[[str], None]
    dvc: Sequence[str] = DVC
    failed: list[str] = field(default_factory=list[str])
    recorded: set[str] = field(default_factory=set[str])
    waiting: list[Task] = field(default_factory=list[Task])
    writing: list[Task] = field(default_factory=list[Task])
    stages: list[str] = field(default_factory=list[str])
    measuring: list[str] = field(default_factory=list[str])
    commit: Any = None
    evaluation: Any = None
    since: float = field(default_factory=time.monotonic)

    def add(self, task: Task) -> None:
        """Have a finished run recorded; one that DVC itself has run is."""
        if "read" not in task.about:
            self.recorded.add(task.job.key)
        elif stamps(path for path in map(Path, task.about["read"]) if path.exists()) != task.about["read"]:
            self.failed.append(task.job.key)
            self.say(f"{task.job.key}: what it was trained from has changed meanwhile: launch again to train it again")
        else:
            self.waiting.append(task)

    def poll(self, *, evaluate: bool = True, last: bool = False) -> bool:
        """Go on with what is to be done; return whether something is left. `last`: no other training will end."""
        if self.commit is not None and self.commit.poll() is not None:
            self._committed(self.commit.returncode)
        late = last or time.monotonic() - self.since > PAUSE
        if self.commit is None and self.waiting and late:
            self.writing, self.waiting = self.waiting, []
            # A run that has begun meanwhile may read these files: DVC is not to replace them by its copies.
            self.commit = self._start(
                "record", "commit", "--force", "--quiet", "--no-relink", *(task.job.stage for task in self.writing)
            )
        if self.evaluation is not None and self.evaluation.poll() is not None:
            code, self.evaluation = self.evaluation.returncode, None
            names = ", ".join(name.removeprefix(f"evaluate@{self.study}-") for name in self.measuring)
            self.say(f"{names}: {'not all measured: see ' + str(log_path('evaluate')) if code else 'measured'}")
        if self.evaluation is None and self.stages and evaluate:
            self.measuring, self.stages = self.stages, []
            self.evaluation = self._start("evaluate", "repro", "-s", "--keep-going", *self.measuring)
        return bool(self.commit or self.waiting or self.evaluation or (evaluate and self.stages))

    def stop(self, poll: float) -> None:
        """Stop an evaluation, and have all runs recorded that have ended."""
        if self.evaluation is not None:
            os.killpg(self.evaluation.pid, signal.SIGTERM)
            self.evaluation.wait()
            self.evaluation = None
        while self.poll(evaluate=False, last=True):
            time.sleep(poll)

    def _committed(self, code: int) -> None:
        self.commit, self.since = None, time.monotonic()
        for task in self.writing:
            if code:
                self.failed.append(task.job.key)
                self.say(f"{task.job.key}: trained, but DVC did not record it: see {log_path('record')}")
                continue
            self.recorded.add(task.job.key)
            shutil.rmtree(task.about["scratch"], ignore_errors=True)
        missing = {job.group for job in self.jobs if job.key not in self.recorded}
        complete = {task.job.group for task in self.writing} - missing
        self.stages += [f"evaluate@{stage_key(self.study, group)}" for group in sorted(complete)]

    def _start(self, name: str, *words: str) -> Any:
        log_path(name).parent.mkdir(parents=True, exist_ok=True)
        with log_path(name).open("ab") as log:
            return subprocess.Popen([*self.dvc, *words], stdout=log, stderr=log, start_new_session=True)
