import json
import runpy
import shutil

import pytest

from sharploss.config.loss_spec import parse_loss
from sharploss.config.params import Params, load_params
from sharploss.config.run_config import resolve_run
from sharploss.planning.cost import format_status, run_status
from sharploss.planning.plan import expand
from sharploss.record.paths import paths
from sharploss.training.state import with_defaults
from sharploss.utils.errors import UserError


@pytest.fixture
def study(repository):
    params = load_params(repository / "tests" / "study.yaml")
    return params, expand(params)


def train(root, params, plan, key, **changed):
    """Leave what a training leaves, as far as it matters here."""
    config = with_defaults(resolve_run(params, plan["runs"][key])).model_dump(mode="json") | changed
    folder = paths(plan["study"], root).run(key).provenance.parent
    folder.mkdir(parents=True)
    (folder / "provenance.json").write_text(json.dumps({"config": config}))
    weights = paths(plan["study"], root).weights(plan["runs"][key]["group"], key)
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(b"weights")
    return folder, weights


def test_without_results_everything_is_new(study, tmp_path):
    params, plan = study
    assert run_status(params, plan, tmp_path) == {"kept": [], "other": [], "new": list(plan["runs"])}


def test_every_run_of_a_study_that_was_trained_is_kept(study, tmp_path):
    params, plan = study
    for key in plan["runs"]:
        train(tmp_path, params, plan, key)
    assert run_status(params, plan, tmp_path) == {"kept": list(plan["runs"]), "other": [], "new": []}


def test_other_settings_lost_weights_and_damaged_records_are_told_apart(study, tmp_path):
    params, plan = study
    kept, other, lost, damaged, *new = plan["runs"]
    train(tmp_path, params, plan, kept)
    train(tmp_path, params, plan, other, seed=7)
    train(tmp_path, params, plan, lost)[1].unlink()
    (train(tmp_path, params, plan, damaged)[0] / "provenance.json").write_text("{}")
    assert run_status(params, plan, tmp_path) == {"kept": [kept], "other": [other], "new": [lost, damaged, *new]}


def test_what_starts_from_an_altered_run_is_altered_too(repository, tmp_path):
    """Also where there is a run in between; a start whose weights are only lost comes back as it was."""
    content = load_params(repository / "tests" / "study.yaml").model_dump()
    start = {"loss": "l1_ragan", "recipe": "mini_gan"}
    content["recipes"]["later"] = {**content["recipes"]["mini_gan"], "start": start}
    suite = {**content["suites"]["adversarial"], "networks": ["espcn"]}
    content["suites"] = {
        "game": {**suite, "losses": ["l2", "l1_ragan"]},
        "later": {**suite, "losses": ["l1"], "recipe": "later"},
        "plain": {**suite, "losses": ["l2"], "recipe": "mini"},
    }
    params = Params.model_validate(content)
    plan = expand(params)
    for key in plan["runs"]:
        train(tmp_path, params, plan, key)
    assert not run_status(params, plan, tmp_path)["other"]
    params.losses["l1"] = parse_loss({"l1": 2})
    found = run_status(params, plan, tmp_path)
    assert set(plan["runs"]) - set(found["other"]) == {"sr_x4-espcn-l2-s0"} == set(found["kept"])
    middle, first = "sr_x4-espcn-l1_ragan-mini_gan-s0", "sr_x4-espcn-l1-s0"
    paths("mini", tmp_path).weights("sr_x4-espcn", middle).unlink()
    found = run_status(params, plan, tmp_path)
    assert found["new"] == [middle]
    assert "sr_x4-espcn-l1-later-s0" in found["other"]
    params.losses["l1"] = parse_loss({"l1": 1})
    paths("mini", tmp_path).weights("sr_x4-espcn", first).unlink()
    found = run_status(params, plan, tmp_path)
    assert set(found["new"]) == {first, middle}
    assert not found["other"]


def test_another_test_set_makes_no_other_run(study, tmp_path):
    params, plan = study
    key = next(iter(plan["runs"]))
    train(tmp_path, params, plan, key)
    params.tasks[plan["runs"][key]["task"]].test.append("set14")
    params.tasks[plan["runs"][key]["task"]].tune.append("live1")
    assert run_status(params, plan, tmp_path)["kept"] == [key]


def test_another_study_has_trainings_of_its_own(study, repository, tmp_path):
    params, plan = study
    for key in plan["runs"]:
        train(tmp_path, params, plan, key)
    other = load_params(repository / "studies" / "benchmark.yaml")
    found = run_status(other, expand(other), tmp_path)
    assert not found["kept"]
    assert not found["other"]
    assert "sr_x4-edsr-l1-s5k-s0" in found["new"]


def test_it_is_told_in_numbers_and_names():
    lines = format_status({"kept": ["a", "b"], "other": ["c"], "new": ["d", "e", "f"]})
    assert lines[0] == "other settings c"
    assert lines[1].startswith("to train: 4 (3 not here, 1 with other settings)")
    assert lines[2].startswith("reused: 2 ")


def test_who_stops_reading_the_plan_leaves_it_written(repository, tmp_path, monkeypatch):
    """As `pipelines/plan.py | head -3` does."""
    renew = runpy.run_path(str(repository / "pipelines" / "plan.py"))["renew"]

    def closed(*_, **__):
        raise BrokenPipeError

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(renew.__globals__, "print", closed)
    monkeypatch.setitem(renew.__globals__, "check_study", lambda *_: None)
    with pytest.raises(BrokenPipeError):
        renew(load_params(repository / "studies" / "mini.yaml"))
    assert (tmp_path / "runs.yaml").is_file()
    assert (tmp_path / "studies" / "schema.json").is_file()


@pytest.fixture
def change_study(repository):
    return runpy.run_path(str(repository / "pipelines" / "plan.py"))["change_study"]


def test_changing_study_copies_it(change_study, repository, tmp_path):
    shutil.copytree(repository / "studies", tmp_path / "studies")
    for name in ("benchmark", "mini", "benchmark"):
        change_study(name, tmp_path)
        assert (tmp_path / "params.yaml").read_bytes() == (repository / "studies" / f"{name}.yaml").read_bytes()


def test_changing_study_loses_no_edits_and_knows_the_studies(change_study, repository, tmp_path):
    shutil.copytree(repository / "studies", tmp_path / "studies")
    (tmp_path / "params.yaml").write_text("study: mine\n")
    with pytest.raises(UserError, match="no copy of a study"):
        change_study("benchmark", tmp_path)
    assert (tmp_path / "params.yaml").read_text() == "study: mine\n"
    with pytest.raises(UserError, match=r"benchmarks.*benchmark"):
        change_study("benchmarks", tmp_path)
