"""One kind of error, in one sentence, for everything that a user can put right."""

import difflib
from collections.abc import Iterable

EXTRAS = {"submitit": "cluster", "wandb_workspaces": "dashboards"}
"""Which of pyproject.toml's extras brings a package; all others come with `study`."""


class UserError(ValueError):
    """Bad input. The message is one sentence that names the file or key and says what to do."""


class AssetMissingError(UserError):
    """An asset cannot be had here: `reason` and `cure` say so for the results, the same words on every machine."""

    def __init__(self, message: str, reason: str, cure: str = "") -> None:
        super().__init__(message)
        self.reason, self.cure = reason, cure


def how_to_install(package: str) -> str:
    """Return what may help where a package is missing: to install the extra that brings it."""
    return f"""'pip install "sharploss[{EXTRAS.get(package, "study")}]"' may help"""


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


def printable(text: str) -> str:
    """Return a text on one line, without what steers terminals or is no UTF-8: it may quote any file or its name."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in " ".join(text.split()))
