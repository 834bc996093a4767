"""Hand out jobs: the longest chain first, none before the run that it starts from; a failure does not stop others."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sharploss.launch.jobs import Job
from sharploss.launch.progress import Progress, clock
from sharploss.launch.worker import CHECKPOINT_SECONDS, log_path

POLL = 1.0  # seconds between two looks at the jobs


@dataclass
class Task:
    """A job that was submitted: submitit's handle, where it runs ("" while it waits), and since when."""

    job: Job
    handle: Any
    where: str
    started: float | None

    def exit_code(self) -> int:
        """Return the exit code of the worker, or -1 when it died."""
        try:
            return int(self.handle.result())
        except Exception:  # whatever ended it is in submitit's own log
            return -1


class Engine(Protocol):
    """A place where workers run."""

    def room(self) -> int:
        """Return how many more jobs can be submitted."""
        ...

    def submit(self, jobs: Sequence[Job]) -> list[Task]:
        """Submit jobs, the longest first."""
        ...

    def poll(self, tasks: Sequence[Task]) -> list[tuple[Task, int]]:
        """Update the tasks; return those that have ended, with DVC's exit code, or -1 where the worker died."""
        ...

    def cancel(self, tasks: Sequence[Task]) -> None:
        """Ask tasks to stop; trainings write a checkpoint first."""
        ...


def run_jobs(jobs: Sequence[Job], engine: Engine, progress: Progress, poll: float = POLL) -> list[str]:
    """Run jobs to their end and return the keys of those that failed or could not begin.

    Args:
        jobs: in the order in which they are to begin.
        engine: where they run.
        progress: prints what happens.
        poll: seconds between two looks.

    Raises:
        KeyboardInterrupt: as it came; by then every job was asked to stop and given time to write its checkpoint.
    """
    waiting, tasks = list(jobs), list[Task]()
    failed: list[str] = []
    try:
        while waiting or tasks:
            _drop_dependents(waiting, failed, progress)
            _submit(waiting, tasks, engine, progress)
            for task, code in engine.poll(tasks):
                tasks.remove(task)
                _end(task, code, failed, progress)
                progress.event(progress.state(_running(tasks)))
            progress.remind(_running(tasks))
            if tasks:
                time.sleep(poll)
    except KeyboardInterrupt:
        progress.event(f"stopping {len(tasks)} runs; the same command goes on from here")
        _stop(tasks, engine, poll)
        raise
    return failed


def _running(tasks: Sequence[Task]) -> dict[str, float]:
    return {task.job.key: time.monotonic() - task.started for task in tasks if task.started is not None}


def _drop_dependents(waiting: list[Job], failed: list[str], progress: Progress) -> None:
    for job in list(waiting):  # a run comes before those that start from it, so that one failure reaches all of them
        if job.after in failed:
            waiting.remove(job)
            failed.append(job.key)
            progress.ended.add(job.key)
            progress.event(f"{job.key}: not trained, it starts from {job.after}, which failed")


def _submit(waiting: list[Job], tasks: list[Task], engine: Engine, progress: Progress) -> None:
    unfinished = {job.key for job in waiting} | {task.job.key for task in tasks}
    ready = [job for job in waiting if job.after not in unfinished][: engine.room()]
    for task in engine.submit(ready) if ready else ():
        waiting.remove(task.job)
        tasks.append(task)
        begun = f"begun on {task.where}" if task.where else f"queued as job {task.handle.job_id}"
        predicted = f", {clock(task.job.seconds)} predicted" if task.job.seconds is not None else ""
        progress.event(f"{task.job.key}: {begun}{predicted}")


def _end(task: Task, code: int, failed: list[str], progress: Progress) -> None:
    key = task.job.key
    progress.ended.add(key)
    if code == 0:
        if task.started is not None:
            progress.taken[key] = time.monotonic() - task.started
        progress.event(f"{key}: done{f' in {clock(progress.taken[key])}' if key in progress.taken else ''}")
        return
    failed.append(key)
    how = f"exit code {code}" if code >= 0 else "its worker died"
    progress.event(f"{key}: failed ({how}): see {log_path(key)}")


def _stop(tasks: list[Task], engine: Engine, poll: float) -> None:
    engine.cancel(tasks)
    until = time.monotonic() + CHECKPOINT_SECONDS
    while tasks and time.monotonic() < until:
        for task, _ in engine.poll(tasks):
            tasks.remove(task)
        time.sleep(poll)
