"""Which stage depends on what: a change makes the files of those stages differ that compute with it, and no others."""

import json

import pytest

from sharploss.config.params import Params, load_params
from sharploss.planning.plan import expand
from sharploss.planning.stage_files import (
    STAGES,
    check_code,
    check_settings,
    group_settings,
    input_baseline_settings,
    run_settings,
    stage_files,
)
from sharploss.record.paths import paths
from sharploss.utils.errors import UserError

RUN, GROUP = "sr_x4-espcn-l1-s0", "sr_x4-espcn"


@pytest.fixture(scope="module")
def study(repository):
    return load_params(repository / "tests/study.yaml")


@pytest.fixture(scope="module")
def texts(study):
    return stage_files(study, expand(study), paths("mini"))


def changed(params, section, name, **values):
    content = params.model_dump(mode="json")
    content[section][name] |= values
    return Params.model_validate(content)


def differing(texts, after):
    others = stage_files(after, expand(after), paths("mini"))
    return {path.name for path in texts if texts[path] != others[path]}


def test_a_weight_of_a_loss_retrains_its_runs_alone(study, texts):
    found = differing(texts, changed(study, "losses", "l1_gv", gv=0.5))
    runs = {key for key, run in expand(study)["runs"].items() if run["loss"] == "l1_gv"}
    assert found == {f"run-{key}.json" for key in runs} != set()


def test_a_test_set_is_no_reason_to_train(study, texts):
    after = changed(study, "tasks", "sr_x4", test=["set14"])
    found = differing(texts, after)
    assert f"group-{GROUP}.json" in found
    assert not [name for name in found if name.startswith("run-")]


@pytest.mark.parametrize(
    ("section", "name", "values", "run", "group"),
    [
        ("networks", "espcn", {"width": 12}, "network", "network"),
        ("recipes", "mini", {"batch": 7}, "recipe", None),
        ("losses", "l1", {"l1": 2}, "loss", None),
        ("tasks", "sr_x4", {"test": ["set14"]}, None, "task"),
        ("losses", "l1_gv", {"gv": 0.5}, None, None),
    ],
)
def test_a_stage_refuses_what_was_changed_since_it_was_planned(
    study, texts, tmp_path, section, name, values, run, group
):
    plan, files, here = expand(study), paths("mini"), paths("mini", tmp_path)
    here.code.mkdir(parents=True)
    here.run_settings(RUN).write_text(texts[files.run_settings(RUN)])
    here.group_settings(GROUP).write_text(texts[files.group_settings(GROUP)])
    after = changed(study, section, name, **values)
    cases = (
        (here.run_settings(RUN), run_settings(after, plan["runs"][RUN]), run),
        (here.group_settings(GROUP), group_settings(after, plan["groups"][GROUP]), group),
    )
    for path, wanted, what in cases:
        if what is None:
            assert check_settings(path, wanted) == json.loads(path.read_text())
        else:
            with pytest.raises(UserError, match=rf"{path.name} has another {what} than params\.yaml and src/sharploss"):
                check_settings(path, wanted)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_refuses_code_that_was_changed_since_it_was_planned(texts, tmp_path, stage):
    here = paths("mini", tmp_path)
    code = check_code(stage, here)  # without a plan, DVC records nothing
    text = "".join(f"{line}\n" for line in code)
    assert text == texts[paths("mini").stage_code(stage)]
    here.code.mkdir(parents=True)
    here.stage_code(stage).write_text(text)
    assert check_code(stage, here) == code
    for other in (f"0{text}", text[:-17], ""):
        here.stage_code(stage).write_text(other)
        with pytest.raises(
            UserError, match=rf"{stage}\.txt is of other code than src/sharploss has now: run 'dvc repro"
        ):
            check_code(stage, here)


@pytest.mark.parametrize(
    ("section", "name", "values", "what"),
    [
        ("crops", "eye", {"top": 3}, "crops"),
        ("tasks", "sr_x4", {"test": ["set14"]}, "tasks"),
        ("losses", "l1", {"l1": 2}, None),
    ],
)
def test_the_input_baselines_are_those_that_were_planned(study, texts, tmp_path, section, name, values, what):
    files, path = paths("mini"), tmp_path / "input_baselines.json"
    path.write_text(texts[files.input_baseline_settings])
    wanted = input_baseline_settings(changed(study, section, name, **values))
    if what is None:
        assert check_settings(path, wanted) == json.loads(path.read_text())
    else:
        with pytest.raises(UserError, match=rf"has another {what} than params\.yaml and src/sharploss"):
            check_settings(path, wanted)
