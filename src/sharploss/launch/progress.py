"""How far the trainings are: read from their growing records, shown as a table on terminals, else as lines."""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from sharploss.launch.engines import Task
from sharploss.launch.jobs import Job

TAIL = 4096  # bytes of a record that surely hold its last line with a step


def last_step(key: str, scratch: Path = Path(".scratch")) -> int:
    """Read how many steps a run has done, from the record that it wrote last; 0 when there is none."""
    # A key can be the beginning of another; what follows it is twelve hexadecimal digits.
    records = list(scratch.glob(f"{key}-{'[0-9a-f]' * 12}/history.jsonl"))
    if not records:
        return 0
    newest = max(records, key=lambda path: path.stat().st_mtime)
    with newest.open("rb") as file:
        file.seek(max(0, newest.stat().st_size - TAIL))
        lines = file.read().split(b"\n")
    # What stands before the first end of line may be half a line, what comes after the last one is.
    steps = [json.loads(line).get("step", 0) for line in lines[:-1] if line.startswith(b"{") and line.endswith(b"}")]
    return steps[-1] if steps else 0


class Pace:
    """How fast a run goes: measured from its first step seen, predicted before there is a second."""

    def __init__(self, job: Job, step: int, now: float) -> None:
        self.job, self.first, self.since, self.step, self.now = job, step, now, step, now

    def see(self, step: int, now: float) -> None:
        """Note a step that was reached at `now` (seconds)."""
        if step < self.first:
            self.first, self.since = step, now
        if step != self.step or step == self.first:
            self.step, self.now = step, now
        if step == self.first:
            self.since = now

    def left(self, now: float) -> float:
        """Give the seconds that are left at `now`."""
        remaining = self.job.steps - self.step
        if self.step == self.first:
            return remaining * self.job.seconds / self.job.steps
        seconds = remaining * (self.now - self.since) / (self.step - self.first)
        return max(0.0, seconds - (now - self.now))


class Board:
    """What runs where: a table that is drawn anew on a terminal, one line for each event elsewhere."""

    def __init__(self, jobs: Sequence[Job], out: TextIO = sys.stdout) -> None:
        self.jobs, self.out, self.live = list(jobs), out, out.isatty()
        self.drawn, self.paces = 0, dict[str, Pace]()
        self.ended: set[str] = set()

    def event(self, text: str) -> None:
        """Tell an event."""
        self._erase()
        print(f"{time.strftime('%H:%M:%S')} {text}", file=self.out, flush=True)

    def end(self, key: str) -> None:
        """Count a run as done with, however it ended."""
        self.ended.add(key)
        self.paces.pop(key, None)

    def draw(self, tasks: Sequence[Task], now: float | None = None) -> None:
        """Draw the table, on a terminal."""
        if not self.live:
            return
        lines = self.table(tasks, time.monotonic() if now is None else now)
        width, height = os.get_terminal_size(self.out.fileno())
        self._erase()
        self.drawn = min(len(lines), height - 1)
        print("\n".join(line[: width - 1] for line in lines[: self.drawn]), file=self.out, flush=True)

    def table(self, tasks: Sequence[Task], now: float) -> list[str]:
        """Give the table's lines: the running runs with steps done and time left, and the sum."""
        running = [task for task in tasks if task.where]
        lines = [f"{'run':<44}{'where':<18}{'step':>16}{'left':>9}"]
        for task in running:
            pace, job = self._pace(task, now), task.job
            lines.append(f"{job.key:<44}{task.where:<18}{f'{pace.step}/{job.steps}':>16}{clock(pace.left(now)):>9}")
        waiting = len(self.jobs) - len(self.ended) - len(running)
        lines.append(f"{len(self.ended)} done, {len(running)} running, {waiting} waiting; {self.remaining(tasks, now)}")
        return lines

    def remaining(self, tasks: Sequence[Task], now: float) -> str:
        """Say how long all of it will take: what is left, shared by the workers that run now."""
        running = {task.job.key: self._pace(task, now).left(now) for task in tasks if task.where}
        ahead = [running.get(job.key, job.seconds) for job in self.jobs if job.key not in self.ended]
        spread = sum(ahead) / max(1, len(running))
        return f"about {clock(max([spread, *running.values()], default=0.0))} left"

    def _pace(self, task: Task, now: float) -> Pace:
        step = last_step(task.job.key)
        pace = self.paces.setdefault(task.job.key, Pace(task.job, step, now))
        pace.see(step, now)
        return pace

    def _erase(self) -> None:
        if self.drawn:
            print(f"\x1b[{self.drawn}A\x1b[J", end="", file=self.out, flush=True)
            self.drawn = 0


def clock(seconds: float) -> str:
    """Write a time as h:mm:ss, rounded to the second: 3725 is 1:02:05."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
