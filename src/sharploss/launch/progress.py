"""Progress of a launch in plain lines: what happened, how many runs are done, and the time left."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from sharploss.launch.jobs import Job, work_of

EVERY = 300.0  # seconds between two lines when nothing happens


@dataclass
class Progress:
    """What has ended so far: `ended` are all, `taken` the seconds of those that were trained."""

    jobs: Sequence[Job]
    out: TextIO = field(default_factory=lambda: sys.stdout)
    ended: set[str] = field(default_factory=set[str])
    taken: dict[str, float] = field(default_factory=dict[str, float])
    printed: float = field(default_factory=time.monotonic)

    def event(self, text: str) -> None:
        """Print a line with the time of day."""
        print(f"{time.strftime('%H:%M:%S')} {text}", file=self.out, flush=True)
        self.printed = time.monotonic()

    def remind(self, running: Mapping[str, float]) -> None:
        """Print the state when nothing was printed for a while."""
        if time.monotonic() - self.printed > EVERY:
            self.event(self.state(running))

    def state(self, running: Mapping[str, float]) -> str:
        """Return "2/9 done, 3 running, 0:10:00 left".

        Args:
            running: the runs that are trained now, with the seconds since each began.
        """
        left = self.seconds_left(running)
        about = "time left not known" if left is None else f"about {clock(left)} left"
        return f"{len(self.ended)}/{len(self.jobs)} done, {len(running)} running, {about}"

    def seconds_left(self, running: Mapping[str, float]) -> float | None:
        """Return the seconds until all is done, or None where nothing is done yet and nothing was predicted.

        What is left, at the speed of the runs that are done, is shared by the runs that are trained now.
        """
        work = work_of(self.jobs)
        pace = 1.0 if all(job.seconds is not None for job in self.jobs) else None  # seconds per unit of work
        if self.taken:
            pace = sum(self.taken.values()) / sum(work[key] for key in self.taken)
        if pace is None:
            return None
        ahead = {key: max(0.0, pace * work[key] - running.get(key, 0.0)) for key in work if key not in self.ended}
        longest = max((ahead[key] for key in running if key in ahead), default=0.0)
        return max(longest, sum(ahead.values()) / max(1, len(running)))


def clock(seconds: float) -> str:
    """Write a time as h:mm:ss, rounded to the second: 3725 is 1:02:05."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
