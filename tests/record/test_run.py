import json

import pytest

from sharploss.record.paths import paths
from sharploss.record.run import Divergence, Metrics, Provenance, RunRecord, load_run, read_config, save_run, summarise
from sharploss.utils.errors import UserError

PROVENANCE = Provenance(
    started="2026-01-02T00:00:00+00:00",
    seconds=2.5,
    steps_per_second=4.8,
    device="cpu",
    hardware="an invented processor",
    versions={"torch": "2"},
    commit="0123abc",
    parameters=7,
    config={"task": {"scale": 4, "test": ["a"]}, "seed": 0},
)
METRICS = Metrics(status="finished", step=12, validation={"psnr_y": 28.5}, terms={"l1": 0.1})


@pytest.fixture
def files(tmp_path):
    return paths("mini", tmp_path).run("key")


def test_a_record_is_written_and_read_back(files):
    record = RunRecord("key", METRICS, PROVENANCE)
    save_run(files, record)
    assert load_run(files, "key") == record
    assert read_config(files) == PROVENANCE.config
    assert "cure" not in json.loads(files.metrics.read_text())
    assert summarise(record) == "key: 12 steps in 2.5 s (4.8 steps/s), validation 28.50 dB"


def test_a_diverged_run_says_so(files):
    record = RunRecord("key", Metrics(status="diverged", diverged=Divergence(term="l1", step=3)), PROVENANCE)
    save_run(files, record)
    assert load_run(files, "key").metrics.failure == "diverged (l1 at step 3)"
    assert summarise(record) == "key: diverged (l1 at step 3)"


def test_a_run_that_was_not_trained_says_what_to_do_and_needs_no_provenance(files):
    record = RunRecord("key", Metrics(status="not_trained", reason="a.pth is not here", cure="fetch it"), None)
    save_run(files, record)
    assert load_run(files, "key") == record
    assert record.metrics.failure == "not trained: a.pth is not here"
    assert summarise(record) == "key: not trained: a.pth is not here: fetch it"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metrics", "{}", "status is missing"),
        ("metrics", '{"status": "done"}', "status is .done."),
        ("metrics", "[]", r"the file is \[\]"),
        ("provenance", '{"seconds": 1}', "started is missing"),
        ("provenance", "{", "is damaged"),
    ],
)
def test_a_damaged_record_is_named(files, name, content, message):
    save_run(files, RunRecord("key", METRICS, PROVENANCE))
    getattr(files, name).write_text(content)
    with pytest.raises(UserError, match=rf"{name}\.json .*{message}"):
        load_run(files, "key")


def test_what_is_missing_is_named(files):
    with pytest.raises(UserError, match=r"metrics\.json is missing: run 'make repro'"):
        load_run(files, "key")
    assert read_config(files) is None
