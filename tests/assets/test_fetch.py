import functools
import hashlib
import http.server
import json
import socket
import threading
import time
from typing import ClassVar

import pytest

from sharploss.assets import (
    ASSETS,
    Asset,
    AssetMissingError,
    File,
    choose,
    download,
    locate,
    present,
    receipt,
    receipts,
)
from sharploss.utils.errors import UserError

RIGHT, WRONG = b"the right bytes" * 1000, b"the wrong bytes" * 1000
SUM, WRONG_SUM = hashlib.sha256(RIGHT).hexdigest(), hashlib.sha256(WRONG).hexdigest()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder quietly, records what was asked for, and breaks off early for paths named so."""

    asked: ClassVar[list[str]] = []

    def do_GET(self):
        self.asked.append(self.path)
        if "short" not in self.path:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", str(len(RIGHT)))
        self.end_headers()
        self.wfile.write(RIGHT[:100])
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    """The address of a local server and the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()
    Handler.asked.clear()
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}", folder
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv("SHARPLOSS_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("SHARPLOSS_OFFLINE", raising=False)
    monkeypatch.setattr(download, "_given_up", {})
    monkeypatch.setattr(download, "_answered", set())
    monkeypatch.setattr(download, "sleep", lambda _: None)


@pytest.fixture
def known(monkeypatch):
    """Put an asset of one file into the catalogue."""

    def add(*urls, name="thing", path="datasets/thing/a.bin", digest=SUM):
        files = (File(path, digest, len(RIGHT), urls=urls),)
        monkeypatch.setitem(ASSETS, name, Asset("dataset", "test", "none", "nobody", files))

    return add


def put(root, content=RIGHT, path="datasets/thing/a.bin"):
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return target


def closed_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_a_download_goes_to_the_cache_and_is_not_repeated(known, server, tmp_path):
    url, folder = server
    (folder / "a").write_bytes(RIGHT)
    known(f"{url}/a")
    expected = tmp_path / "cache" / "datasets" / "thing" / "a.bin"
    assert locate("thing") == locate("thing") == [expected]
    assert expected.read_bytes() == RIGHT
    assert Handler.asked == ["/a"]
    assert list(expected.parent.iterdir()) == [expected]


def test_the_cache_comes_before_the_mirror_and_the_mirror_before_the_network(known, server, tmp_path):
    url, folder = server
    (folder / "a").write_bytes(RIGHT)
    known(f"{url}/a")
    in_mirror = put(tmp_path / "mirror")
    assert locate("thing") == [in_mirror]
    assert not (tmp_path / "cache").exists()
    in_cache = put(tmp_path / "cache")
    assert locate("thing") == [in_cache]
    assert Handler.asked == []


@pytest.mark.parametrize("place", ["cache", "mirror"])
def test_a_wrong_file_is_named_with_both_sums(known, tmp_path, place):
    known()
    path = put(tmp_path / place, WRONG)
    with pytest.raises(UserError) as caught:
        locate("thing")
    assert not isinstance(caught.value, AssetMissingError)
    for part in (str(path), SUM, WRONG_SUM):
        assert part in str(caught.value)
    assert path.read_bytes() == WRONG


def test_wrong_bytes_never_become_visible(known, server, tmp_path):
    url, folder = server
    (folder / "a").write_bytes(WRONG)
    known(f"{url}/a")
    with pytest.raises(AssetMissingError, match=f"{WRONG_SUM}, not {SUM}"):
        locate("thing")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize(("path", "reason"), [("none", "answered 'File not found'"), ("short", "broke off")])
def test_a_server_that_fails_is_told_apart_and_leaves_nothing(known, server, tmp_path, path, reason):
    known(f"{server[0]}/{path}")
    with pytest.raises(AssetMissingError, match=reason) as caught:
        locate("thing")
    assert reason in caught.value.reason
    assert set(Handler.asked) == {f"/{path}"}
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_refused_connection_is_quick_and_tried_once_for_all_files_of_a_host(known, tmp_path):
    url = f"http://127.0.0.1:{closed_port()}"
    known(f"{url}/a", f"{url}/b")
    start = time.perf_counter()
    with pytest.raises(AssetMissingError, match="cannot be reached") as caught:
        locate("thing")
    assert time.perf_counter() - start < 2
    message = str(caught.value)
    for part in ("a.bin", "'thing'", str(tmp_path / "cache"), str(tmp_path / "mirror"), "SHARPLOSS_MIRROR"):
        assert part in message
    assert str(tmp_path) not in caught.value.reason + caught.value.cure
    assert caught.value.cure.startswith("'python -m sharploss data fetch thing' downloads ")
    assert caught.value.cure.endswith("a.bin, or a folder that SHARPLOSS_MIRROR names has it")
    assert download._given_up.keys() == {url.removeprefix("http://")}


def test_the_next_address_is_tried(known, server):
    url, folder = server
    (folder / "b").write_bytes(RIGHT)
    known(f"http://127.0.0.1:{closed_port()}/a", f"{url}/none", f"{url}/b")
    assert locate("thing")[0].read_bytes() == RIGHT
    assert Handler.asked == ["/none", "/b"]


def test_offline_means_no_attempt(known, server, monkeypatch):
    url, folder = server
    (folder / "a").write_bytes(RIGHT)
    known(f"{url}/a")
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    with pytest.raises(AssetMissingError, match="SHARPLOSS_OFFLINE"):
        locate("thing")
    assert Handler.asked == []


def test_without_mirror_and_address_the_message_says_so(known, monkeypatch):
    known()
    monkeypatch.delenv("SHARPLOSS_MIRROR")
    with pytest.raises(AssetMissingError, match=r"no mirror \(SHARPLOSS_MIRROR\); it has no download address"):
        locate("thing")


def test_a_cache_that_cannot_be_written_is_a_reason_and_not_a_crash(known, server, tmp_path):
    url, folder = server
    (folder / "a").write_bytes(RIGHT)
    known(f"{url}/a")
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(AssetMissingError, match="the cache cannot be written"):
        locate("thing")


def test_the_first_digits_of_a_sum_are_enough_where_the_publisher_gives_no_more(known, tmp_path):
    known(digest=SUM[:8])
    put(tmp_path / "mirror")
    assert len(locate("thing")) == 1
    put(tmp_path / "mirror", WRONG)
    with pytest.raises(UserError, match=WRONG_SUM):
        locate("thing")


def test_an_unknown_asset_names_the_nearest():
    with pytest.raises(UserError, match="'set_5': did you mean 'set5'"):
        locate("set_5")


def test_a_package_without_the_file_is_missing(monkeypatch):
    for package in ("skimage", "no_such_package_at_all"):
        asset = Asset("dataset", "test", "none", "nobody", (File(f"{package}/no.png", SUM, 1),), package=package)
        monkeypatch.setitem(ASSETS, "thing", asset)
        with pytest.raises(AssetMissingError, match=f"{package} does not ship {package}/no.png") as caught:
            locate("thing")
        assert caught.value.cure == "install the version in requirements.lock"


def files_in(folder):
    return {name: folder / f"{name}.json" for name in ("thing", "other", "skimage_validation")}


def test_receipts_say_what_is_there_and_are_the_same_wherever_it_was_found(known, tmp_path, monkeypatch):
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    known()
    known(name="other", path="weights/other.bin")
    put(tmp_path / "mirror")
    receipts(files_in(tmp_path / "one"))
    found = json.loads((tmp_path / "one" / "thing.json").read_text())
    assert found == {"name": "thing", "available": True, "sha256": {"datasets/thing/a.bin": SUM}, "reason": ""}
    other = json.loads((tmp_path / "one" / "other.json").read_text())
    assert other == {"name": "other", "available": False, "sha256": {}, "reason": receipt("other")["reason"]}
    put(tmp_path / "elsewhere" / "cache")
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path / "elsewhere" / "cache"))
    receipts(files_in(tmp_path / "two"))
    for name in ("thing", "other", "skimage_validation"):
        text = (tmp_path / "one" / f"{name}.json").read_text()
        assert text == (tmp_path / "two" / f"{name}.json").read_text()
        assert str(tmp_path) not in text


def test_present_finds_what_locate_would_without_network_and_without_reading(known, server, tmp_path):
    url, folder = server
    (folder / "a").write_bytes(RIGHT)
    known(f"{url}/a")
    assert present("thing") is None
    assert Handler.asked == []
    assert present("skimage_test") == locate("skimage_test")
    in_mirror = put(tmp_path / "mirror", WRONG)
    assert present("thing") == [in_mirror]


def test_of_assets_with_the_same_purpose_what_is_here_comes_before_what_can_be_downloaded(monkeypatch):
    here = {"alexnet"}
    monkeypatch.setattr("sharploss.assets.fetch.present", lambda name: ["a file"] if name in here else None)
    assert choose(["alexnet_torchvision", "alexnet"]) == "alexnet"
    here.clear()
    assert choose(["alexnet", "alexnet_torchvision"]) == "alexnet_torchvision"
    assert choose(["alexnet"]) == "alexnet"


def test_the_receipt_of_what_cannot_be_had_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path))
    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    found = receipt("alexnet")
    assert not found["available"]
    assert found["sha256"] == {}
    assert "alexnet" in found["reason"]
    with pytest.raises(AssetMissingError) as caught:
        locate("alexnet")  # which has no address
    told = "put weights/alexnet_features.safetensors into a folder that SHARPLOSS_MIRROR names"
    assert caught.value.cure == told
