"""What the environment of a training says of W&B, right or wrong, stops no training."""

import os
import tempfile

import pytest

from sharploss.tracking import follower as tracking


@pytest.fixture(autouse=True)
def _home(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".scratch").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL", "NETRC", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)


GOOD = b"machine api.wandb.ai login user password " + b"k" * 40


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"machine caf\xe9 login x password y", b"machine", b"\0" * 9, b"<html>", GOOD * 2]
)
def test_a_netrc_that_cannot_be_read_is_no_login(tmp_path, content):
    (tmp_path / ".netrc").write_bytes(content)
    (tmp_path / ".netrc").chmod(0o600)
    assert tracking.mode() in ("offline", "online")


def test_a_netrc_that_is_a_folder_is_no_login(tmp_path):
    (tmp_path / ".netrc").mkdir()
    assert tracking.mode() == "offline"


@pytest.mark.parametrize("address", ["", "http://[::1", "http://[", "//", "localhost", "http://h:port", "\udcff"])
def test_an_address_that_is_none_is_no_login(monkeypatch, tmp_path, address):
    (tmp_path / ".netrc").write_bytes(GOOD)
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("WANDB_BASE_URL", address)
    assert not tracking.logged_in()


def test_a_login_in_another_file_is_one(monkeypatch, tmp_path):
    (tmp_path / "mine").write_bytes(GOOD)
    assert not tracking.logged_in()
    monkeypatch.setenv("NETRC", str(tmp_path / "mine"))
    assert tracking.logged_in()
    monkeypatch.setenv("NETRC", "")
    assert not tracking.logged_in()


@pytest.mark.parametrize("fault", [FileNotFoundError, PermissionError, OSError, BlockingIOError])
@pytest.mark.parametrize("place", [(tempfile, "mkdtemp"), (tracking, "follow")])
def test_a_follower_that_cannot_be_started_stops_nothing(monkeypatch, tmp_path, fault, place):
    def refuse(*_, **__):
        raise fault(28, os.strerror(28))

    monkeypatch.setattr(*place, refuse)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert tracking.start(tmp_path / "history.jsonl", {"config": {"key": "K"}}) is None
    said = (tmp_path / ".scratch/wandb.log").read_text()
    assert "K (" in said
    assert "publish K" in said
    assert not list(tmp_path.glob("sharploss-pictures-*"))
