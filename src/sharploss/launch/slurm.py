"""Workers on a Slurm cluster that shares the study's folder, submitted as arrays through submitit."""

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharploss.launch.jobs import Job
from sharploss.launch.schedule import Task
from sharploss.launch.worker import FOLDER, Work
from sharploss.utils.errors import UserError

LOST = 10.0  # seconds that a job may be neither in Slurm's queue nor have left a result: files take time to travel


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
        except ValueError as error:
            raise UserError(f"--slurm: {str(error).splitlines()[0]}.") from None
        try:
            with executor.batch():
                work = [Work(job.key, job.stage, str(Path.cwd()), self.environment) for job in jobs]
                handles = [executor.submit(one) for one in work]
        except Exception as error:  # submitit has an exception of its own for what sbatch says
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise UserError(f"sbatch refused the jobs ({reason}).") from None
        return [Task(job, handle, "", None) for job, handle in zip(jobs, handles, strict=True)]

    def poll(self, tasks: Sequence[Task]) -> list[tuple[Task, int]]:
        """Look up in the queue where tasks run, and return those that have ended.

        squeue knows what is needed; sacct would need an accounting data base, which small clusters do not have.
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
