"""Hand out jobs: the longest chain first, none before the run that it starts from; a failure does not stop others."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from sharploss.launch.engines import Local, Slurm, Task
from sharploss.launch.jobs import Job, work_of
from sharploss.launch.worker import CHECKPOINT_SECONDS, log_path

POLL = 1.0  # seconds between two looks at the jobs


@dataclass
class Progress:
    """What has ended so far: `failed` in all, and `taken`, the seconds of those that were trained."""

    jobs: Sequence[Job]
    failed: list[str] = field(default_factory=list[str])
    taken: dict[str, float] = field(default_factory=dict[str, float])
    done: int = 0

    def state(self, running: int) -> str:
        """Return "2/9 done, 3 running, about 0:10:00 left": what is left at the speed of what was trained, shared."""
        work = work_of(self.jobs)
        pace = 1.0 if all(job.seconds is not None for job in self.jobs) else None  # seconds per unit of work
        if self.taken:
            pace = sum(self.taken.values()) / sum(work[key] for key in self.taken)
        ahead = sum(work.values()) - sum(work[key] for key in (*self.taken, *self.failed))
        left = "time left not known" if pace is None else f"about {clock(pace * ahead / max(1, running))} left"
        return f"{self.done + len(self.failed)}/{len(self.jobs)} done, {running} running, {left}"


def clock(seconds: float) -> str:
    """Write a time as h:mm:ss, rounded to the second: 3725 is 1:02:05."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def say(text: str) -> None:
    """Print a line with the time of day."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def run_jobs(jobs: Sequence[Job], engine: Local | Slurm, poll: float = POLL) -> list[str]:
    """Run jobs to their end and return the keys of those that failed or could not begin.

    Args:
        jobs: in the order in which they are to begin.
        engine: where they run.
        poll: seconds between two looks.

    Raises:
        KeyboardInterrupt: as it came; by then every job was asked to stop and given time to write its checkpoint.
    """
    waiting, tasks, progress = list(jobs), list[Task](), Progress(jobs)
    try:
        while waiting or tasks:
            _drop_dependents(waiting, progress)
            _submit(waiting, tasks, engine)
            for task, code in engine.poll(tasks):
                tasks.remove(task)
                _end(task, code, progress)
                say(progress.state(len(tasks)))
            if tasks:
                time.sleep(poll)
    except KeyboardInterrupt:
        say(f"stopping {len(tasks)} runs; the same command goes on from here")
        _stop(tasks, engine, poll)
        raise
    return progress.failed


def _drop_dependents(waiting: list[Job], progress: Progress) -> None:
    for job in list(waiting):  # a run comes before those that start from it, so that one failure reaches all of them
        if job.after in progress.failed:
            waiting.remove(job)
            progress.failed.append(job.key)
            say(f"{job.key}: not trained, it starts from {job.after}, which failed")


def _submit(waiting: list[Job], tasks: list[Task], engine: Local | Slurm) -> None:
    unfinished = {job.key for job in waiting} | {task.job.key for task in tasks}
    ready = [job for job in waiting if job.after not in unfinished][: engine.room()]
    for task in engine.submit(ready) if ready else ():
        waiting.remove(task.job)
        tasks.append(task)
        begun = f"begun on {task.where}" if task.where else f"queued as job {task.handle.job_id}"
        predicted = f", {clock(task.job.seconds)} predicted" if task.job.seconds is not None else ""
        say(f"{task.job.key}: {begun}{predicted}")


def _end(task: Task, code: int, progress: Progress) -> None:
    key = task.job.key
    if code:
        progress.failed.append(key)
        say(f"{key}: failed ({f'exit code {code}' if code > 0 else 'its worker died'}): see {log_path(key)}")
        return
    progress.done += 1
    if task.started is not None:
        progress.taken[key] = time.monotonic() - task.started
    say(f"{key}: done{f' in {clock(progress.taken[key])}' if key in progress.taken else ''}")


def _stop(tasks: list[Task], engine: Local | Slurm, poll: float) -> None:
    engine.cancel(tasks)
    until = time.monotonic() + CHECKPOINT_SECONDS
    while tasks and time.monotonic() < until:
        for task, _ in engine.poll(tasks):
            tasks.remove(task)
        time.sleep(poll)
