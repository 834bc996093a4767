"""The processor cores that this process may use, and how many of them it should."""

import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from sharploss.utils.errors import UserError, cut

_claimed: dict[int, TextIO] = {}  # open files, whose locks end with the process


def usable_cores() -> Sequence[int]:
    """Return their numbers; all of the machine's where the system does not say (macOS, Windows)."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return range(os.cpu_count() or 1)


def core_count() -> int:
    """Return how many threads can compute at once: the usable cores, or a container's share of them."""
    return max(1, min([len(usable_cores()), *_quotas()]))


def processes_of_a_run() -> int:
    """Return SHARPLOSS_PROCESSES, how many processes train one run together; 1 where it is not set."""
    named = os.environ.get("SHARPLOSS_PROCESSES") or "1"
    if not (re.fullmatch("[0-9]{1,4}", named) and 0 < int(named) <= 256):  # all are started before anything tells
        raise UserError(f"SHARPLOSS_PROCESSES is '{cut(named)}': give it a whole number from 1 to 256.")
    return int(named)


def threads_each(processes: int = 1) -> int:
    """Return how many threads each of several processes is to compute with, that share what this one may use.

    Together they are no more than the cores, and each has at least one and at most OMP_NUM_THREADS.
    """
    named = os.environ.get("OMP_NUM_THREADS", "")
    most = int(named) if re.fullmatch("0*[1-9][0-9]{0,4}", named) else core_count()
    return max(1, min(core_count() // processes, most))


def claim_cores(most: int | None = None) -> int:
    """Claim cores that no other process of this user has claimed; return how many threads, at `most`, to compute with.

    All processes together then have at most as many threads as there are cores, and one more for each that finds none
    left. What was claimed is kept until this process ends; a later call counts it.
    """
    wanted = min(most or threads_each(), threads_each())
    try:
        import fcntl

        folder = Path(tempfile.gettempdir()) / f"sharploss-cores-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        for core in usable_cores():
            if len(_claimed) >= wanted:
                break
            if core not in _claimed:
                file = (folder / str(core)).open("w")
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _claimed[core] = file
                except BlockingIOError:
                    file.close()
    except (ImportError, OSError):  # no such locks here: nobody can know of the others
        return wanted
    return max(1, min(wanted, len(_claimed)))


def _quotas(root: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """Return the processor time that a container may take, in cores rounded up; none where there is no limit."""
    texts = [file.read_text() for file in (root / "cpu.max",) if file.is_file()]
    old = [root / "cpu" / f"cpu.cfs_{name}_us" for name in ("quota", "period")]
    if all(file.is_file() for file in old):
        texts.append(" ".join(file.read_text().strip() for file in old))
    numbers = [[int(part) for part in text.split() if part.lstrip("-").isdecimal()] for text in texts]
    return [-(-pair[0] // pair[1]) for pair in numbers if len(pair) == 2 and min(pair) > 0]
