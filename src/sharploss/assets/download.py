"""One file over http(s): resumed when the connection breaks, retried when the server is busy, checked before it shows.

pooch, which knows the cache folder, can neither resume nor tell failures apart: the transfer is a loop over requests.
"""

import errno
import hashlib
import math
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from sharploss.assets.catalogue import File
from sharploss.assets.lock import locked
from sharploss.assets.redirects import refusal
from sharploss.utils.files import sha256

if TYPE_CHECKING:
    from requests import Response

# Seconds to connect and seconds without a byte: a machine without network must find out quickly.
TIMEOUT = (5.0, 30.0)
# Seconds between attempts that bring nothing new; after the last, the address is given up.
PAUSES = (1, 2, 4, 8, 16)
# The longest wait, in seconds, that a server may ask for (Retry-After).
LONGEST_WAIT = 60
# What a broken connection loses of what it brought: a connection that brings less than this is no progress.
CHUNK = 1 << 14

# Answers that may be another one in a moment; 416 is a part file that is longer than what the server has.
_AGAIN = {408, 416, 425, 429, 500, 502, 503, 504}

# Hosts that answered in this process, and why others were given up: nobody waits for those twice.
_answered: set[str] = set()
_given_up: dict[str, str] = {}


class DownloadError(Exception):
    """A file cannot be downloaded.

    Attributes:
        reason: why, without anything that differs from machine to machine.
    """

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason


class _RedirectError(ValueError):
    """An answer leads to where no download may go; its text says so."""


class _TryAgainError(Exception):
    """An attempt failed in a way that may pass.

    Attributes:
        reason: what to say when it does not pass.
        wait: seconds that the server asks for; infinite when there is no use in waiting.
    """

    def __init__(self, reason: str, wait: float = 0) -> None:
        super().__init__(reason)
        self.reason, self.wait = reason, wait


def download(file: File, target: Path, room: float = 1) -> None:
    """Download `file` to `target`, from the first of its addresses that serves it.

    What has arrived is kept in a hidden part file beside `target` and continued there, also by a later process, as
    long as the server says (ETag or Last-Modified) that its content is still the same. `target` appears when its
    size and sha256 are as the catalogue says, as far as it says.

    Args:
        file: what to download.
        target: where it goes.
        room: space that must be free, as a multiple of the file's size.

    Raises:
        DownloadError: it cannot be had, or there is no room for it.
    """
    try:
        with locked(target):
            if not target.is_file():  # another process may have made it meanwhile
                _from_any(file, target, room)
    except OSError as error:
        reason = f"the cache cannot be written ({error.strerror})"
        raise DownloadError(reason, f"{reason}, and SHARPLOSS_CACHE can name another") from None


def require_space(folder: Path, need: float) -> None:
    """Raise DownloadError, with both numbers, when the disk of `folder` has less than `need` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < need:
        message = f"it needs {_gigabytes(need)} and {_gigabytes(free)} are free in {folder}"
        raise DownloadError("the cache has too little free space", message)


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.2f} MB"


def _from_any(file: File, target: Path, room: float) -> None:
    reasons: list[str] = []
    for url in file.urls:
        # The part file of one address is never continued from another.
        key = hashlib.sha256(url.encode()).hexdigest()[:12]
        part = target.with_name(f".{target.name}.{key}.part")
        reason = _from_one(url, file, part, room)
        if not reason:
            part.replace(target)
            for rest in target.parent.glob(f".{target.name}.*.part*"):
                rest.unlink()
            return
        if not _begun(part)[0]:
            _drop(part)
        reasons.append(reason)
    raise DownloadError("; ".join(dict.fromkeys(reasons)) or "it has no download address")


def _from_one(url: str, file: File, part: Path, room: float) -> str:
    """Try one address until it serves the file or there is no more use: "" when `part` is complete, else why not."""
    if urlsplit(url).scheme not in {"http", "https"}:
        return f"{url} is neither http nor https"
    host = urlsplit(url).netloc
    if host in _given_up:
        return _given_up[host]
    pauses, furthest = iter(PAUSES), 0
    while True:
        try:
            return _attempt(url, file, part, room)
        except _TryAgainError as error:
            if _begun(part)[0] > furthest:  # it got further: patience starts again
                pauses, furthest = iter(PAUSES), _begun(part)[0]
            pause = next(pauses, math.inf)
            if max(pause, error.wait) > LONGEST_WAIT:
                _given_up[host] = error.reason
                return error.reason
            sleep(max(pause, error.wait))


def _attempt(url: str, file: File, part: Path, room: float) -> str:
    """Ask once: "" when `part` is complete and right, else why there is no use in asking again."""
    from requests import RequestException

    host = urlsplit(url).netloc
    have, tag = _begun(part)
    try:
        response = _ask(url, have, tag)
    except _RedirectError as error:
        return str(error)
    except (RequestException, ValueError):  # urllib3 lets its parser's errors through
        return f"{host} leads to an address that cannot be followed"
    with response:
        _answered.add(host)
        if response.status_code in _AGAIN:
            if response.status_code == 416:
                _drop(part)
            raise _TryAgainError(f"{host} answered '{response.reason}'", _retry_after(response.headers))
        if response.status_code not in {200, 206}:
            return f"{host} answered '{response.reason}'"
        start = _start(response, part, have, tag)
        total = _total(response, start)  # None where the server does not say
        if None not in {total, file.bytes} and total != file.bytes:
            return f"{host} offers {total} bytes, not {file.bytes}"
        require_space(part.parent, (total or file.bytes or 0) * room - start)
        if start == 0:
            _begin(part, _tag(response.headers))
        _receive(response, part, start, total or file.bytes)
    return _judge(file, part, host, resumed=start > 0)


def _ask(url: str, have: int, tag: str) -> "Response":
    """Send the request: the whole file, or what follows the first `have` bytes if it is still the file of that tag."""
    import requests

    # Not compressed on the way: ranges and sizes are those of the file.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": tag}
    host = urlsplit(url).netloc
    try:
        hooks = {"response": _look_ahead}
        return requests.get(url, headers=headers, stream=True, timeout=TIMEOUT, hooks=hooks)
    except (requests.ConnectionError, requests.Timeout) as error:
        # A host that never answered is not waited for. One that did, or that hangs up on us, is there.
        there = host in _answered or _hung_up(error)
        reason = f"{host} cannot be reached" if host not in _answered else f"the download from {host} broke off"
        raise _TryAgainError(reason, 0 if there else math.inf) from None


def _look_ahead(response: "Response", **_: Any) -> None:
    """Stop before a redirect is followed that may not be; called for every answer on the way."""
    if response.is_redirect:
        reason = refusal(response.url, urljoin(response.url, response.headers["Location"]))
        if reason:
            response.close()
            raise _RedirectError(reason)


def _hung_up(error: Exception) -> bool:
    from urllib3.exceptions import ProtocolError

    return bool(error.args) and isinstance(error.args[0], ProtocolError)


def _retry_after(headers: Mapping[str, str]) -> float:
    """Read how many seconds to wait: a number or a date (RFC 9110, section 10.2.3); 0 where it is not said."""
    text = headers.get("Retry-After", "")
    if text.isdecimal():
        return int(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0


def _tag(headers: Mapping[str, str]) -> str:
    """Give what identifies the content for If-Range; a weak ETag does not promise the same bytes."""
    etag = headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")


def _begun(part: Path) -> tuple[int, str]:
    """Give how many bytes a part file has and the tag of their content; (0, "") when it cannot be continued."""
    try:
        tag = _tag_file(part).read_text(encoding="utf-8")
        return (part.stat().st_size, tag) if tag else (0, "")
    except FileNotFoundError:
        return 0, ""


def _tag_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")


def _drop(part: Path) -> None:
    part.unlink(missing_ok=True)
    _tag_file(part).unlink(missing_ok=True)


def _begin(part: Path, tag: str) -> None:
    # In this order: a part file never stands beside the tag of other content.
    _drop(part)
    part.touch()
    _tag_file(part).write_text(tag, encoding="utf-8")


def _start(response: "Response", part: Path, have: int, tag: str) -> int:
    """Give the offset that the answer's bytes belong at: the end of the part file, or 0 for the whole file."""
    if response.status_code == 200:
        return 0
    offset = response.headers.get("Content-Range", "").removeprefix("bytes ").split("-")[0]
    if offset == str(have) and _tag(response.headers) in {tag, ""}:
        return have
    _drop(part)
    raise _TryAgainError(f"{urlsplit(response.url).netloc} sent another part than was asked for")


def _total(response: "Response", start: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return start + int(length) if length.isdecimal() else None


def _receive(response: "Response", part: Path, start: int, total: int | None) -> None:
    """Append the answer's bytes to the part file."""
    from tqdm import tqdm
    from urllib3.exceptions import HTTPError

    broken = _TryAgainError(f"the download from {urlsplit(response.url).netloc} broke off")
    name = Path(urlsplit(response.url).path).name
    bar = tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=name, leave=False, disable=None)
    try:
        with bar, part.open("ab") as out:
            while chunk := response.raw.read(CHUNK, decode_content=False):
                out.write(chunk)
                bar.update(len(chunk))
            out.flush()
            os.fsync(out.fileno())
    except HTTPError:
        raise broken from None
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            _drop(part)  # a disk that is full is freed first
        raise
    if total is not None and part.stat().st_size < total:
        raise broken


def _judge(file: File, part: Path, host: str, *, resumed: bool) -> str:
    """Compare the complete part file with the catalogue: "" when it is right; it is removed when it is wrong."""
    size = part.stat().st_size
    found = sha256(part) if file.sha256 else ""
    if file.bytes in {None, size} and found.startswith(file.sha256):
        return ""
    _drop(part)
    if file.sha256 and not found.startswith(file.sha256):
        reason = f"{host} sent a file with sha256 {found}, not {file.sha256}"
    else:
        reason = f"{host} sent {size} bytes, not {file.bytes}"
    if resumed:  # its beginning may be what is wrong
        raise _TryAgainError(reason)
    return reason
