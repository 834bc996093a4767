"""Unpacking zip and tar files that nobody here has checked: only plain files, only below the target, only so much."""

import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from sharploss.assets.download import require_space
from sharploss.utils.errors import UserError

# Far above every data set in use (GoPro has some 10000 files and 9 GB), far below what fills a disk or never ends.
MAX_MEMBERS = 200_000
MAX_BYTES = 64 << 30
# Bytes unpacked per byte of archive; images are compressed already and come out at about 1.
MAX_RATIO = 200

_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, RuntimeError)

# From the names of all files in an archive to the names that some of them get below the target.
Choose = Callable[[list[PurePosixPath]], Mapping[PurePosixPath, PurePosixPath]]


class Member(NamedTuple):
    """One entry of an archive: its name there, its size in bytes, what it is, how to read it."""

    name: str
    size: int
    kind: str  # "file", "folder", or what is refused
    open: Callable[[], IO[bytes]]


@contextmanager
def fresh_folder(folder: Path) -> Generator[Path]:
    """Give an empty folder beside `folder`; when the block succeeds, it becomes `folder`, else it is removed.

    What an interrupted process left is removed first, so a folder is there completely or not at all. The caller holds
    `locked(folder)`.

    Raises:
        UserError: `folder` exists and is not empty.
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
    """Unpack the chosen members of a zip or tar file (plain, gz, bz2 or xz) below `folder`.

    All members are checked before the first byte is written; a zip's checksums are checked as its members are read.

    Args:
        archive: the file.
        folder: where its members go; exists.
        choose: picks and names what is unpacked.

    Returns:
        How many files were unpacked.

    Raises:
        UserError: it is damaged, holds a member that is not a plain file below the target, or too much; the message
            names the archive and the member.
        DownloadError: there is no room for it.
    """
    with ExitStack() as stack:
        with _blame(archive):
            members = _checked(archive, _members(archive, folder, stack))
        chosen = choose(list(members))
        require_space(folder, sum(members[name].size for name in chosen))
        _write(archive, folder, {target: members[name] for name, target in chosen.items()})
    return len(chosen)


def _write(archive: Path, folder: Path, members: dict[PurePosixPath, Member]) -> None:
    from tqdm import tqdm

    total = sum(member.size for member in members.values())
    with tqdm(total=total, unit="B", unit_scale=True, desc=archive.name, leave=False, disable=None) as bar:
        for name, member in members.items():
            target = folder / name
            with _blame(archive, member.name):
                target.parent.mkdir(parents=True, exist_ok=True)
                with member.open() as source, target.open("xb") as out:
                    shutil.copyfileobj(source, out, 1 << 20)
                    if out.tell() != member.size:
                        raise EOFError(f"{out.tell()} bytes instead of {member.size}")
            bar.update(member.size)


@contextmanager
def _blame(archive: Path, member: str = "") -> Generator[None]:
    """Turn what the libraries raise for damaged archives into one sentence with the names of archive and member."""
    which = f"{archive}, member {member!r}," if member else f"{archive}"
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        if error.errno is None:  # gzip's complaints are of this class too
            raise UserError(f"{which} is damaged ({error}): {_ADVICE}") from None
        raise UserError(
            f"{which} cannot be unpacked ({error.strerror}): put that right and run the same command again."
        ) from None
    except _DAMAGE as error:
        raise UserError(f"{which} is damaged ({error}): {_ADVICE}") from None


_ADVICE = "delete it and run the same command again, or get it from its publisher."


def _members(archive: Path, folder: Path, stack: ExitStack) -> Iterator[Member]:
    if zipfile.is_zipfile(archive):
        opened = stack.enter_context(zipfile.ZipFile(archive))
        return (_zip_member(opened, info) for info in opened.infolist())
    if tarfile.is_tarfile(archive):
        tar = stack.enter_context(tarfile.TarFile.open(archive))
        return (_tar_member(tar, info, folder) for info in tar)
    raise UserError(f"{archive} is neither a zip nor a tar file: {_ADVICE}")


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    kind = {0: "file", stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "a link"}.get(
        stat.S_IFMT(info.external_attr >> 16), "a device"
    )
    if info.flag_bits & 1:
        kind = "encrypted"
    # The original name: zipfile's own ends at the first NUL.
    return Member(info.orig_filename, info.file_size, "folder" if info.is_dir() else kind, lambda: archive.open(info))


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo, folder: Path) -> Member:
    kind = "a device"
    if info.isreg():
        kind = "a sparse file" if info.issparse() else "file"
    elif info.isdir():
        kind = "folder"
    elif info.issym() or info.islnk():
        kind = "a link"

    def opened() -> IO[bytes]:
        # Python's own filter is asked as well: it refuses what it has learnt to since this was written. It came with
        # 3.11.4, and Debian 12 has 3.11.2.
        ask = getattr(tarfile, "data_filter", None)
        stream = archive.extractfile(ask(info, str(folder)) if ask else info)
        assert stream is not None  # it is a file
        return stream

    return Member(info.name, info.size, kind, opened)


def _checked(archive: Path, members: Iterable[Member]) -> dict[PurePosixPath, Member]:
    """Give the files among the members by name; one that may not be there is an error."""
    files: dict[PurePosixPath, Member] = {}
    total, size = 0, archive.stat().st_size
    for count, member in enumerate(members, 1):
        total += member.size
        wrong = _wrong(member)
        if not wrong and PurePosixPath(member.name) in files:
            wrong = "is there twice"
        if not wrong and (count > MAX_MEMBERS or total > min(MAX_BYTES, size * MAX_RATIO)):
            wrong = f"is more than may come out of {size} bytes ({count} members, {total} bytes)"
        if wrong:
            raise UserError(f"{archive}, member {member.name!r}, {wrong}: nothing was unpacked; {_ADVICE}")
        if member.kind == "file":
            files[PurePosixPath(member.name)] = member
    return files


def _wrong(member: Member) -> str:
    """Say what is wrong with a member's name or kind; "" when nothing is."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or member.name[1:2] == ":":
        return "would be written outside the folder it is unpacked to"
    if not member.name.isprintable() or (member.kind == "file" and not path.parts):
        return "has a name that no file should have"
    return "" if member.kind in {"file", "folder"} else f"is {member.kind}"
