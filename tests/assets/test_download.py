import errno
import hashlib
import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
import requests
from server import RIGHT, SUM, busy, closed_port, ranged, unsized, whole

from sharploss.assets import download
from sharploss.assets.download import DownloadError

WRONG = b"?" * len(RIGHT)
WRONG_SUM = hashlib.sha256(WRONG).hexdigest()

pytestmark = pytest.mark.usefixtures("quick")


def ranges(server):
    return [wanted for _, wanted in server.asked]


def left(tmp_path):
    return sorted(path.name for path in (tmp_path / "cache").iterdir())


def test_a_file_arrives_and_leaves_nothing_beside_it(server, get, tmp_path):
    server.answers["/a"] = whole(RIGHT)
    assert get(f"{server.url}/a").read_bytes() == RIGHT
    assert left(tmp_path) == ["thing.bin"]


def test_a_broken_connection_is_continued_where_it_broke(server, get, slept, tmp_path):
    server.answers["/a"] = ranged(RIGHT, drop_after=40_960, times=2)
    assert get(f"{server.url}/a").read_bytes() == RIGHT
    assert ranges(server) == [None, "bytes=40960-", "bytes=81920-"]
    assert slept == [1, 1]  # it got further each time
    assert left(tmp_path) == ["thing.bin"]


def test_a_stalled_stream_is_continued_after_the_timeout(server, get):
    server.answers["/a"] = ranged(RIGHT, drop_after=2 * download.CHUNK, stall=0.5)
    assert get(f"{server.url}/a").read_bytes() == RIGHT
    assert ranges(server) == [None, f"bytes={2 * download.CHUNK}-"]


@pytest.mark.parametrize("how", [{"stall": 0.5}, {"reset": True}], ids=str)
def test_stalls_and_resets_lose_little_of_what_came(server, get, slept, how):
    server.answers["/a"] = ranged(RIGHT, drop_after=20_000, times=4, **how)
    assert get(f"{server.url}/a").read_bytes() == RIGHT
    starts = [int(wanted.removeprefix("bytes=").rstrip("-")) for wanted in ranges(server)[1:]]
    assert starts == [download.CHUNK * count for count in (1, 2, 3, 4)]
    # Each attempt brought something new, so patience began anew each time.
    assert set(slept) == {download.PAUSES[0]}


def test_a_slow_stream_that_keeps_coming_is_waited_for(server, get):
    def answer(request, _):
        request.start(200, {"Content-Length": len(RIGHT)})
        for start in range(0, len(RIGHT), 20_000):
            time.sleep(0.05)
            request.wfile.write(RIGHT[start : start + 20_000])

    server.answers["/a"] = answer
    assert get(f"{server.url}/a").read_bytes() == RIGHT
    assert len(server.asked) == 1


def test_what_arrived_is_continued_by_a_later_call(server, get, tmp_path):
    server.answers["/a"] = ranged(RIGHT, drop_after=4096, times=99)
    server.answers["/a"] = busy(503, 99, whole(b""))
    dropping, broken = ranged(RIGHT, drop_after=40_960), busy(503, 99, whole(b""))
    server.answers["/a"] = lambda request, before: (broken if before else dropping)(request, 0)
    with pytest.raises(DownloadError, match="Service Unavailable"):
        get(f"{server.url}/a")
    assert not (tmp_path / "cache" / "thing.bin").exists()
    download._given_up.clear()
    server.asked.clear()
    server.answers["/a"] = ranged(RIGHT)
    assert get(f"{server.url}/a").read_bytes() == RIGHT
    assert ranges(server) == ["bytes=40960-"]


def test_a_killed_process_leaves_a_part_that_the_next_one_continues(server, get, tmp_path):
    server.answers["/a"] = ranged(RIGHT, drop_after=40_960, stall=30)
    code = (
        "from pathlib import Path; from sharploss.assets import download, File;"
        f"download.CHUNK = 4096; download.download(File('', {SUM!r}, None, ('{server.url}/a',)), Path('thing.bin'))"
    )
    (tmp_path / "cache").mkdir()
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path / "cache")
    deadline = time.monotonic() + 20
    while not any(path.stat().st_size for path in (tmp_path / "cache").glob(".*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert get(f"{server.url}/a").read_bytes() == RIGHT
    assert left(tmp_path) == ["thing.bin"]
    start = ranges(server)[1]
    assert start is None or int(start.removeprefix("bytes=").rstrip("-")) % 4096 == 0


def test_changed_content_is_never_glued_to_the_old(server, get):
    old, new = ranged(WRONG, drop_after=40_960, tag='"old"'), ranged(RIGHT, tag='"new"')
    server.answers["/a"] = lambda request, before: (new if before else old)(request, before)
    assert get(f"{server.url}/a", digest="", size=None).read_bytes() == RIGHT
    assert ranges(server) == [None, "bytes=40960-"]


@pytest.mark.parametrize("tag", ["", 'W/"weak"'])
def test_without_a_tag_to_trust_it_starts_over(server, get, tag):
    server.answers["/a"] = ranged(RIGHT, drop_after=40_960, tag=tag)
    assert get(f"{server.url}/a").read_bytes() == RIGHT
    assert ranges(server) == [None, None]


def test_a_server_without_ranges_starts_over(server, get):
    dropping, plain = ranged(RIGHT, drop_after=40_960), whole(RIGHT, ETag='"one"')
    server.answers["/a"] = lambda request, before: (plain if before else dropping)(request, before)
    assert get(f"{server.url}/a").read_bytes() == RIGHT
    assert ranges(server) == [None, "bytes=40960-"]


def test_a_server_that_always_breaks_off_is_given_up(server, get, slept):
    plain = ranged(RIGHT, drop_after=40_960, times=99, tag="")
    server.answers["/a"] = plain
    with pytest.raises(DownloadError, match="broke off"):
        get(f"{server.url}/a")
    assert slept == [1, 2, 4, 8, 16]
    with pytest.raises(DownloadError, match="broke off"):
        get(f"{server.url}/a")
    assert len(server.asked) == 6


def test_a_part_that_is_too_long_is_thrown_away(server, get):
    server.answers["/a"] = ranged(RIGHT, drop_after=40_960)
    refuse, serve = busy(416, 99, whole(b"")), ranged(RIGHT)
    first = server.answers["/a"]
    server.answers["/a"] = lambda request, before: [first, refuse, serve][before](request, 0)
    assert get(f"{server.url}/a").read_bytes() == RIGHT
    assert ranges(server) == [None, "bytes=40960-", None]


@pytest.mark.usefixtures("slept")
def test_a_silent_truncation_shows_by_the_size_in_the_catalogue(server, get):
    server.answers["/a"] = lambda request, before: (ranged(RIGHT) if before else unsized(RIGHT[:5000]))(request, 9)
    assert get(f"{server.url}/a", digest="").read_bytes() == RIGHT
    assert ranges(server) == [None, "bytes=5000-"]


def test_a_silent_truncation_shows_by_the_sum_alone(server, get, tmp_path):
    server.answers["/a"] = unsized(RIGHT[:5000])
    with pytest.raises(DownloadError, match=f"sent a file with sha256 .*, not {SUM}"):
        get(f"{server.url}/a", size=None)
    assert left(tmp_path) == []


def test_wrong_bytes_never_become_visible(server, get, tmp_path):
    server.answers["/a"] = whole(WRONG)
    with pytest.raises(DownloadError, match=f"{WRONG_SUM}, not {SUM}"):
        get(f"{server.url}/a")
    assert len(server.asked) == 1
    assert left(tmp_path) == []


def test_a_wrong_beginning_does_not_spoil_the_rest(server, get):
    server.answers["/a"] = ranged(RIGHT, drop_after=40_960, times=99)
    dropping, serve = ranged(WRONG, drop_after=40_960), ranged(RIGHT)  # both say it is the same content
    server.answers["/a"] = lambda request, before: (serve if before else dropping)(request, before)
    assert get(f"{server.url}/a").read_bytes() == RIGHT
    assert ranges(server) == [None, "bytes=40960-", None]


def test_a_wrong_size_is_refused_before_it_is_downloaded(server, get):
    server.answers["/a"] = whole(b"short")
    with pytest.raises(DownloadError, match=f"offers 5 bytes, not {len(RIGHT)}"):
        get(f"{server.url}/a")


def test_the_first_digits_of_a_sum_or_no_sum_will_do(server, get):
    server.answers["/a"] = whole(RIGHT)
    get(f"{server.url}/a", digest=SUM[:8]).unlink()
    get(f"{server.url}/a", digest="", size=None).unlink()
    with pytest.raises(DownloadError, match="not 00000000"):
        get(f"{server.url}/a", digest="00000000")


@pytest.mark.parametrize("code", [404, 403, 401, 410])
def test_a_refusal_is_not_asked_again_and_the_next_address_is(server, get, slept, code):
    server.answers["/a"], server.answers["/b"] = busy(code, 99, whole(b"")), whole(RIGHT)
    assert get(f"{server.url}/a", f"{server.url}/b").read_bytes() == RIGHT
    assert [path for path, _ in server.asked] == ["/a", "/b"]
    assert slept == []


def test_all_reasons_are_told(server, get):
    gone = f"http://127.0.0.1:{closed_port()}/a"
    with pytest.raises(DownloadError, match=r"cannot be reached; .* answered 'Not Found'"):
        get(gone, f"{server.url}/none")


def test_a_busy_server_is_asked_again_with_growing_pauses(server, get, slept):
    server.answers["/a"] = busy(503, 3, whole(RIGHT))
    assert get(f"{server.url}/a").read_bytes() == RIGHT
    assert slept == [1, 2, 4]


def test_a_server_that_stays_busy_is_given_up_for_this_process(server, get, slept):
    server.answers["/a"] = busy(503, 99, whole(RIGHT))
    for _ in range(2):
        with pytest.raises(DownloadError, match="'Service Unavailable'"):
            get(f"{server.url}/a")
    assert slept == [1, 2, 4, 8, 16]
    assert len(server.asked) == 6


def test_retry_after_is_respected_in_seconds(server, get, slept):
    server.answers["/a"] = busy(429, 1, whole(RIGHT), Retry_After=7)
    assert get(f"{server.url}/a").read_bytes() == RIGHT
    assert slept == [7]


def test_a_server_that_asks_for_too_much_patience_is_given_up(server, get, slept):
    server.answers["/a"] = busy(429, 1, whole(RIGHT), Retry_After=3600)
    with pytest.raises(DownloadError, match="Too Many Requests"):
        get(f"{server.url}/a")
    assert slept == []


def test_a_host_that_cannot_be_reached_is_given_up_at_once(get, slept):
    url = f"http://127.0.0.1:{closed_port()}"
    start = time.perf_counter()
    for _ in range(2):
        with pytest.raises(DownloadError, match="cannot be reached"):
            get(f"{url}/a", f"{url}/b")
    assert time.perf_counter() - start < 1
    assert slept == []
    assert set(download._given_up) == {url.removeprefix("http://")}


def test_a_host_that_accepts_but_says_nothing_is_waited_for_once(server, get, slept):
    server.answers["/a"] = lambda *_: time.sleep(0.5)
    for _ in range(2):
        with pytest.raises(DownloadError, match="cannot be reached"):
            get(f"{server.url}/a")
    assert len(server.asked) == 1
    assert slept == []


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/a", "/etc/hostname"])
def test_other_schemes_are_refused(get, url):
    with pytest.raises(DownloadError, match="leads to an address that cannot be followed"):
        get(url)


def test_what_is_compressed_on_the_server_is_kept_as_it_is(server, get):
    server.answers["/a"] = whole(RIGHT, Content_Encoding="gzip")  # as some servers label a .tgz
    assert get(f"{server.url}/a").read_bytes() == RIGHT


def test_too_little_space_is_told_before_anything_is_written(server, get, monkeypatch, tmp_path):
    server.answers["/a"] = whole(RIGHT)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: SimpleNamespace(free=150_000))
    assert get(f"{server.url}/a").read_bytes() == RIGHT
    (tmp_path / "cache" / "thing.bin").unlink()
    with pytest.raises(DownloadError) as caught:
        get(f"{server.url}/a", room=2)
    assert str(caught.value) == f"it needs 0.20 MB and 0.15 MB are free in {tmp_path / 'cache'}"
    assert caught.value.reason == "the cache has too little free space"
    assert left(tmp_path) == []


def test_a_disk_that_fills_up_is_told_and_freed(server, get, monkeypatch, tmp_path):
    server.answers["/a"] = ranged(RIGHT)

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(download.os, "fsync", full)
    with pytest.raises(DownloadError, match=r"cannot be written.*No space left") as caught:
        get(f"{server.url}/a")
    assert str(tmp_path) not in caught.value.reason
    assert left(tmp_path) == []


def test_a_cache_that_cannot_be_written_is_told_before_asking(server, get, tmp_path):
    server.answers["/a"] = whole(RIGHT)
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(DownloadError, match="the cache cannot be written"):
        get(f"{server.url}/a")
    assert server.asked == []


def test_threads_that_want_the_same_file_download_it_once(server, get):
    server.answers["/a"] = ranged(RIGHT, drop_after=40_960, stall=0.1)
    threads = [threading.Thread(target=get, args=(f"{server.url}/a",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert get(f"{server.url}/a").read_bytes() == RIGHT
    assert len(server.asked) == 2


def test_a_redirect_is_followed(server, get):
    server.answers["/a"], server.answers["/b"] = busy(302, 99, whole(b""), Location="/b"), whole(RIGHT)
    assert get(f"{server.url}/a").read_bytes() == RIGHT


@pytest.mark.parametrize("location", ["/a", "http://[", "file:///etc/hostname", "ftp://127.0.0.1/a"])
def test_a_redirect_in_a_circle_or_to_no_web_address_is_refused(server, get, slept, monkeypatch, location):
    monkeypatch.setattr(download, "TIMEOUT", (30.0, 30.0))  # a circle is 30 answers, on whatever machine
    server.answers["/a"] = busy(302, 999, whole(b""), Location=location, Content_Length=0)
    with pytest.raises(DownloadError, match="leads to an address that cannot be followed"):
        get(f"{server.url}/a")
    assert slept == []


@pytest.mark.parametrize("digest", [SUM, SUM[:8], ""])
def test_only_a_full_sum_allows_to_leave_https(server, get, monkeypatch, digest):
    """requests is told that the first answer came by https, as this server cannot."""
    server.answers["/a"], server.answers["/b"] = busy(302, 99, whole(b""), Location="/b"), whole(RIGHT)
    real = requests.get

    def secure_first(url, **options):
        response = real(url.replace("https:", "http:"), **options)
        response.history[0].url = url
        return response

    monkeypatch.setattr(requests, "get", secure_first)
    url = server.url.replace("http:", "https:") + "/a"
    if digest == SUM:
        assert get(url, digest=digest).read_bytes() == RIGHT
    else:
        with pytest.raises(DownloadError, match=rf"redirects to {server.url}/b, which is not https"):
            get(url, digest=digest)
