import socket

import pytest

from sharploss.assets import redirects
from sharploss.assets.redirects import refusal

ADDRESSES = {
    "internet.example": ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"],
    "cdn.example": ["151.101.1.1"],
    "router.example": ["192.168.1.1"],
    "both.example": ["151.101.1.1", "10.0.0.7"],
    "mirror.lan": ["10.0.0.7"],
}


@pytest.fixture(autouse=True)
def resolver(monkeypatch):
    """Names as ADDRESSES has them, numbers as they are, and nothing else."""
    real = socket.getaddrinfo

    def resolve(host, port, **options):
        if host in ADDRESSES:
            return [(0, 0, 0, "", (address, port)) for address in ADDRESSES[host]]
        return real(host, port, flags=socket.AI_NUMERICHOST, **options)

    monkeypatch.setattr(redirects.socket, "getaddrinfo", resolve)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("https://internet.example/a", "https://cdn.example/b"),
        ("http://internet.example/a", "https://cdn.example/b"),
        ("http://internet.example/a", "http://cdn.example/b"),
        ("https://internet.example/a", "https://unknown.example/b"),
        ("http://mirror.lan/a", "http://127.0.0.1:8000/b"),
        ("http://127.0.0.1:8000/a", "http://127.0.0.1:8001/b"),
        ("http://[::1]/a", "http://mirror.lan/b"),
        ("http://mirror.lan/a", "https://internet.example/b"),
    ],
)
def test_redirects_that_are_followed(source, target):
    assert refusal(source, target) == ""


@pytest.mark.parametrize("scheme", ["file", "ftp", "data", "gopher", ""])
@pytest.mark.parametrize("source", ["https://internet.example", "http://mirror.lan"])
def test_other_schemes_are_refused(source, scheme):
    assert refusal(f"{source}/a", f"{scheme}://cdn.example/b").endswith("which is neither http nor https")


@pytest.mark.parametrize("source", ["https://internet.example", "https://mirror.lan", "https://127.0.0.1"])
def test_https_stays_https(source):
    assert "not https" in refusal(f"{source}/a", "http://cdn.example/b")


@pytest.mark.parametrize(
    "host",
    [
        *("router.example", "both.example", "mirror.lan"),
        *("127.0.0.1", "127.1", "2130706433", "0x7f.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "100.64.0.1"),
        *("169.254.169.254", "[::1]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_internet_leads_to_no_local_address(scheme, host):
    reason = refusal(f"{scheme}://internet.example/a", f"{scheme}://{host}:8080/latest")
    assert reason == (f"internet.example redirects to {scheme}://{host}:8080, which is an address of the local network")
