import json

import pytest

from sharploss.config.loss_spec import parse_loss
from sharploss.config.recipe import Recipe
from sharploss.config.run_config import RunConfig
from sharploss.config.sections import NetworkSpec
from sharploss.config.tasks import SuperResolution
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
    config=RunConfig(
        task=SuperResolution(kind="sr", scale=4, train=["a"], validation=["b"], test=["c"]),
        network=NetworkSpec(network="edsr"),
        loss=parse_loss({"l1": 1}),
        recipe=Recipe(steps=12, batch=1, patch=8, learning_rate=0.1),
        seed=0,
    ),
)
METRICS = Metrics(status="finished", step=12, validation={"psnr_y": 28.5}, terms={"l1": 0.1})


@pytest.fixture
def files(tmp_path):
    return paths("mini", tmp_path).run("key")


def test_a_record_is_written_and_read_back(files):
    record = RunRecord("key", METRICS, PROVENANCE)
    save_run(files, record)
    assert load_run(files, "key") == record
    assert read_config(files) == PROVENANCE.config.model_dump(mode="json")
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
        ("provenance", PROVENANCE.model_dump_json().replace("batch", "bach"), "none of today's: recipe: .*'bach'"),
    ],
)
def test_a_damaged_record_is_named(files, name, content, message):
    save_run(files, RunRecord("key", METRICS, PROVENANCE))
    getattr(files, name).write_text(content)
    with pytest.raises(UserError, match=rf"{name}\.json .*{message}"):
        load_run(files, "key")


def test_a_record_of_an_earlier_version_is_read_with_what_it_said_and_no_more_is_there(files):
    save_run(files, RunRecord("key", METRICS, PROVENANCE))
    content = json.loads(files.provenance.read_text())
    content["config"]["task"]["preferred"] = []
    del content["config"]["recipe"]["average"]
    files.provenance.write_text(json.dumps(content))
    assert load_run(files, "key") == RunRecord("key", METRICS, PROVENANCE)
    content["config"]["task"]["preferred"] = ["c"]
    files.provenance.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"none of today's: task: There is no key 'preferred'"):
        load_run(files, "key")


def test_what_is_missing_is_named(files):
    with pytest.raises(UserError, match=r"metrics\.json is missing: run 'make repro'"):
        load_run(files, "key")
    assert read_config(files) is None
