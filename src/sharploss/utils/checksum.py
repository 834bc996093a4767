"""A checksum inside safetensors files: the format has none, and DVC restores a damaged file of its cache unseen."""

import hashlib
import json
from pathlib import Path

from sharploss.utils.errors import UserError

CHECKSUM_KEY = "sha256"
"""The key of the metadata that holds the checksum, in hexadecimal, of the header without it and of all tensors."""


def add_checksum(content: bytes) -> bytes:
    """Return a safetensors file's content with its checksum in the metadata.

    The header's keys are sorted, too: the library writes metadata in an order that differs from call to call.
    """
    header, body = _parts(content)
    header.setdefault("__metadata__", {})[CHECKSUM_KEY] = _sum(header, body)
    text = json.dumps(header, sort_keys=True).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + body


def verify_checksum(path: Path) -> None:
    """Compare a file with the checksum in it (UserError); files without one, other people's, pass."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run 'make repro' to train it.") from None
    try:
        header, body = _parts(content)
        wanted = header.get("__metadata__", {}).get(CHECKSUM_KEY)
    except (ValueError, AttributeError):
        raise _damaged(path, "its header cannot be read") from None
    if wanted is not None and wanted != _sum(header, body):
        raise _damaged(path, "it does not match its sha256")


def _damaged(path: Path, what: str) -> UserError:
    return UserError(
        f"{path} is damaged ({what}): delete it and DVC's copy of it (dvc.lock states its md5: the copy is "
        ".dvc/cache/files/md5/, the first two digits, /, the others), and run 'make repro' to train it again."
    )


def _parts(content: bytes) -> tuple[dict[str, dict[str, str]], bytes]:
    """Split a file into its header, read, and the bytes of its tensors."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _sum(header: dict[str, dict[str, str]], body: bytes) -> str:
    kept = {key: value for key, value in header.get("__metadata__", {}).items() if key != CHECKSUM_KEY}
    text = json.dumps({**header, "__metadata__": kept}, sort_keys=True)
    return hashlib.sha256(text.encode() + body).hexdigest()
