"""Handing out jobs: the longest first, none before the run that it starts from, failures to the side."""

import time
from collections.abc import Sequence

from sharploss.launch.engines import Engine, Task
from sharploss.launch.jobs import Job
from sharploss.launch.progress import Board, clock
from sharploss.launch.worker import LAST_WORDS, log_path

POLL = 1.0  # seconds between two looks at the jobs


def run_jobs(jobs: Sequence[Job], engine: Engine, board: Board, poll: float = POLL) -> list[str]:
    """Run jobs to their end; gives the keys of those that failed or could not begin.

    Args:
        jobs: in the order in which they are to begin.
        engine: where they run.
        board: is told what happens.
        poll: seconds between two looks.

    Raises:
        KeyboardInterrupt: as it came; by then every job was told to stop and given time to write its checkpoint.
    """
    waiting, tasks = list(jobs), list[Task]()
    failed: list[str] = []
    try:
        while waiting or tasks:
            _hand_out(waiting, tasks, failed, engine, board)
            for task, code in engine.poll(tasks):
                tasks.remove(task)
                _end(task, code, failed, board)
            board.draw(tasks)
            if tasks:
                time.sleep(poll)
    except KeyboardInterrupt:
        board.event(f"stopping {len(tasks)} runs; the same command goes on from here")
        _stop(tasks, engine, poll)
        raise
    return failed


def _hand_out(waiting: list[Job], tasks: list[Task], failed: list[str], engine: Engine, board: Board) -> None:
    for job in list(waiting):  # a run comes before those that start from it, so that one failure reaches all of them
        if job.after not in failed:
            continue
        waiting.remove(job)
        failed.append(job.key)
        board.end(job.key)
        board.event(f"{job.key}: not trained, it starts from {job.after}, which failed")
    unfinished = {job.key for job in waiting} | {task.job.key for task in tasks}
    ready = [job for job in waiting if job.after not in unfinished][: engine.room()]
    if not ready:
        return
    for task in engine.submit(ready):
        waiting.remove(task.job)
        tasks.append(task)
        predicted = clock(task.job.seconds)
        board.event(
            f"{task.job.key}: begun on {task.where}, {predicted} predicted"
            if task.where
            else f"{task.job.key}: queued as job {task.handle.job_id}, {predicted} predicted"
        )


def _end(task: Task, code: int, failed: list[str], board: Board) -> None:
    key = task.job.key
    board.end(key)
    if code == 0:
        taken = f" in {clock(time.monotonic() - task.started)}" if task.started else ""
        board.event(f"{key}: done{taken}")
        return
    failed.append(key)
    how = f"exit code {code}" if code >= 0 else "its worker died"
    board.event(f"{key}: failed ({how}): see {log_path(key)}")


def _stop(tasks: list[Task], engine: Engine, poll: float) -> None:
    engine.cancel(tasks)
    until = time.monotonic() + LAST_WORDS
    while tasks and time.monotonic() < until:
        for task, _ in engine.poll(tasks):
            tasks.remove(task)
        time.sleep(poll)
