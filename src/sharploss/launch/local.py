"""Workers on this machine, one for each GPU or group of cores, started through submitit."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sharploss.launch.jobs import Job
from sharploss.launch.schedule import Task
from sharploss.launch.worker import FOLDER, Work
from sharploss.utils.errors import UserError

YEAR = 60 * 24 * 365  # minutes


@dataclass
class Slot:
    """A place for one worker: GPUs, or a group of cores."""

    name: str
    environment: dict[str, str]
    cores: tuple[int, ...] = ()


def visible_gpus() -> list[str]:
    """Return this machine's GPUs as CUDA_VISIBLE_DEVICES names them; none where SHARPLOSS_DEVICE is not cuda."""
    if os.environ.get("SHARPLOSS_DEVICE", "cuda") != "cuda":
        return []
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name.strip()]
    import torch

    return [str(index) for index in range(torch.cuda.device_count())]


def make_slots(workers: int | None, gpus_each: int, gpus: Sequence[str], cores: Sequence[int]) -> list[Slot]:
    """Divide this machine into slots: GPUs where there are any, else cores.

    Args:
        workers: how many; when None, as many as there are GPUs for, or one for each core.
        gpus_each: GPUs of one run.
        gpus: their names.
        cores: their numbers.

    Raises:
        UserError: there are not enough GPUs or cores.
    """
    most = len(gpus) // gpus_each if gpus else len(cores)
    workers = workers or most
    if workers > most:
        what = f"{len(gpus)} GPUs, {gpus_each} for each worker" if gpus else f"{len(cores)} cores"
        raise UserError(f"--workers {workers}: this machine has {what}: ask for at most {most}.")
    if gpus:
        sets = [",".join(gpus[index * gpus_each : (index + 1) * gpus_each]) for index in range(workers)]
        several = {"SHARPLOSS_PROCESSES": str(gpus_each)}
        return [Slot(f"GPU {names}", {"CUDA_VISIBLE_DEVICES": names, **several}) for names in sets]
    return [_core_slot(tuple(cores[index::workers])) for index in range(workers)]


def _core_slot(cores: tuple[int, ...]) -> Slot:
    # In exact mode torch computes on one thread, whatever is set here.
    threads = os.environ.get("OMP_NUM_THREADS", str(len(cores)))
    return Slot(f"core {','.join(map(str, cores))}", {"OMP_NUM_THREADS": threads, "CUDA_VISIBLE_DEVICES": ""}, cores)


@dataclass
class Local:
    """Workers on this machine, one for each slot."""

    slots: list[Slot]
    folder: Path = FOLDER / "jobs"
    busy: dict[str, Slot] = field(default_factory=dict[str, Slot])

    def room(self) -> int:
        """Return how many slots are free."""
        return len(self.slots)

    def submit(self, jobs: Sequence[Job]) -> list[Task]:
        """Start a worker for each job, at most as many as there are free slots."""
        from submitit import AutoExecutor

        executor = AutoExecutor(self.folder, cluster="local")
        executor.update_parameters(timeout_min=YEAR)
        tasks: list[Task] = []
        # Ctrl-C on a terminal reaches every process that was started from it, and submitit's would kill the training.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for job in jobs:
                slot = self.busy[job.key] = self.slots.pop(0)
                work = Work(job.key, job.stage, str(Path.cwd()), slot.environment, slot.cores)
                tasks.append(Task(job, executor.submit(work), slot.name, time.monotonic()))
        finally:
            signal.signal(signal.SIGINT, before)
        return tasks

    def poll(self, tasks: Sequence[Task]) -> list[tuple[Task, int]]:
        """Return the tasks that have ended, with their exit codes, and free their slots."""
        ended = [(task, task.exit_code()) for task in tasks if task.handle.done()]
        self.slots += [self.busy.pop(task.job.key) for task, _ in ended]
        return ended

    def cancel(self, tasks: Sequence[Task]) -> None:
        """Send SIGTERM to submitit's process, which passes it on to the worker."""
        for task in tasks:
            if not task.handle.done():
                os.kill(int(task.handle.job_id), signal.SIGTERM)
