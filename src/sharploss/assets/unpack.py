"""Unpacking archives that strangers made: nothing is written outside the target, no links, bounded in size."""

import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from sharploss.errors import UserError

MOST_BYTES = 64 << 30  # of all files together; GoPro, the largest set, has some 20 GB
MOST_FILES = 200_000
MOST_RATIO = 200  # of unpacked to packed bytes; photographs hardly compress


class Member(NamedTuple):
    """A file in an archive: its name, size in bytes, and how to open it."""

    name: str
    bytes: int
    entry: zipfile.ZipInfo | tarfile.TarInfo


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar file into `folder`, which appears whole or not at all.

    Everything is checked before the first byte is written: no path outside the folder, regular files only, bounds on
    number, size and compression. Zip members are also compared with the archive's own checksums.

    Args:
        archive: a .zip, .tar, .tar.gz or .tgz file.
        folder: what to make; it must not exist.

    Raises:
        UserError: the archive is damaged or holds what is refused; the message names archive and member.
        OSError: the disk is full or cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    clear_unfinished(folder)
    # Beside the target, so that the rename at the end stays on one disk.
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    try:
        with closing(_open(archive)) as opened:
            members = _checked(archive, _members(opened))
            _write(archive, opened, members, temporary)
        temporary.chmod(0o755)
        temporary.replace(folder)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, ValueError, NotImplementedError) as error:
        raise UserError(f"{archive} is damaged ({error}): delete it and fetch it again.") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def clear_unfinished(folder: Path) -> None:
    """Remove what a killed unpacking of `folder` left behind."""
    for leftover in folder.parent.glob(f".{folder.name}.*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)


def _open(archive: Path) -> zipfile.ZipFile | tarfile.TarFile:
    if zipfile.is_zipfile(archive):
        return zipfile.ZipFile(archive)
    try:
        return tarfile.open(archive)
    except tarfile.TarError as error:
        raise UserError(f"{archive} is neither a zip nor a tar file ({error}): replace it.") from None


def _members(opened: zipfile.ZipFile | tarfile.TarFile) -> Iterator[tuple[Member, bool]]:
    """Give each member that is not a folder, and whether it is a regular file."""
    if isinstance(opened, zipfile.ZipFile):
        for entry in opened.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if not entry.is_dir():
                yield Member(entry.filename, entry.file_size, entry), kind in (0, stat.S_IFREG)
        return
    for entry in opened:
        if not entry.isdir():
            yield Member(entry.name, entry.size, entry), entry.isreg()


def _checked(archive: Path, members: Iterator[tuple[Member, bool]]) -> list[Member]:
    """Refuse what must not be unpacked; look at all members before any is written."""
    kept: list[Member] = []
    total = 0
    packed = max(archive.stat().st_size, 1)
    for member, regular in members:
        name = member.name
        if not regular:
            raise UserError(f"{archive} holds '{name}', a link or device, which is refused: get another copy.")
        if not _inside(name):
            raise UserError(f"{archive} holds '{name}', a path outside the target, which is refused: get another copy.")
        kept.append(member)
        total += member.bytes
        if len(kept) > MOST_FILES or total > MOST_BYTES or total > MOST_RATIO * packed + (1 << 20):
            raise UserError(f"{archive} unpacks to more than it may ({len(kept)} files, {total} bytes): refused.")
    return kept


def _inside(name: str) -> bool:
    """Say whether a member's name stays below the target, on any operating system."""
    path = PurePosixPath(name)
    unusual = "\\" in name or "\0" in name or ":" in name or not path.parts
    return not unusual and not path.is_absolute() and ".." not in path.parts


def _write(
    archive: Path, opened: zipfile.ZipFile | tarfile.TarFile, members: list[Member], folder: Path
) -> None:
    from tqdm import tqdm

    for member in tqdm(members, desc=f"unpacking {archive.name}", unit="file", disable=None, leave=False):
        target = folder / member.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with closing(_reader(opened, member)) as source, target.open("xb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        if target.stat().st_size != member.bytes:
            raise UserError(f"{archive} is damaged ('{member.name}' is cut short): delete it and fetch it again.")


def _reader(opened: zipfile.ZipFile | tarfile.TarFile, member: Member) -> IO[bytes]:
    if isinstance(opened, zipfile.ZipFile):
        assert isinstance(member.entry, zipfile.ZipInfo)
        return opened.open(member.entry)
    assert isinstance(member.entry, tarfile.TarInfo)
    reader = opened.extractfile(member.entry)
    assert reader is not None  # regular files only get here
    return reader
