"""Download one file over http(s): resume what broke off, ask a busy server again, check it before it appears."""

import errno
import os
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sharploss.assets.catalogue import File
from sharploss.assets.lookup import fault
from sharploss.utils.optional import optional_package, progress_bar

if TYPE_CHECKING:
    from requests import Response

TIMEOUT = (5.0, 30.0)  # seconds to connect and without a byte: without network, a machine must find out quickly
PAUSES = (1, 2, 4, 8, 16)  # seconds between attempts that bring nothing new; then the address is given up
LONGEST_WAIT = 60  # seconds that a server may ask for (Retry-After)
CHUNK = 1 << 14  # bytes; a broken connection loses at most so much of what it brought

# Answers that may be another one in a moment; 416: the part file is longer than what the server has.
_AGAIN = {408, 416, 425, 429, 500, 502, 503, 504}

# Hosts that answered in this process, and why others were given up: nobody waits for those twice.
_answered: set[str] = set()
_given_up: dict[str, str] = {}


class DownloadError(Exception):
    """A file cannot be downloaded; `reason` says why without anything that differs from machine to machine."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason


class _TryAgainError(Exception):
    """An attempt failed in a way that may pass, after `wait` seconds at least (infinite: it will not)."""

    def __init__(self, reason: str, wait: float = 0) -> None:
        super().__init__(reason)
        self.wait = wait


@contextmanager
def locked(target: Path) -> Generator[None]:
    """Wait until no other process (or thread) makes `target`, then hold it for the block, by a hidden file there."""
    optional_package("filelock")  # first of the packages that downloads need
    from filelock import FileLock, Timeout

    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.with_name(f".{target.name}.lock")
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(f"Waiting for another process that makes {target.name}.", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is held: who waits for a removed file asks again
        lock.release()


def download(file: File, target: Path, room: float = 1) -> None:
    """Download `file` to `target`, from the first of its addresses that serves it.

    What has arrived is kept in a hidden part file beside `target` and continued there, also by a later process, as
    long as the server says (ETag or Last-Modified) that its content is still the same. `target` appears when its size
    and sha256 are as the catalogue says. DownloadError where it cannot be had or `room` times its size is not free.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        with locked(target):
            if not target.is_file():  # another process may have made it meanwhile
                _from_any(file, part, room)
                part.replace(target)
                _drop(part)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            _drop(part)  # a full disk is freed first
        reason = f"the cache cannot be written ({error.strerror})"
        raise DownloadError(reason, f"{reason}, and SHARPLOSS_CACHE can name another") from None


def require_space(folder: Path, need: float) -> None:
    """Raise DownloadError, with both numbers, when the disk of `folder` has less than `need` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < need:
        message = f"it needs {_size(need)} and {_size(free)} are free in {folder}"
        raise DownloadError("the cache has too little free space", message)


def _size(count: float) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.2f} MB"


def _from_any(file: File, part: Path, room: float) -> None:
    failures: dict[str, str] = {}
    for url in file.urls:
        try:
            return _from_one(url, file, part, room)
        except DownloadError as error:
            failures[error.reason] = str(error)
    if not any(_begun(part, url)[0] for url in file.urls):
        _drop(part)
    raise DownloadError("; ".join(failures) or "it has no download address", "; ".join(failures.values()))


def _from_one(url: str, file: File, part: Path, room: float) -> None:
    """Ask one address until `part` is complete and right, or there is no more use."""
    host = urlsplit(url).netloc
    if host in _given_up:
        raise DownloadError(_given_up[host])
    pauses, furthest = iter(PAUSES), 0
    while True:
        try:
            return _attempt(url, file, part, room)
        except _TryAgainError as error:
            if (have := _begun(part, url)[0]) > furthest:  # it got further: patience starts again
                pauses, furthest = iter(PAUSES), have
            pause = max(next(pauses, inf), error.wait)
            if pause > LONGEST_WAIT:
                _given_up[host] = str(error)
                raise DownloadError(str(error)) from None
        sleep(pause)


def _attempt(url: str, file: File, part: Path, room: float) -> None:
    """Ask once: for the whole file, or for what follows the part file if it is still the file of that tag."""
    host = urlsplit(url).netloc
    have, tag = _begun(part, url)
    with _ask(url, {"Range": f"bytes={have}-", "If-Range": tag} if have else {}) as response:
        if response.status_code == 416:
            _drop(part)
        _require_success(response, url, file)
        start = have if response.status_code == 206 else 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else file.bytes  # None where neither says
        if None not in {total, file.bytes} and total != file.bytes:
            raise DownloadError(f"{host} offers {total} bytes, not {file.bytes}")
        require_space(part.parent, (total or 0) * room - start)
        if not start:
            etag = response.headers.get("ETag", "W/")  # a weak one does not promise the same bytes
            tag = response.headers.get("Last-Modified", "") if etag.startswith("W/") else etag
            _drop(part)  # in this order: a part file never stands beside the tag of other content
            part.touch()
            _tag_file(part).write_text(f"{url}\n{tag}", encoding="utf-8")
        _receive(response, part, start, total)
    if wrong := fault(part, file):
        _drop(part)
        # The beginning of a part file may be what is wrong.
        raise (_TryAgainError if start else DownloadError)(f"{host} sent a file with {wrong}")


def _ask(url: str, headers: dict[str, str]) -> "Response":
    requests = optional_package("requests")
    host = urlsplit(url).netloc
    try:
        # Not compressed on the way: ranges and sizes are those of the file.
        response = requests.get(url, headers={"Accept-Encoding": "identity"} | headers, stream=True, timeout=TIMEOUT)
    except (requests.ConnectionError, requests.Timeout):
        if host in _answered:
            raise _TryAgainError(f"the download from {host} broke off") from None
        raise _TryAgainError(f"{host} cannot be reached", inf) from None
    except (requests.RequestException, ValueError):  # urllib3 lets its parser's errors through
        raise DownloadError(f"{host or url} leads to an address that cannot be followed") from None
    _answered.add(host)
    return response


def _require_success(response: "Response", url: str, file: File) -> None:
    """Refuse what is no content, and to leave https on the way to a file whose content no full sha256 tells."""
    host = urlsplit(url).netloc
    open_ = [answer.url for answer in (*response.history, response) if not answer.url.startswith("https:")]
    if len(file.sha256) < 64 and url.startswith("https:") and open_:
        raise DownloadError(f"{host} redirects to {open_[0]}, which is not https")
    reason = f"{host} answered '{response.reason}'"
    if response.status_code in _AGAIN:
        seconds = response.headers.get("Retry-After", "")
        raise _TryAgainError(reason, int(seconds) if seconds.isdecimal() else 0)
    if response.status_code not in {200, 206}:
        raise DownloadError(reason)


def _receive(response: "Response", part: Path, start: int, total: int | None) -> None:
    from urllib3.exceptions import HTTPError

    host, name = urlsplit(response.url).netloc, Path(urlsplit(response.url).path).name
    bar = progress_bar(total=total, initial=start, unit="B", unit_scale=True, desc=name, leave=False)
    complete = True
    try:
        with bar, part.open("ab") as out:
            while chunk := response.raw.read(CHUNK, decode_content=False):
                out.write(chunk)
                bar.update(len(chunk))
            out.flush()
            os.fsync(out.fileno())
    except HTTPError:
        complete = False
    if not complete or (total is not None and part.stat().st_size < total):
        raise _TryAgainError(f"the download from {host} broke off")


def _begun(part: Path, url: str) -> tuple[int, str]:
    """Return how many bytes of `url` a part file has, and their tag; (0, "") when it cannot be continued."""
    try:
        address, _, tag = _tag_file(part).read_text(encoding="utf-8").partition("\n")
        return (part.stat().st_size, tag) if tag and address == url else (0, "")
    except FileNotFoundError:
        return 0, ""


def _tag_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")


def _drop(part: Path) -> None:
    part.unlink(missing_ok=True)
    _tag_file(part).unlink(missing_ok=True)
