"""Where workers run, through submitit: on this machine, or on a Slurm cluster that shares the study's folder."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharploss.launch.jobs import Job
from sharploss.launch.worker import FOLDER, Work
from sharploss.utils.cores import core_count, threads_each
from sharploss.utils.errors import UserError

YEAR = 60 * 24 * 365  # minutes
LOST = 10.0  # seconds that a job may be neither in Slurm's queue nor have left a result: files take time to travel


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

    All workers together compute with at most as many threads as there are cores, and at least one each.

    Args:
        workers: how many; when None, as many as there are GPUs for, or one for each core.
        gpus_each: GPUs of one run, each with a process.
        gpus: their names.
        cores: their numbers.

    Raises:
        UserError: there are not enough GPUs or cores.
    """
    most = len(gpus) // gpus_each if gpus else core_count()
    workers = workers or most
    if workers > most or not workers:
        what = f"{len(gpus)} GPUs, {gpus_each} for each worker" if gpus else f"{most} cores"
        asked = f"--workers {workers}" if workers else f"--gpus {gpus_each}"
        raise UserError(f"{asked}: this machine has {what}: ask for at most {most or len(gpus)}.")
    if not gpus:
        alone = {"OMP_NUM_THREADS": str(threads_each(workers)), "CUDA_VISIBLE_DEVICES": ""}
        groups = [tuple(cores[index::workers]) for index in range(workers)]
        return [Slot(f"core {','.join(map(str, group))}", alone, group) for group in groups]
    several = {"SHARPLOSS_PROCESSES": str(gpus_each), "OMP_NUM_THREADS": str(threads_each(workers * gpus_each))}
    sets = [",".join(gpus[index * gpus_each : (index + 1) * gpus_each]) for index in range(workers)]
    return [Slot(f"GPU {names}", {"CUDA_VISIBLE_DEVICES": names, **several}) for names in sets]


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
        """Send SIGTERM to submitit's process, which passes it on to the worker; its own SIGINT kills after a second."""
        for task in tasks:
            if not task.handle.done():
                os.kill(int(task.handle.job_id), signal.SIGTERM)


@dataclass
class Slurm:
    """Workers on a Slurm cluster.

    Args:
        parameters: of submitit's executor (partition, time in minutes, gpus_per_node, setup, ...), without a prefix.
        workers: how many jobs of an array may run at once.
        array: how many jobs one array may have.
        environment: of the runs.
    """

    parameters: dict[str, Any]
    workers: int
    array: int
    environment: dict[str, str] = field(default_factory=dict[str, str])
    folder: Path = FOLDER / "jobs"
    missing: dict[str, float] = field(default_factory=dict[str, float])

    def room(self) -> int:
        """Return how many jobs one array can have: the queue itself has no end."""
        return self.array

    def submit(self, jobs: Sequence[Job]) -> list[Task]:
        """Submit jobs as one array, in their order."""
        from submitit import SlurmExecutor

        try:
            # Requeued for its time limit, a run goes on: as often as it takes.
            executor = SlurmExecutor(self.folder, max_num_timeout=1000)
        except RuntimeError:
            raise UserError("--engine slurm: there is no srun here: run this on a machine of the cluster.") from None
        try:
            executor.update_parameters(job_name="sharploss", array_parallelism=self.workers, **self.parameters)
            with executor.batch():
                work = [Work(job.key, job.stage, str(Path.cwd()), self.environment) for job in jobs]
                handles = [executor.submit(one) for one in work]
        except ValueError as error:
            raise UserError(f"--slurm: {str(error).splitlines()[0]}.") from None
        except Exception as error:  # submitit has an exception of its own for what sbatch says
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise UserError(f"sbatch refused the jobs ({reason}).") from None
        return [Task(job, handle, "", None) for job, handle in zip(jobs, handles, strict=True)]

    def poll(self, tasks: Sequence[Task]) -> list[tuple[Task, int]]:
        """Look up in the queue where tasks run, and return those that have ended.

        squeue knows what is needed; submitit asks sacct, whose data base of accounts small clusters do not have.
        """
        queue, now = read_queue(), time.monotonic()
        if queue is None:
            return []
        ended: list[tuple[Task, int]] = []
        for task in tasks:
            number = task.handle.job_id
            state, node = queue.get(number, ("", ""))
            task.where = node if state in ("RUNNING", "COMPLETING") else ""
            task.started = (task.started or now) if task.where else None
            if task.handle.paths.result_pickle.exists():
                ended.append((task, task.exit_code()))
            elif state:
                self.missing.pop(number, None)
            elif now - self.missing.setdefault(number, now) > LOST:
                ended.append((task, -1))
        return ended

    def cancel(self, tasks: Sequence[Task]) -> None:
        """Have Slurm send SIGTERM, and SIGKILL after its KillWait (30 s, unless the cluster says otherwise)."""
        for task in tasks:
            subprocess.run(["scancel", "--full", task.handle.job_id], check=False, capture_output=True)


def read_queue() -> dict[str, tuple[str, str]] | None:
    """Return state and nodes of this user's jobs by number; None when Slurm does not answer."""
    command = ["squeue", "--me", "--noheader", "--array", "--format=%i|%T|%N"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        return None
    rows = [line.strip().split("|") for line in done.stdout.splitlines() if line.strip()]
    return {number: (state, node) for number, state, node in rows}
