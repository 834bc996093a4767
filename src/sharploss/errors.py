"""One kind of error for everything a user can put right, told in one sentence."""

import difflib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path


class UserError(ValueError):
    """Bad input. The message is one sentence that names the file or key and says what to do."""


def unknown(kind: str, name: object, known: Iterable[object]) -> UserError:
    """Make the error for a name that does not exist, with the nearest ones that do.

    Args:
        kind: what was named, in the singular ("loss", "data set").
        name: what was asked for.
        known: every name that would have been right.
    """
    names = [str(item) for item in known]
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(sorted(names)) or 'none'}."
    return UserError(f"There is no {kind} '{name}': {hint}")


def run_main(main: Callable[[], int | None]) -> None:
    """Run a command line; a UserError or a full disk becomes one line on stderr and exit code 1."""
    # Python puts a script's folder first on its path, where pipelines/tabulate.py would hide the library of that name.
    script = Path(sys.argv[0]).resolve().parent
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != script]
    try:
        code = main()
    except UserError as error:
        print(f"error: {_printable(str(error))}", file=sys.stderr)
        code = 1
    except OSError as error:
        # The operating system's own words are right here: no space left, permission denied.
        where = f" ({error.filename})" if error.filename else ""
        print(
            f"error: {error.strerror or error}{where}: put that right and run the same command again.", file=sys.stderr
        )
        code = 1
    sys.exit(code)


def _printable(text: str) -> str:
    """Keep a message on one line, and what steers terminals out of it: it can quote any file's words."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in " ".join(text.split()))
