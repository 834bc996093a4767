"""Where workers run: slots of this machine, or a Slurm cluster; both by way of submitit."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sharploss.launch.jobs import Job
from sharploss.launch.worker import FOLDER, Work
from sharploss.utils.errors import UserError

YEAR = 60 * 24 * 365  # minutes
LOST = 10.0  # seconds that a job may be neither in Slurm's queue nor have left a result: files take time to travel


@dataclass
class Slot:
    """A place for one worker on this machine: GPUs, or a group of cores."""

    name: str
    environment: dict[str, str]
    cores: tuple[int, ...] = ()


@dataclass
class Task:
    """A job that was handed to an engine: submitit's handle, where it runs ("" while it waits), and since when."""

    job: Job
    handle: Any
    where: str
    started: float | None
    slot: Slot | None = None
    missing: float | None = None


class Engine(Protocol):
    """What the scheduling loop needs of a place where workers run."""

    def room(self) -> int:
        """Say how many more jobs can be handed over."""
        ...

    def submit(self, jobs: Sequence[Job]) -> list[Task]:
        """Hand over jobs, the longest first."""
        ...

    def poll(self, tasks: Sequence[Task]) -> list[tuple[Task, int]]:
        """Update the tasks; give those that have ended, with DVC's exit code, or -1 where the worker died."""
        ...

    def cancel(self, tasks: Sequence[Task]) -> None:
        """Ask tasks to stop; trainings write a checkpoint first."""
        ...


def visible_gpus() -> list[str]:
    """Name the GPUs of this machine as CUDA_VISIBLE_DEVICES does; none where the study is told to use the CPU."""
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
    names = ",".join(map(str, cores))
    return Slot(f"core {names}", {"OMP_NUM_THREADS": threads, "CUDA_VISIBLE_DEVICES": ""}, cores)


@dataclass
class Local:
    """Workers on this machine, one for each slot."""

    slots: list[Slot]
    push: str | None = None
    folder: Path = FOLDER / "jobs"

    def room(self) -> int:
        """Say how many slots are free."""
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
                slot = self.slots.pop(0)
                work = Work(job.key, str(Path.cwd()), slot.environment, slot.cores, self.push, job.study)
                tasks.append(Task(job, executor.submit(work), slot.name, time.monotonic(), slot))
        finally:
            signal.signal(signal.SIGINT, before)
        return tasks

    def poll(self, tasks: Sequence[Task]) -> list[tuple[Task, int]]:
        """Give the tasks that have ended, and free their slots."""
        ended = [(task, exit_code(task)) for task in tasks if task.handle.done()]
        self.slots += [task.slot for task, _ in ended if task.slot is not None]
        return ended

    def cancel(self, tasks: Sequence[Task]) -> None:
        """Send SIGTERM by way of submitit's process, which passes it on."""
        for task in tasks:
            if not task.handle.done():
                os.kill(int(task.handle.job_id), signal.SIGTERM)


@dataclass
class Slurm:
    """Workers on a Slurm cluster that shares the study's folder.

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
    push: str | None = None
    folder: Path = FOLDER / "jobs"

    def room(self) -> int:
        """Say how many jobs one array can have: the queue itself has no end."""
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
        except ValueError as error:
            raise UserError(f"--slurm: {str(error).splitlines()[0]}.") from None
        work = [Work(job.key, str(Path.cwd()), self.environment, push=self.push, study=job.study) for job in jobs]
        try:
            with executor.batch():
                handles = [executor.submit(one) for one in work]
        except Exception as error:  # submitit has an exception of its own for what sbatch says
            raise UserError(f"sbatch refused the jobs ({_last_line(error)}).") from None
        return [Task(job, handle, "", None) for job, handle in zip(jobs, handles, strict=True)]

    def poll(self, tasks: Sequence[Task]) -> list[tuple[Task, int]]:
        """Look up in the queue where tasks run, and give those that have ended.

        squeue knows what is needed; sacct would need an accounting data base, which small clusters have not.
        """
        queue, now = queued(), time.monotonic()
        if queue is None:
            return []
        ended: list[tuple[Task, int]] = []
        for task in tasks:
            state, node = queue.get(task.handle.job_id, ("", ""))
            task.where = node if state in ("RUNNING", "COMPLETING") else ""
            task.started = (task.started or now) if task.where else None
            if task.handle.paths.result_pickle.exists():
                ended.append((task, exit_code(task)))
            elif state:
                task.missing = None
            elif now - (task.missing or now) > LOST:
                ended.append((task, -1))
            else:
                task.missing = task.missing or now
        return ended

    def cancel(self, tasks: Sequence[Task]) -> None:
        """Have Slurm send SIGTERM, and SIGKILL after its KillWait (30 s, unless the cluster says otherwise)."""
        for task in tasks:
            subprocess.run(["scancel", "--full", task.handle.job_id], check=False, capture_output=True)


def queued() -> dict[str, tuple[str, str]] | None:
    """Ask Slurm for this user's jobs: state and nodes by number; None when it does not answer."""
    command = ["squeue", "--me", "--noheader", "--array", "--format=%i|%T|%N"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        return None
    rows = [line.strip().split("|") for line in done.stdout.splitlines() if line.strip()]
    return {number: (state, node) for number, state, node in rows}


def exit_code(task: Task) -> int:
    """Give the exit code that a worker came back with, or -1 when it died."""
    try:
        return int(task.handle.result())
    except Exception:  # whatever ended it is in submitit's own log
        return -1


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
