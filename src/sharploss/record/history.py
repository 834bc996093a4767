"""The record of a run: one JSON object a line, appended as training goes, cut back to the checkpoint on resume."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any, Self

from sharploss.utils.errors import UserError
from sharploss.utils.files import json_value, write_bytes


class History:
    """An append-only JSONL file.

    Lines are `{"event": "train", "step", "lr", "total", "terms", "gradient"}`: means since the last such line, terms
    unweighted; the norm of the network's gradient, after clipping, is that of the line's step. `"discriminator": {...}`
    is added where there is one (training.discriminator.LOGGED and its learning rate). `{"event": "validation", "step",
    "psnr_y"}` has dB. The last line of a run that came to nothing says why: `{"event": "diverged", "term", "step"}` or
    `{"event": "not_trained", "reason"}`.
    """

    def __init__(self, path: Path, keep_bytes: int | None = 0) -> None:
        """Open `path`, keeping its first `keep_bytes` bytes (None: all): what came after a checkpoint is made again."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        if keep_bytes is not None:
            with path.open("ab") as file:  # closed where that fails
                file.truncate(keep_bytes)
        self._file = path.open("ab")

    def append(self, line: dict[str, Any]) -> None:
        """Write one line at once, so that others can follow; numbers JSON cannot hold become null."""
        text = json.dumps(json_value(line), allow_nan=False)
        try:
            self._file.write(text.encode() + b"\n")
            self._file.flush()
        except OSError as error:  # a full disk: the failed write names no file
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def sync(self) -> int:
        """Bring the file to the disk and return its length in bytes, which a checkpoint remembers."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # What a full disk refused is refused again here, and there was a word about it.
        with contextlib.suppress(OSError):
            self._file.close()


def copy_history(source: Path, target: Path) -> None:
    """Copy a record as it is."""
    write_bytes(target, source.read_bytes())


def last_step(path: Path) -> int:
    """Return the step of the last whole line of a growing record; OSError, ValueError, LookupError or TypeError."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - 8192))
        return int(json.loads(file.read().split(b"\n")[-2])["step"])


def read_history(path: str | Path) -> list[dict[str, Any]]:
    """Read a record, without a last line that a killed process left half-written; UserError where it is damaged."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.split("\n")[:-1] if line]
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run 'make repro' to make it.") from None
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): train that run again.") from None
    if not all(isinstance(line, dict) for line in lines):
        raise UserError(f"{path} is damaged (a line of it holds no keys): train that run again.")
    return lines


def read_whole_history(path: Path, last: int) -> list[dict[str, Any]]:
    """Read a record; UserError where it does not lead, step after step, to the step of the weights that were kept."""
    lines = read_history(path)
    if not all("event" in line and isinstance(line.get("step"), int) for line in lines):
        raise UserError(f"{path} is damaged (a line of it is no event of a training): train that run again.")
    steps = [line["step"] for line in lines if line["event"] == "train"]
    validated = [line["step"] for line in lines if line["event"] == "validation"]
    if steps != sorted(set(steps)) or max([*steps, *validated], default=0) < last:
        raise UserError(f"{path} is not the whole record of {last} steps: restore it, or train that run again.")
    return lines
