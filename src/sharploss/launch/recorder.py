"""What follows a training while others go on: DVC takes note of its results, and a complete group is evaluated."""

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


@dataclass
class Recorder:
    """Has DVC record finished runs, all that wait for it in one command, and evaluate groups.

    Both go on beside the trainings, one command of each kind at a time. What a run has read must be as it was: where it
    was changed meanwhile, DVC is told nothing, and the run is trained again by the next launch.
    """

    study: str
    jobs: Sequence[Job]
    say: Callable[[str], None]
    dvc: Sequence[str] = DVC
    failed: list[str] = field(default_factory=list[str])
    recorded: set[str] = field(default_factory=set[str])
    waiting: list[Task] = field(default_factory=list[Task])
    writing: list[Task] = field(default_factory=list[Task])
    groups: list[str] = field(default_factory=list[str])
    commit: Any = None
    evaluation: Any = None

    def add(self, task: Task) -> None:
        """Have a finished run recorded; one that DVC itself has run is."""
        if "read" not in task.about:
            self.recorded.add(task.job.key)
        elif stamps(path for path in map(Path, task.about["read"]) if path.exists()) != task.about["read"]:
            self.failed.append(task.job.key)
            self.say(f"{task.job.key}: what it was trained from has changed meanwhile: launch again to train it again")
        else:
            self.waiting.append(task)

    def poll(self, *, evaluate: bool = True) -> bool:
        """Go on with what is to be done; return whether something is left."""
        if self.commit is not None and self.commit.poll() is not None:
            self._committed(self.commit.returncode)
        if self.commit is None and self.waiting:
            self.writing, self.waiting = self.waiting, []
            self.commit = self._start(
                "record", "commit", "--force", "--quiet", *(task.job.stage for task in self.writing)
            )
        if self.evaluation is not None and self.evaluation.poll() is not None:
            code, self.evaluation = self.evaluation.returncode, None
            group = self.groups.pop(0)
            self.say(f"{group}: {'not evaluated: see ' + str(log_path('evaluate')) if code else 'evaluated'}")
        if self.evaluation is None and self.groups and evaluate:
            self.evaluation = self._start(
                "evaluate", "repro", "-s", f"evaluate@{stage_key(self.study, self.groups[0])}"
            )
        return bool(self.commit or self.waiting or self.evaluation or (evaluate and self.groups))

    def stop(self, poll: float) -> None:
        """Stop an evaluation, and have all runs recorded that have ended."""
        if self.evaluation is not None:
            os.killpg(self.evaluation.pid, signal.SIGTERM)
            self.evaluation.wait()
            self.evaluation = None
        while self.poll(evaluate=False):
            time.sleep(poll)

    def _committed(self, code: int) -> None:
        self.commit = None
        for task in self.writing:
            if code:
                self.failed.append(task.job.key)
                self.say(f"{task.job.key}: trained, but DVC did not record it: see {log_path('record')}")
                continue
            self.recorded.add(task.job.key)
            shutil.rmtree(task.about["scratch"], ignore_errors=True)
            if all(job.key in self.recorded for job in self.jobs if job.group == task.job.group):
                self.groups.append(task.job.group)

    def _start(self, name: str, *words: str) -> Any:
        log_path(name).parent.mkdir(parents=True, exist_ok=True)
        with log_path(name).open("ab") as log:
            return subprocess.Popen([*self.dvc, *words], stdout=log, stderr=log, start_new_session=True)
