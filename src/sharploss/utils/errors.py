"""One kind of error, in one sentence, for everything that a user can put right."""

import contextlib
import difflib
import os
import select
import sys
from collections.abc import Callable, Iterable
from pathlib import Path


class UserError(ValueError):
    """Bad input. The message is one sentence that names the file or key and says what to do."""


def unknown(kind: str, name: object, known: Iterable[object]) -> UserError:
    """Return the error for a name of a `kind` ("loss", "data set") that does not exist, with the nearest that does."""
    names, asked = [str(item) for item in known], cut(str(name))
    near = difflib.get_close_matches(asked, names, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"known are: {cut(', '.join(sorted(names)), 400) or 'none'}."
    return UserError(f"There is no {kind} '{asked}': {hint}")


def sentence(text: object) -> str:
    """End a text as a sentence ends, if it does not already."""
    words = str(text)
    return words if words.endswith((".", "?")) else f"{words}."


def cut(text: str, most: int = 80) -> str:
    """Shorten a text to `most` letters, so that a sentence that quotes it stays one."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def shown(value: object) -> str:
    """Return a value of a file as a message quotes it, shortened."""
    return cut(repr(value))


def run_main(main: Callable[[], int | None], *, at_once: bool = False) -> None:
    """Run a command line; a UserError, a full disk or lack of memory becomes one line on stderr and exit code 1.

    Args:
        main: returns the exit code, None for 0; by its end all that it wrote has to be written.
        at_once: end the process without taking its modules down, which takes torch half a second.
    """
    # Without -P, Python puts a script's folder first on its path, where pipelines/tables.py would hide a library.
    script = Path(sys.argv[0]).resolve().parent
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != script]
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
    from sharploss.utils.own_package import use_own_package

    try:
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
    except (MemoryError, RuntimeError) as error:
        if not _is_lack_of_memory(error):
            raise
        return 1, (
            "the memory of this machine or its GPU does not suffice: lower the recipe's batch or patch, or the "
            "network's width, in params.yaml."
        )
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


def _is_lack_of_memory(error: Exception) -> bool:
    """Return whether an error is lack of memory: torch has a class of its own for GPUs, and only words for a CPU."""
    words = ("out of memory", "allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def printable(text: str) -> str:
    """Return a text on one line, without what steers terminals or is no UTF-8: it may quote any file or its name."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in " ".join(text.split()))
