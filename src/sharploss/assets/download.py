"""One file from one address: resumed where it broke off, retried with growing pauses, visible only when it is right."""

import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sharploss.assets.catalogue import File
from sharploss.files import read_json, sha256, write_json

# Seconds to connect and seconds without a byte: a machine without network must find out quickly.
TIMEOUT = (5.0, 30.0)
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before each further attempt
LONGEST_PAUSE = 60.0  # of those a server asks for
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})  # answers that may be another one later
CHUNK = 1 << 18
RESERVE = 64 << 20  # bytes of the disk that a download leaves free

# Hosts that could not be reached in this process: nobody waits for them twice.
_unreachable: set[str] = set()


class FailedError(Exception):
    """A download that did not come about; its text says why, in words that any machine would use."""


class _AgainError(Exception):
    """An attempt that failed in a way that may pass; `pause` is what the server asks for, in seconds."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


def download(url: str, file: File, target: Path, *, room: int = 1) -> None:
    """Bring `file` from `url` to `target`, which appears only with the right content.

    What has arrived when a connection breaks stays beside the target and is continued from, in this process or a later
    one, as long as the server still has the same version (its ETag or date).

    Args:
        url: http or https.
        file: the wanted size and sha256, where they are known.
        target: the file to make.
        room: how many times the size must be free on the disk (an archive needs room to be unpacked too).

    Raises:
        FailedError: it cannot be had from there.
        OSError: the cache cannot be written.
    """
    import requests

    host = urlsplit(url).netloc
    _check_scheme(url)
    if host in _unreachable:
        raise FailedError(f"{host} cannot be reached")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _part(url, target)
    with _only_one(part), requests.Session() as session:
        for pause in (*PAUSES, None):
            try:
                _attempt(session, url, file, part, room)
                break
            except _AgainError as error:
                if pause is None:
                    raise FailedError(f"{error}, {len(PAUSES) + 1} times in a row") from None
                time.sleep(min(max(pause, error.pause), LONGEST_PAUSE))
        _check_content(host, file, part)
        _publish(part, target)


def _check_scheme(url: str) -> None:
    scheme = urlsplit(url).scheme
    if scheme not in ("http", "https"):
        raise FailedError(f"the address {url} is not http or https")


def _part(url: str, target: Path) -> Path:
    """Name the unfinished file after the address: what two mirrors send is never glued together."""
    digest = hashlib.sha256(url.encode()).hexdigest()[:12]
    return target.with_name(f".{target.name}.{digest}.part")


class _only_one:  # noqa: N801 - used as a function
    """Let one process at a time work on an unfinished file."""

    def __init__(self, part: Path) -> None:
        self.path = part.with_suffix(".lock")

    def __enter__(self) -> None:
        import fcntl

        self.file = self.path.open("w")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self.path.unlink(missing_ok=True)
        self.file.close()


def _attempt(session: Any, url: str, file: File, part: Path, room: int) -> None:
    """Send one request and append what comes to the unfinished file, until it is whole."""
    import requests

    host = urlsplit(url).netloc
    have, tag = _progress(part)
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-", "If-Range": tag} if have else {})}
    try:
        answer = _request(session, url, headers)
    except (requests.ConnectionError, requests.Timeout):
        if not have:  # never a word from it: it is not there, or this machine is offline
            _unreachable.add(host)
            raise FailedError(f"{host} cannot be reached") from None
        raise _AgainError(f"the download from {host} broke off") from None
    except requests.RequestException as error:
        raise FailedError(f"{host} gave no usable answer ({type(error).__name__})") from None
    with answer:
        _check_status(host, answer, part)
        start = have if answer.status_code == 206 else 0
        length = _length(answer, start)
        _check_room(part, (length or file.bytes or 0) * room - start)
        _check_size(host, file, length)
        write_json(part.with_suffix(".json"), {"tag": answer.headers.get("ETag") or answer.headers.get("Last-Modified")})
        try:
            _receive(answer, part, start, length)
        except (requests.RequestException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # the disk's, not the network's
                raise
            raise _AgainError(f"the download from {host} broke off") from None
    if length is not None and part.stat().st_size < length:
        raise _AgainError(f"the download from {host} broke off")


def _request(session: Any, url: str, headers: dict[str, str]) -> Any:
    """Get `url`, following redirections to http and https alone."""
    for _ in range(10):
        answer = session.get(url, headers=headers, stream=True, timeout=TIMEOUT, allow_redirects=False)
        if not answer.is_redirect:
            return answer
        from urllib.parse import urljoin

        url = urljoin(url, answer.headers["Location"])
        answer.close()
        _check_scheme(url)
    raise FailedError(f"{urlsplit(url).netloc} redirects without end")


def _progress(part: Path) -> tuple[int, str]:
    """Give how many bytes have arrived and the version they are of; 0 where a version is not known."""
    note = part.with_suffix(".json")
    if not (part.is_file() and note.is_file()):
        return 0, ""
    tag = read_json(note)["tag"]
    # A weak tag promises no equal bytes, so it cannot be continued from.
    return (part.stat().st_size, tag) if tag and not tag.startswith("W/") else (0, "")


def _check_status(host: str, answer: Any, part: Path) -> None:
    status = answer.status_code
    if status == 416:  # more has arrived than there is: another version, or already whole
        part.unlink(missing_ok=True)
        raise _AgainError(f"{host} answered '{answer.reason}'")
    if status in AGAIN:
        asked = answer.headers.get("Retry-After", "")
        raise _AgainError(f"{host} answered '{answer.reason}'", float(asked) if asked.isdigit() else 0.0)
    if status not in (200, 206):
        raise FailedError(f"{host} answered '{answer.reason}'")


def _length(answer: Any, start: int) -> int | None:
    """Give the size of the whole file as the server states it."""
    stated = answer.headers.get("Content-Length", "")
    return start + int(stated) if stated.isdigit() else None


def _check_room(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed + RESERVE > free:
        raise FailedError(
            f"the disk of the cache has {free / 1e9:.1f} GB free, {(needed + RESERVE) / 1e9:.1f} GB are needed"
        )


def _check_size(host: str, file: File, length: int | None) -> None:
    if file.bytes is not None and length is not None and length != file.bytes:
        raise FailedError(f"{host} sent a file of {length} bytes, not {file.bytes}")


def _receive(answer: Any, part: Path, start: int, length: int | None) -> None:
    from tqdm import tqdm

    name = part.name.split(".", 1)[1].rsplit(".", 2)[0]
    with (
        part.open("r+b" if start else "wb") as sink,
        tqdm(desc=name, initial=start, total=length, unit="B", unit_scale=True, disable=None, leave=False) as bar,
    ):
        sink.seek(start)
        sink.truncate()
        for chunk in answer.iter_content(CHUNK):
            sink.write(chunk)
            bar.update(len(chunk))
        sink.flush()
        os.fsync(sink.fileno())


def _check_content(host: str, file: File, part: Path) -> None:
    """Refuse other bytes than the catalogue's, and forget them."""
    found, size = sha256(part), part.stat().st_size
    wrong = ""
    if not found.startswith(file.sha256):
        wrong = f"sha256 {found}, not {file.sha256}"
    elif file.bytes is not None and size != file.bytes:
        wrong = f"{size} bytes, not {file.bytes}"
    if wrong:
        part.unlink()
        part.with_suffix(".json").unlink(missing_ok=True)
        raise FailedError(f"{host} sent a file with {wrong}")


def _publish(part: Path, target: Path) -> None:
    part.chmod(0o644)
    part.replace(target)
    part.with_suffix(".json").unlink(missing_ok=True)
