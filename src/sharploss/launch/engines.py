"""Where workers run: on this machine, or through submitit on a Slurm cluster that shares the study's folder."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, ClassVar, cast

from sharploss.launch.jobs import Job
from sharploss.launch.worker import Work
from sharploss.record.paths import LAUNCH_JOBS, launch_log
from sharploss.utils.cores import core_count, threads_each
from sharploss.utils.errors import UserError

TRAINER = (sys.executable, "-P", "-m", "sharploss.launch.trainer")
EVALUATOR = (*TRAINER[:-1], "sharploss.launch.evaluator")
LOST = 10.0  # seconds that a job may be neither in Slurm's queue nor have left a result: files take time to travel


@dataclass
class Attempt:
    """A job as it was submitted once."""

    job: Job
    handle: Any  # its worker, or submitit's handle
    where: str  # it runs; "" while it waits
    started: float | None
    about: dict[str, Any] = field(default_factory=dict[str, Any])  # what a worker said of it in the end


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
    import torch

    count, named = torch.cuda.device_count(), os.environ.get("CUDA_VISIBLE_DEVICES")
    # CUDA takes the names up to the first that it has no GPU for, such as -1.
    return (list(map(str, range(count))) if named is None else named.split(","))[:count]


def make_slots(workers: int | None, gpus_each: int, gpus: Sequence[str], cores: Sequence[int]) -> list[Slot]:
    """Divide this machine into slots: `gpus_each` of `gpus` where there are any, else `cores`.

    `workers` is how many share a slot of GPUs (1 when None), or how many there are in all without one (as many as
    cores). Together they compute with at most as many threads as there are cores, and at least one each. UserError
    where there are not enough GPUs or cores.
    """
    if not gpus:
        most, workers = core_count(), workers or core_count()
        if workers > most:
            raise UserError(f"--workers {workers}: this machine has {most} cores: ask for at most {most}.")
        alone = {"OMP_NUM_THREADS": str(threads_each(workers)), "CUDA_VISIBLE_DEVICES": ""}
        groups = [tuple(cores[index::workers]) for index in range(workers)]
        return [Slot(f"core {','.join(map(str, group))}", alone, group) for group in groups]
    sets = [",".join(gpus[first : first + gpus_each]) for first in range(0, len(gpus) - gpus_each + 1, gpus_each)]
    if not sets:
        raise UserError(f"--gpus {gpus_each}: this machine has {len(gpus)} GPUs: ask for at most {len(gpus)}.")
    sets *= workers or 1
    several = {"SHARPLOSS_PROCESSES": str(gpus_each), "OMP_NUM_THREADS": str(threads_each(len(sets) * gpus_each))}
    return [Slot(f"GPU {names}", {"CUDA_VISIBLE_DEVICES": names, **several}) for names in sets]


class Worker:
    """A process that answers requests (`sharploss.launch.worker.serve`), and the group of the last run of it."""

    def __init__(self, slot: Slot, command: Sequence[str] = TRAINER) -> None:
        self.slot, self.group, self._text = slot, "", b""
        errors = launch_log(command[-1].rpartition(".")[2])
        errors.parent.mkdir(parents=True, exist_ok=True)

        def stay() -> None:
            if slot.cores and hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(0, slot.cores)

        with errors.open("ab") as log:
            # In a session of its own: Ctrl-C on a terminal reaches every process that was started from it.
            self.process = subprocess.Popen(
                command,
                env={**os.environ, **slot.environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                preexec_fn=stay,  # noqa: PLW1509 - it starts no thread and takes no lock
            )
        self.to, self.back = cast("IO[bytes]", self.process.stdin), cast("IO[bytes]", self.process.stdout)
        os.set_blocking(self.back.fileno(), False)

    def send(self, line: str) -> None:
        """Send it one line, which says what to do next."""
        with contextlib.suppress(BrokenPipeError):  # it has died, as `answer` will say
            self.to.write(f"{line}\n".encode())
            self.to.flush()

    def answer(self) -> dict[str, Any] | None:
        """Return its answer to the last request; code -1 when it died, None as long as it works."""
        dead = self.process.poll() is not None
        self._text += self.back.read() or b""
        if b"\n" in self._text:
            line, self._text = self._text.split(b"\n", 1)
            return json.loads(line)
        return {"code": -1} if dead else None

    def end(self) -> None:
        """Close its input, at which it ends, and wait until it has."""
        with contextlib.suppress(BrokenPipeError):
            self.to.close()
        self.process.wait()
        self.back.close()

    def stop(self) -> None:
        """Send SIGTERM: a training writes its checkpoint first."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)


@dataclass
class Local:
    """Workers on this machine, one for each slot, that go on from run to run."""

    pause: ClassVar[float] = 0.2  # seconds between two looks

    slots: list[Slot]
    start: Callable[[Slot], Worker] = Worker
    idle: list[Worker] = field(default_factory=list[Worker])
    busy: list[Worker] = field(default_factory=list[Worker])

    def submit(self, jobs: Sequence[Job]) -> list[Attempt]:
        """Submit jobs of the first suite to free workers: of the group that one has compiled, else of no other's."""
        ready, attempts = list(jobs), list[Attempt]()
        while ready and (self.idle or self.slots):
            groups = {job.group for job in ready}
            self.idle.sort(key=lambda worker: worker.group not in groups)
            worker = self.idle.pop(0) if self.idle else self.start(self.slots.pop(0))
            others = {other.group for other in (*self.idle, *self.busy)}
            job = min(ready, key=lambda job: (job.rank, job.group != worker.group, job.group in others))
            ready.remove(job)
            worker.group = job.group
            worker.send(job.key)
            self.busy.append(worker)
            attempts.append(Attempt(job, worker, worker.slot.name, time.monotonic()))
        return attempts

    def poll(self, attempts: Sequence[Attempt]) -> list[tuple[Attempt, int]]:
        """Return the jobs that have ended, with their exit codes; workers that failed are started anew."""
        ended: list[tuple[Attempt, int]] = []
        for attempt in attempts:
            answer = attempt.handle.answer()
            if answer is None:
                continue
            attempt.about, code = answer, int(answer["code"])
            self.busy.remove(attempt.handle)
            if code:
                attempt.handle.end()
                self.slots.append(attempt.handle.slot)
            else:
                self.idle.append(attempt.handle)
            ended.append((attempt, code))
        return ended

    def cancel(self, attempts: Sequence[Attempt]) -> None:
        """Stop the workers of these jobs."""
        for attempt in attempts:
            attempt.handle.stop()

    def close(self) -> None:
        """End the workers that have nothing to do."""
        for worker in self.idle:
            worker.end()
        self.idle.clear()


def evaluator_of(engine: "Local | Slurm") -> tuple[Callable[[], Worker], int]:
    """Return what starts the evaluator on this machine, and how many cores it has beside an engine's trainings."""
    slots = engine.slots if isinstance(engine, Local) else []
    names = {name: slots[0].environment[name] for name in ("CUDA_VISIBLE_DEVICES",) if slots}
    free = core_count() - sum(len(slot.cores) or 1 for slot in slots)
    return partial(Worker, Slot("evaluator", names), EVALUATOR), max(1, free)


@dataclass
class Slurm:
    """Workers on a Slurm cluster."""

    pause: ClassVar[float] = 1.0

    parameters: dict[str, Any]  # of submitit's executor (partition, time in minutes, setup, ...), without a prefix
    workers: int  # jobs of an array that may run at once
    array: int  # jobs that one array may have
    environment: dict[str, str] = field(default_factory=dict[str, str])  # of the runs
    folder: Path = LAUNCH_JOBS
    missing: dict[str, float] = field(default_factory=dict[str, float])

    def submit(self, jobs: Sequence[Job]) -> list[Attempt]:
        """Submit jobs as one array, in their order; the queue itself has no end."""
        from submitit import SlurmExecutor

        jobs = jobs[: self.array]
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
        return [Attempt(job, handle, "", None) for job, handle in zip(jobs, handles, strict=True)]

    def poll(self, attempts: Sequence[Attempt]) -> list[tuple[Attempt, int]]:
        """Look up in the queue where jobs run, and return those that have ended.

        squeue knows what is needed; submitit asks sacct, whose data base of accounts small clusters do not have.
        """
        queue, now = read_queue(), time.monotonic()
        if queue is None:
            return []
        ended: list[tuple[Attempt, int]] = []
        for attempt in attempts:
            number = attempt.handle.job_id
            state, node = queue.get(number, ("", ""))
            attempt.where = node if state in ("RUNNING", "COMPLETING") else ""
            attempt.started = (attempt.started or now) if attempt.where else None
            if attempt.handle.paths.result_pickle.exists():
                try:
                    ended.append((attempt, int(attempt.handle.result())))
                except Exception:  # whatever ended it is in submitit's own log
                    ended.append((attempt, -1))
            elif state:
                self.missing.pop(number, None)
            elif now - self.missing.setdefault(number, now) > LOST:
                ended.append((attempt, -1))
        return ended

    def close(self) -> None:
        """Do nothing: Slurm ends its jobs itself."""

    def cancel(self, attempts: Sequence[Attempt]) -> None:
        """Cancel jobs: Slurm sends SIGTERM, and SIGKILL after its KillWait (30 s, unless the cluster has another)."""
        for attempt in attempts:
            subprocess.run(["scancel", "--full", attempt.handle.job_id], check=False, capture_output=True)


def read_queue() -> dict[str, tuple[str, str]] | None:
    """Return state and nodes of this user's jobs by number; None when Slurm does not answer."""
    command = ["squeue", "--me", "--noheader", "--array", "--format=%i|%T|%N"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        return None
    rows = [line.strip().split("|") for line in done.stdout.splitlines() if line.strip()]
    return {number: (state, node) for number, state, node in rows}
