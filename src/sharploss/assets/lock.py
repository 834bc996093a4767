"""One process at a time makes a file or folder of the cache."""

import fcntl
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(target: Path) -> Generator[None]:
    """Wait until no other process (or thread) holds `target`, then hold it for the block.

    The lock is a hidden file beside `target`; the system lets go of it when its process dies, however it dies.

    Raises:
        OSError: the folder cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = target.with_name(f".{target.name}.lock")
    handle = _take(lock, target.name)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(handle)


def _take(lock: Path, name: str) -> int:
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for another process that makes {name}.", file=sys.stderr)
            fcntl.flock(handle, fcntl.LOCK_EX)
        # Whoever held the lock before has removed its file: another process may already lock a new one of that name.
        if os.fstat(handle).st_nlink:
            return handle
        os.close(handle)
