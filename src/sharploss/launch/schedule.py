"""Submit jobs: the longest chain first, none before the run that it starts from; a failure does not stop others."""

import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from sharploss.launch.engines import Attempt, Local, Slurm
from sharploss.launch.jobs import Job, work_of
from sharploss.launch.recorder import Recorder
from sharploss.launch.worker import CHECKPOINT_SECONDS
from sharploss.planning.progress import clock, steps_done
from sharploss.record.paths import launch_log

CLEAR = "\r\033[K"
SPAN = 100  # looks that a speed is the mean over


class TimeIsUpError(Exception):
    """The time that a launch was given is over."""


@dataclass
class LaunchProgress:
    """Which jobs have ended so far, and how fast training goes."""

    jobs: Sequence[Job]
    failed: list[str] = field(default_factory=list[str])
    taken: dict[str, float] = field(default_factory=dict[str, float])  # seconds of those that were trained
    done: int = 0
    began: float = field(default_factory=time.monotonic)
    looks: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=SPAN))  # time, steps of all by then

    def look(self, attempts: Sequence[Attempt]) -> None:
        """Note how many steps have been done by now."""
        steps = {job.key: job.steps for job in self.jobs}
        done = sum(steps[key] for key in self.taken) + sum(steps_done(attempt.job.key) for attempt in attempts)
        self.looks.append((time.monotonic(), done))

    def speed(self) -> str:
        """Return ", 540 steps/s", of all trainings together; "" where it is not known."""
        (began, first), (now, last) = (self.looks[0], self.looks[-1]) if self.looks else ((0.0, 0), (0.0, 0))
        return f", {(last - first) / (now - began):.0f} steps/s" if now > began and last > first else ""

    def state(self, running: int) -> str:
        """Return "2/9 done, 3 running, 9 steps/s, 0:06:10 elapsed, about 0:10:00 left": at the speed so far, shared."""
        work = work_of(self.jobs)
        pace = 1.0 if all(job.seconds is not None for job in self.jobs) else None  # seconds per unit of work
        if self.taken:
            pace = sum(self.taken.values()) / sum(work[key] for key in self.taken)
        ahead = sum(work.values()) - sum(work[key] for key in (*self.taken, *self.failed))
        left = "time left not known" if pace is None else f"about {clock(pace * ahead / max(1, running))} left"
        ended, elapsed = self.done + len(self.failed), clock(time.monotonic() - self.began)
        return f"{ended}/{len(self.jobs)} done, {running} running{self.speed()}, {elapsed} elapsed, {left}"


def say(text: str) -> None:
    """Print a line with the time of day, in place of the live one."""
    print(f"{CLEAR if sys.stdout.isatty() else ''}{time.strftime('%H:%M:%S')} {text}", flush=True)


def show(text: str) -> None:
    """Show a line until something else is said, on a terminal."""
    if sys.stdout.isatty():
        print(f"{CLEAR}{text}", end="", flush=True)


def run_jobs(
    jobs: Sequence[Job],
    engine: Local | Slurm,
    recorder: Recorder,
    *,
    until: float | None = None,
    poll: float | None = None,
) -> list[str]:
    """Run jobs, in their order, to their end and return the keys of those that failed or could not begin.

    `until` is when to stop, by time.monotonic, `poll` the seconds between two looks. On KeyboardInterrupt and
    TimeIsUpError every job is asked to stop and given time to write its checkpoint, and what has ended is recorded.
    """
    waiting, attempts, progress = list(jobs), list[Attempt](), LaunchProgress(jobs)
    poll = engine.pause if poll is None else poll
    try:
        while waiting or attempts or recorder.poll(last=True):
            if until is not None and time.monotonic() > until:
                raise TimeIsUpError
            _drop_dependents(waiting, progress)
            _submit(waiting, attempts, engine)
            for attempt, code in engine.poll(attempts):
                attempts.remove(attempt)
                _end(attempt, code, progress, recorder)
                say(progress.state(len(attempts)))
            busy = recorder.poll(last=not (waiting or attempts))
            progress.look(attempts)
            show(progress.state(len(attempts)))
            if waiting or attempts or busy:
                time.sleep(poll)
    except (KeyboardInterrupt, TimeIsUpError) as reason:
        say(f"stopping {len(attempts)} runs; the same command goes on from here")
        _stop(attempts, engine, progress, recorder, poll)
        recorder.stop(poll, publish=isinstance(reason, TimeIsUpError))
        raise
    finally:
        engine.close()
    return progress.failed + recorder.failed


def _drop_dependents(waiting: list[Job], progress: LaunchProgress) -> None:
    for job in list(waiting):  # a run comes before those that start from it, so that one failure reaches all of them
        if job.after in progress.failed:
            waiting.remove(job)
            progress.failed.append(job.key)
            say(f"{job.key}: not trained, it starts from {job.after}, which failed")


def _submit(waiting: list[Job], attempts: list[Attempt], engine: Local | Slurm) -> None:
    unfinished = {job.key for job in waiting} | {attempt.job.key for attempt in attempts}
    ready = [job for job in waiting if job.after not in unfinished]
    for attempt in engine.submit(ready) if ready else ():
        waiting.remove(attempt.job)
        attempts.append(attempt)
        begun = f"begun on {attempt.where}" if attempt.where else f"queued as job {attempt.handle.job_id}"
        predicted = f", {clock(attempt.job.seconds)} predicted" if attempt.job.seconds is not None else ""
        say(f"{attempt.job.key}: {begun}{predicted}")


def _end(attempt: Attempt, code: int, progress: LaunchProgress, recorder: Recorder) -> None:
    key = attempt.job.key
    if code:
        progress.failed.append(key)
        say(f"{key}: failed ({f'exit code {code}' if code > 0 else 'its worker died'}): see {launch_log(key)}")
        return
    progress.done += 1
    recorder.add(attempt)
    if attempt.started is not None:
        progress.taken[key] = time.monotonic() - attempt.started
    say(f"{key}: done{f' in {clock(progress.taken[key])}' if key in progress.taken else ''}")


def _stop(
    attempts: list[Attempt], engine: Local | Slurm, progress: LaunchProgress, recorder: Recorder, poll: float
) -> None:
    engine.cancel(attempts)
    until = time.monotonic() + CHECKPOINT_SECONDS
    while attempts and time.monotonic() < until:
        for attempt, code in engine.poll(attempts):
            attempts.remove(attempt)
            if code == 0:  # it came to its end meanwhile
                _end(attempt, code, progress, recorder)
        time.sleep(poll)
