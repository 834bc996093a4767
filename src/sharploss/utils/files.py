"""Files that appear whole or not at all."""

import csv
import errno
import hashlib
import io
import json
import math
import os
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sharploss.utils.errors import UserError


@contextmanager
def atomic_path(path: str | Path) -> Generator[Path]:
    """Yield a temporary path beside `path`; when the block succeeds, it becomes `path` (fsync, then rename).

    A reader sees the old file or the new one, never a part, also after `kill -9` or a power cut; when the block
    fails, the old file stays and the temporary one is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno is None:  # not the operating system's: requests' errors are of this class too
            raise
        # Under the name the reader knows: the failed write itself names no file, or the temporary one.
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def check_writable(*paths: str | Path) -> None:
    """Find out before hours of work whether their results can be written, as `atomic_path` will write them.

    OSError, which names the path, where a folder cannot be made or written, or a path is a folder.
    """
    for path in map(Path, paths):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path.parent) as file:
                file.write(bytes(4096))
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None


def _sync_folder(folder: Path) -> None:
    """Make a rename durable: the folder's own entry has to reach the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` (UTF-8) atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write `content` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON atomically; NaN and infinity are refused, as JSON has none."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def json_value(value: Any) -> Any:
    """Return a value as JSON has it: numbers of NumPy and torch are Python's, those that are not finite are null."""
    if isinstance(value, dict):
        return {str(key): json_value(part) for key, part in value.items()}  # pyright: ignore[reportUnknownArgumentType]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_csv(path: str | Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a table of `columns` atomically, a line for each of `rows`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_json(path: str | Path) -> Any:
    """Read a JSON file; UserError, which names it, where it is missing or is not JSON."""
    try:
        with intact(path):
            return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run 'make repro' to make it.") from None


@contextmanager
def intact(path: str | Path) -> Generator[None]:
    """Turn what comes of a file that holds other things than it should into a UserError that names it."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError, SyntaxError, OSError) as error:
        if isinstance(error, UserError) or getattr(error, "errno", None):  # Pillow's own OSErrors have none
            raise
        what = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path} is damaged ({what}): delete it and run 'make repro' to make it again.") from error


def sha256(path: str | Path) -> str:
    """Hash a file's content, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
