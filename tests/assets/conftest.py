"""Downloads from the server that misbehaves."""

import pytest
from server import RIGHT, SUM, running

from sharploss.assets import File, download


@pytest.fixture
def server():
    with running() as server:
        yield server


@pytest.fixture
def slept(monkeypatch):
    """The pauses that were made, none of which was waited for."""
    pauses = []
    monkeypatch.setattr(download, "sleep", pauses.append)
    return pauses


@pytest.fixture
def quick(monkeypatch, slept):
    """Short timeouts, and nothing known of any host."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "TIMEOUT", (2.0, 0.2))
    monkeypatch.setattr(download, "_given_up", {})
    monkeypatch.setattr(download, "_answered", set())
    assert slept == []


@pytest.fixture
def get(tmp_path):
    """Download from some addresses to a fixed place; gives that place."""
    target = tmp_path / "cache" / "thing.bin"

    def run(*urls, digest=SUM, size: int | None = len(RIGHT), room=1):
        download.download(File("thing.bin", digest, size, urls), target, room)
        return target

    return run
