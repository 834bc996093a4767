"""Damaged results and packs: read, or told by name in one sentence; and clocks that jump."""

import os
import shutil
import time
from datetime import UTC, datetime, timedelta

import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import synthetic
from sharploss.analysis.load import load_study
from sharploss.data.pack import open_pack, write_pack
from sharploss.training import loop
from sharploss.utils.errors import UserError
from toy_training import configuration, open_packs, typed, write_packs

MANY = settings(max_examples=150, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
KEY = "sr_x4-espcn-l1-s0"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """An invented study, cut down to one network and two losses so that it is read in a moment."""
    root = synthetic.make_study(tmp_path_factory.mktemp("records") / "study")
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["suites"] = {"pairings": params["suites"]["pairings"] | {"networks": ["espcn"], "losses": ["l1", "l2"]}}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    load_study("mini", root)
    return root


SCORES = "results/mini/scores/sr_x4-espcn"
RECORDS = [f"results/mini/runs/{KEY}/{name}" for name in ("metrics.json", "provenance.json", "history.jsonl")]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*RECORDS, f"{SCORES}.csv", f"{SCORES}.json"])
@MANY
@given(data=st.data())
def test_a_damaged_result_is_read_or_told_by_name(study, name, data):
    path = study / name
    content = path.read_bytes()
    spoilt = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(spoilt) - 1))
        spoilt[at] ^= 1 << data.draw(st.integers(0, 7))
    what = data.draw(st.sampled_from(["flip", "cut", "other"]))
    spoilt = spoilt[: len(spoilt) // 2] if what == "cut" else spoilt
    spoilt = data.draw(st.sampled_from([b"[]", b"3", b"{}", b"", b"null\n", b"\x00"])) if what == "other" else spoilt
    path.write_bytes(spoilt)
    told = None
    try:
        load_study("mini", study)
    except UserError as error:
        told = str(error)
    finally:
        path.write_bytes(content)
    assert told is None or "results/" in told


def test_a_flipped_bit_in_a_pack_is_noticed_wherever_it_is(tmp_path):
    target = torch.randint(0, 256, (3, 32, 36), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    path = tmp_path / "train.safetensors"
    write_pack(path, [("a/b", target, target)], role="train", sets=["a"], parameters={}, missing={})
    content = path.read_bytes()
    start = content.index(target.permute(1, 2, 0).numpy().tobytes()[:64])
    for at in range(start, len(content), 97):
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        with pytest.raises(UserError, match=r"train\.safetensors is damaged"):
            open_pack(path, verify=True)


def test_a_checkpoint_without_its_record_is_not_gone_on_from(tmp_path, capsys):
    """A kill while a finished run's scratch folder is being removed can leave the one without the other."""
    whole = train(tmp_path, "whole")
    train(tmp_path, "parts")
    record = tmp_path / "parts/history.jsonl"
    content = record.read_bytes()
    record.write_bytes(content[:-20])
    again = train(tmp_path, "parts")
    assert "history.jsonl is shorter than its checkpoint says" in capsys.readouterr().err
    assert record.read_bytes() == content
    record.unlink()
    again = train(tmp_path, "parts")
    assert record.read_bytes() == content
    assert all(
        torch.equal(again.network.state_dict()[name], value) for name, value in whole.network.state_dict().items()
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training while the clock was right: its folder and what came of it."""
    folder = tmp_path_factory.mktemp("trained")
    return folder, train(folder, "whole")


@pytest.mark.parametrize("jump", [-1e9, 1e9, "back and forth"])
def test_a_clock_that_jumps_changes_nothing(tmp_path, monkeypatch, trained, jump):
    folder, whole = trained
    shutil.copytree(folder / "whole", tmp_path / "whole")
    real, calls = time.time, iter(range(10**9))

    def clock():
        return real() + ((-1) ** next(calls) * 1e9 if jump == "back and forth" else jump)

    monkeypatch.setattr(time, "time", clock)
    monkeypatch.setattr("tqdm.tqdm._time", clock, raising=False)
    # Stopped in the middle by files of the future or the past: what is newest is told by its name, not its time.
    for index, path in enumerate(sorted((tmp_path / "whole").glob("step-*.pt"))):
        stamp = (datetime.now(UTC) + timedelta(days=-1000 * index)).timestamp()
        os.utime(path, (stamp, stamp))
    again = train(tmp_path, "whole")
    assert again.state.step == whole.state.step
    other = train(tmp_path, "other")
    assert all(
        torch.equal(other.network.state_dict()[name], value) for name, value in whole.network.state_dict().items()
    )
    assert (tmp_path / "other/history.jsonl").read_bytes() == (tmp_path / "whole/history.jsonl").read_bytes()
    assert other.state.seconds >= 0


def train(folder, name):
    write_packs(folder)
    config = typed(configuration(steps=24))
    return loop.train(config, open_packs(folder), scratch=folder / name, device=torch.device("cpu"))
