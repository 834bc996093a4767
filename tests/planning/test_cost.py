import json
from pathlib import Path

import pytest
import torch

from sharploss.config.params import load_params
from sharploss.config.run_config import RunConfig, resolve_run
from sharploss.planning import cost
from sharploss.planning.cost import START_UP, predict, predict_seconds, step_seconds, time_steps
from sharploss.planning.plan import expand
from sharploss.record.paths import TIMED
from sharploss.training.device import describe_hardware
from sharploss.training.state import with_defaults

L1, L2, GV = "sr_x4-espcn-l1-s0", "sr_x4-espcn-l2-s0", "sr_x4-espcn-l1_gv-s0"


@pytest.fixture(scope="module")
def mini(repository):
    return load_params(repository / "tests/study.yaml")


@pytest.fixture
def study(mini, monkeypatch, tmp_path):
    """Parameters and plan of the mini study, in a folder in which nothing was trained."""
    monkeypatch.setenv("SHARPLOSS_DEVICE", "cpu")
    monkeypatch.chdir(tmp_path)
    return mini, expand(mini)


def record(study, key, steps_per_second, **changes):
    """Leave the provenance of a run as `train` does."""
    params, plan = study
    config = with_defaults(resolve_run(params, plan["runs"][key])).model_dump(mode="json")
    config["recipe"].update(changes.pop("recipe", {}))
    config["loss"] = changes.pop("loss", config["loss"])
    content = {"device": "cpu", "hardware": describe_hardware(torch.device("cpu")), "processes": 1}
    content |= {"steps_per_second": steps_per_second, "config": config, **changes}
    path = Path(f"results/{changes.get('study', 'mini')}/runs/{key}/provenance.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def steps_of(study, key):
    params, plan = study
    return params.recipes[plan["runs"][key]["recipe"]].steps


def predicted(study, key, **options):
    params, plan = study
    return predict_seconds(params, {key: plan["runs"][key]}, **options)[key]


def test_nothing_is_known_where_nothing_was_trained(study):
    assert predicted(study, L1) is None
    assert "not known" in predict(*study).splitlines()[-3]
    assert "plan --measure" in predict(*study)


def test_the_same_run_takes_what_it_took(study):
    record(study, L1, 50.0)
    assert predicted(study, L1) == pytest.approx(steps_of(study, L1) / 50 + START_UP)


def test_another_loss_of_the_network_is_the_next_best(study):
    record(study, L1, 50.0)
    assert predicted(study, L2) == pytest.approx(steps_of(study, L2) / 50 + START_UP)
    record(study, GV, 10.0)
    record(study, L2, 25.0)
    assert predicted(study, L2) == pytest.approx(steps_of(study, L2) / 25 + START_UP)


def test_the_same_terms_at_other_weights_come_before_other_losses(study):
    record(study, L1, 50.0)
    record(study, GV, 10.0, loss={"l1": {"weight": 1.0}, "gv": {"weight": 7.0}})
    assert predicted(study, GV) == pytest.approx(steps_of(study, GV) / 10 + START_UP)


@pytest.mark.parametrize(
    "changes",
    [
        {"hardware": "another processor, 1 thread"},
        {"device": "cuda"},
        {"processes": 2},
        {"recipe": {"patch": 500}},
        {"recipe": {"batch": 500}},
        {"recipe": {"mode": "fast"}},
    ],
)
def test_what_was_measured_on_something_else_does_not_count(study, changes):
    record(study, L1, 50.0, **changes)
    assert predicted(study, L1) is None


def test_threads_do_not_make_another_processor(study):
    record(study, L1, 50.0, hardware=f"{describe_hardware(torch.device('cpu')).rpartition(',')[0]}, 77 threads")
    assert predicted(study, L1) is not None


def test_a_run_of_several_processes_is_predicted_from_such(study):
    record(study, L1, 50.0, processes=4)
    assert predicted(study, L1, processes=4) is not None


@pytest.mark.parametrize("speed", ["Infinity", "NaN", "1e-320", "-1", "0", "1e400"])
def test_a_speed_that_no_machine_has_is_no_measurement(study, speed):
    record(study, L1, 50.5)
    assert predicted(study, L1) is not None
    path = Path(f"results/mini/runs/{L1}/provenance.json")
    path.write_text(path.read_text().replace("50.5", speed))
    assert predicted(study, L1) is None


def test_the_table_lists_every_group_and_the_sum(study):
    record(study, L1, 50.0)
    lines = predict(*study).splitlines()
    assert [line.split()[0] for line in lines[1:-2]] == [*study[1]["groups"], "all"]
    runs = len(study[1]["runs"])
    assert lines[-3].split()[1] == str(runs)
    assert "runs not known" in lines[-3]


def test_timed_steps_are_kept_and_used(study, monkeypatch, capsys):
    params, plan = study
    plan = {"runs": {key: plan["runs"][key] for key in (L1, L2)}, "groups": {}}
    record(study, L2, 10.0)
    timed = []
    monkeypatch.setattr(cost, "step_seconds", lambda config: timed.append([*config.loss.terms]) or 0.5)
    for _ in range(2):
        time_steps(params, plan)
    assert timed == [["l1"]]  # what is known is not timed again
    assert capsys.readouterr().out == "espcn at scale 4 with l1: 0.5 s a step\n"
    assert predicted(study, L1) == pytest.approx(steps_of(study, L1) * 0.5 + START_UP)


def test_a_loss_that_cannot_be_built_is_left_out(study, monkeypatch, capsys):
    params, plan = study

    def fail(_):
        raise ValueError("no weights")

    monkeypatch.setattr(cost, "step_seconds", fail)
    time_steps(params, {"runs": {L1: plan["runs"][L1]}, "groups": {}})
    assert capsys.readouterr().out == "espcn at scale 4 with l1: not measured (no weights)\n"
    assert predicted(study, L1) is None


@pytest.mark.parametrize("loss", ["l1", "gan"])
def test_steps_are_timed_by_training(study, loss, monkeypatch):
    monkeypatch.setattr(cost, "MOST", 4)
    params, plan = study
    config = resolve_run(params, plan["runs"][L1]).model_dump(mode="json")
    config["network"] = {"network": "espcn", "width": 8}
    config["loss"] = {"l1": {"weight": 1}}
    if loss == "gan":
        config["loss"]["gan"] = {"weight": 0.01, "discriminator": "sharpgan", "width": 4, "size": 64}
    config["recipe"].update(batch=2, patch=16)
    assert 0 < step_seconds(RunConfig.model_validate(config)) < 10


ODD = ["null", "[]", '"x"', "{}", "{", "", '{"device": 1, "config": 7}', '{"steps_per_second": "fast"}']


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("place", ["results/mini/runs/sr_x4-espcn-l2-s0/provenance.json", str(TIMED)])
def test_a_record_that_cannot_be_read_is_no_measurement(study, tmp_path, text, place):
    record(study, L1, 50.0)
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    assert predicted(study, L1) == pytest.approx(steps_of(study, L1) / 50 + START_UP)


@pytest.mark.parametrize("lost", ["network", "task", "recipe", "loss", "recipe.mode", "recipe.patch", "task.scale"])
@pytest.mark.parametrize("value", [None, 5, []])
def test_a_record_of_another_version_is_no_measurement(study, tmp_path, lost, value):
    record(study, L1, 50.0)
    record(study, GV, 10.0)
    path = tmp_path / f"results/mini/runs/{GV}/provenance.json"
    content = json.loads(path.read_text())
    *above, last = ["config", *lost.split(".")]
    inner = content
    for name in above:
        inner = inner[name]
    del inner[last]
    if value is not None:
        inner[last] = value
    path.write_text(json.dumps(content))
    assert predicted(study, L1) == pytest.approx(steps_of(study, L1) / 50 + START_UP)
