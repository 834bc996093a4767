"""Unpack zip and tar files whose content nobody has checked: only plain files, only below the target.

Members are copied under names that the caller chooses: one rule holds for both formats, whatever Python's version.
"""

import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from sharploss.assets.download import require_space
from sharploss.assets.folder import is_by_product, is_plain
from sharploss.utils.errors import UserError
from sharploss.utils.optional import progress_bar

MAX_RATIO = 200  # bytes unpacked per byte of archive; images are compressed already and come out at about 1
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, RuntimeError)
_ADVICE = "delete it and run the same command again, or get it from its publisher."

# From the names of all files in an archive to the names that some of them get below the target.
Choose = Callable[[list[PurePosixPath]], Mapping[PurePosixPath, PurePosixPath]]


class Member(NamedTuple):
    """One entry of an archive."""

    name: str
    size: int
    kind: str  # "file", "folder", or what is refused
    open: Callable[[], IO[bytes] | None]


@contextmanager
def fresh_folder(folder: Path) -> Generator[Path]:
    """Yield an empty folder beside `folder`, which becomes `folder` when the block succeeds; the caller has it locked.

    What an interrupted process left is removed first, so a folder is there completely or not at all.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is in the way of what is to be unpacked there: move it away or delete it.")
    temporary = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        os.sync()  # once for all files: they must be on the disk before the name is
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def unpack(archive: Path, folder: Path, choose: Choose) -> int:
    """Unpack the members that `choose` picks and names, of a zip or tar file (plain, gz, bz2 or xz); return how many.

    All are checked before the first byte is written. UserError: the archive is damaged, or holds a member that is not a
    plain file below the target, or too much. DownloadError: there is no room for it.
    """
    with ExitStack() as stack:
        with _errors_named(f"{archive}"):
            members = _members(archive, stack)
            _check(archive, members)
        files = {PurePosixPath(member.name): member for member in members if member.kind == "file"}
        chosen = choose(list(files))
        require_space(folder, sum(files[name].size for name in chosen))
        for name, target in progress_bar(chosen.items(), desc=archive.name, unit="file", leave=False):
            with _errors_named(f"{archive}, member {files[name].name!r},"):
                _write(folder / target, files[name])
    return len(chosen)


def _members(archive: Path, stack: ExitStack) -> list[Member]:
    if zipfile.is_zipfile(archive):
        zipped = stack.enter_context(zipfile.ZipFile(archive))
        # The original name: zipfile's own ends at the first NUL.
        infos = zipped.infolist()
        return [Member(it.orig_filename, it.file_size, _zip_kind(it), partial(zipped.open, it)) for it in infos]
    if not tarfile.is_tarfile(archive):
        raise UserError(f"{archive} is neither a zip nor a tar file: {_ADVICE}")
    tar = stack.enter_context(tarfile.TarFile.open(archive))
    return [Member(info.name, info.size, _tar_kind(info), partial(tar.extractfile, info)) for info in tar]


def _zip_kind(info: zipfile.ZipInfo) -> str:
    if info.flag_bits & 1:
        return "encrypted"
    if info.is_dir():
        return "folder"
    return "file" if stat.S_IFMT(info.external_attr >> 16) in {0, stat.S_IFREG} else "a link or a device"


def _tar_kind(info: tarfile.TarInfo) -> str:
    if info.isreg() and not info.issparse():
        return "file"
    return "folder" if info.isdir() else "a link, a device or a sparse file"


def _check(archive: Path, members: list[Member]) -> None:
    """Refuse a member that is no plain file below the target, and what is far more than the archive."""
    for member in members:
        path = PurePosixPath(member.name)
        fault = "" if member.kind in {"file", "folder"} else f"is {member.kind}"
        if path.is_absolute() or ".." in path.parts or "\\" in member.name or member.name[1:2] == ":":
            fault = "would be written outside the folder it is unpacked to"
        if not (is_plain(member.name) or is_by_product(path)) or (member.kind == "file" and not path.parts):
            fault = "has a name that is not UTF-8 text, or none"
        if fault:
            raise UserError(f"{archive}, member {member.name!r}, {fault}: nothing was unpacked; {_ADVICE}")
    total, size = sum(member.size for member in members), archive.stat().st_size
    if total > MAX_RATIO * size:
        raise UserError(f"{archive} has {size} bytes and would unpack to {total}: nothing was unpacked; {_ADVICE}")


def _write(target: Path, member: Member) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source = member.open()
    assert source is not None  # it is a file
    with source, target.open("xb") as out:
        shutil.copyfileobj(source, out, 1 << 20)
        if out.tell() != member.size:
            raise EOFError(f"{out.tell()} bytes instead of {member.size}")


@contextmanager
def _errors_named(which: str) -> Generator[None]:
    """Turn what the libraries raise for damaged archives into one sentence with the names of archive and member."""
    try:
        yield
    except UserError:
        raise
    except (OSError, *_DAMAGE) as error:
        if isinstance(error, OSError) and error.errno is not None:  # gzip's complaints have none
            advice = "put that right and run the same command again."
            raise UserError(f"{which} cannot be unpacked ({error.strerror}): {advice}") from None
        raise UserError(f"{which} is damaged ({error}): {_ADVICE}") from None
