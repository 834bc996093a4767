"""How every command line of this project runs: with its own folder's package, and errors in one sentence."""

import contextlib
import os
import re
import select
import sys
from collections.abc import Callable
from pathlib import Path

from sharploss.utils.errors import UserError, how_to_install, printable
from sharploss.utils.own_package import use_own_package


def run_main(main: Callable[[], int | None], *, at_once: bool = False) -> None:
    """Run a command line; a UserError, a full disk or lack of memory becomes one line on stderr and exit code 1.

    Args:
        main: returns the exit code, None for 0; by its end all that it wrote has to be written.
        at_once: end the process without taking its modules down, which takes torch half a second.
    """
    code, message = _run(main)
    if message:
        with contextlib.suppress(OSError):
            print(f"error: {message}", file=sys.stderr, flush=True)
    try:
        _flush_output()
    except OSError:  # which Python would complain of again
        at_once = True
    if at_once:
        os._exit(code)
    sys.exit(code)


def _run(main: Callable[[], int | None]) -> tuple[int, str]:
    """Run a command and print all that it prints; return its exit code, and what a user can put right."""
    try:
        # Without -P, Python looks first into a script's folder, for tables.py, or with -m into a user's, for queue.py.
        first = [Path(sys.argv[0]).resolve().parent, *([] if Path("sharploss").is_dir() else [Path.cwd()])]
        sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() not in first]
        use_own_package()
        code = main() or 0
        _flush_output()
    except UserError as error:
        return 1, printable(str(error))
    except KeyboardInterrupt:
        return 130, "stopped: run the same command again."
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            return 141, ""  # who reads what is printed has had enough, as `head` has: shells say so of other programs
        # The operating system's own words are right here: no space left, permission denied.
        where = f" ({error.filename})" if error.filename else ""
        return 1, f"{error.strerror or error}{where}: put that right and run the same command again."
    except (ImportError, MemoryError, RuntimeError) as error:
        if remedy := _remedy(error):
            return 1, remedy
        raise
    return code, ""


def _flush_output() -> None:
    for output in (sys.stdout, sys.stderr):
        if output:  # None where it is closed
            output.flush()


def _reader_is_gone() -> bool:
    """Return whether nobody reads the pipe any more that is printed to: another pipe's end is an error of its own."""
    poll = select.poll()
    for output in (1, 2):
        poll.register(output, select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _remedy(error: Exception) -> str:
    """Return what to do about lack of memory, or of a package that is not ours; "" about anything else."""
    if isinstance(error, ImportError):
        package = (error.name or "sharploss").partition(".")[0]
        return "" if package == "sharploss" else f"{error}: {how_to_install(package)}, in a clone 'make setup'."
    # Torch has a class of its own for GPUs, and only words for a CPU.
    if isinstance(error, MemoryError) or re.search("out of memory|allocate memory|not enough memory", str(error)):
        return (
            "the memory of this machine or its GPU does not suffice: lower the recipe's batch or patch, or the "
            "network's width, in params.yaml."
        )
    return ""
