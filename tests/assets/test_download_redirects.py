import socket

import pytest
import requests
from server import RIGHT, busy, whole

from sharploss.assets import redirects
from sharploss.assets.download import DownloadError

pytestmark = pytest.mark.usefixtures("quick")


def test_a_redirect_is_followed(server, get):
    server.answers["/a"], server.answers["/b"] = busy(302, 99, whole(b""), Location="/b"), whole(RIGHT)
    assert get(f"{server.url}/a").read_bytes() == RIGHT


@pytest.mark.parametrize("location", ["file:///etc/hostname", "ftp://127.0.0.1/a"])
def test_a_redirect_to_another_scheme_is_refused(server, get, slept, location):
    server.answers["/a"] = busy(302, 999, whole(b""), Location=location, Content_Length=0)
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:\d+ redirects to (file|ftp)://.*neither http nor https$"):
        get(f"{server.url}/a")
    assert slept == []


@pytest.mark.parametrize("location", ["/a", "http://["])
def test_a_redirect_in_a_circle_or_to_nowhere_is_refused(server, get, slept, location):
    server.answers["/a"] = busy(302, 999, whole(b""), Location=location, Content_Length=0)
    with pytest.raises(DownloadError, match="leads to an address that cannot be followed"):
        get(f"{server.url}/a")
    assert slept == []


def test_a_refused_redirect_is_not_followed(server, get, monkeypatch):
    """The name of the first host is one of the internet, and the proxy that stands for it is this server."""
    resolve = socket.getaddrinfo
    public = [(0, 0, 0, "", ("93.184.215.14", 0))]
    monkeypatch.setattr(
        redirects.socket,
        "getaddrinfo",
        lambda host, *given, **named: public if host == "public.example" else resolve(host, *given, **named),
    )
    monkeypatch.setattr(requests.sessions, "get_environ_proxies", lambda *_, **__: {"http": server.url})
    server.answers["http://public.example/a"] = busy(302, 99, whole(b""), Location="http://127.0.0.1/secret")
    with pytest.raises(DownloadError, match=r"^public\.example redirects to http://127\.0\.0\.1, .* local network$"):
        get("http://public.example/a")
    assert [path for path, _ in server.asked] == ["http://public.example/a"]
