"""One process at a time makes a file or folder of the cache."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(target: Path) -> Generator[None]:
    """Wait until no other process (or thread) holds `target`, then hold it for the block.

    The lock is a hidden file beside `target`; the system releases it when its process dies, however it dies.

    Raises:
        OSError: the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.with_name(f".{target.name}.lock")
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(f"Waiting for another process that makes {target.name}.", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is held: who waits for a removed file asks again
        lock.release()
