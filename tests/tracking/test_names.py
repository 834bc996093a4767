from types import SimpleNamespace

import pytest

from sharploss.tracking.follower import ARTIFACT, ID, TAG, shorten, suite_tag, wandb_settings, wrong_project
from sharploss.tracking.publish import _artifact_name, _finish

NAMES = {"task": "sr_x4", "network": "edsr", "loss": "l1", "recipe": "s5k", "seed": 1}
RUN = {**NAMES, "group": "sr_x4-edsr", "suites": ["pairings"]}


def run_id(key, identity):
    return wandb_settings(key, RUN, {}, identity, "mini")["id"]


def test_short_names_stay():
    assert shorten("a" * 64, 64) == "a" * 64
    assert suite_tag("pairings") == "suite:pairings"
    assert run_id("sr_x4-edsr-l1-s0", "0123456789ab") == "sr_x4-edsr-l1-s0-0123456789ab"


def test_long_names_are_cut_and_stay_different():
    first, second = (shorten("a" * 100 + end, 64) for end in "xy")
    assert len(first) == len(second) == 64
    assert first != second
    assert first.startswith("a" * 55 + "-")
    assert len(suite_tag("p" * 59)) == TAG


def test_an_id_leaves_room_for_the_name_of_a_table():
    found = run_id("k" * 200, "0123456789ab")
    assert len(found) == ID
    assert len(f"run-{found}-scores") == ARTIFACT
    assert found.endswith("-0123456789ab")


@pytest.mark.parametrize("length", [1, 58, 59, 64, 65, 200])
def test_tags_are_within_the_limit_and_there_once(length):
    run = {**RUN, "task": "t" * length, "network": "t" * length, "suites": ["s" * length, "s" * length + "x"]}
    tags = wandb_settings("key", run, {}, "abc", "l1")["tags"]
    assert max(map(len, tags)) <= TAG
    assert len(tags) == len(set(tags)) == 4
    assert tags[0] == "l1"


def test_what_runs_are_compared_by_is_flat():
    loss = {"sploss": {"weight": 0.5, "alpha": 2.0, "border": "replicate"}, "gv": {"weight": 0.01}}
    settings = {"loss": loss, "recipe": {"steps": 40}}
    found = wandb_settings("key", {**RUN, "loss": "sploss_gv"}, settings, "abc", "mini")
    assert found["group"] == "sploss_gv"
    terms = {"weight_sploss": 0.5, "weight_gv": 0.01, "alpha": 2.0}
    names = {**NAMES, "loss": "sploss_gv", "study": "mini", "key": "key"}
    assert found["config"] == {**names, **terms, "settings": settings}
    assert "alpha" not in wandb_settings("key", RUN, {"loss": {"l1": {"weight": 1.0}}}, "abc", "mini")["config"]


@pytest.mark.parametrize(
    ("variable", "name", "wrong"),
    [
        ("WANDB_PROJECT", "", None),
        ("WANDB_PROJECT", "  ", None),
        ("WANDB_PROJECT", "my project", None),
        ("WANDB_PROJECT", "group/sub/x", "cannot have '/'"),
        ("WANDB_PROJECT", "a:b", "cannot have ':'"),
        ("WANDB_PROJECT", "what?", "cannot have '?'"),
        ("WANDB_PROJECT", "two\nlines", r"cannot have '\n'"),
        ("WANDB_PROJECT", "p" * 129, "has 129 characters, and W&B takes 128"),
        ("WANDB_ENTITY", "", None),
        ("WANDB_ENTITY", "our-team", None),
        ("WANDB_ENTITY", "our-team/project", "WANDB_ENTITY is 'our-team/project', and such a name cannot have '/'"),
        ("WANDB_ENTITY", "e" * 200, "WANDB_ENTITY has 200 characters"),
    ],
)
def test_which_projects_and_teams_wandb_takes(monkeypatch, variable, name, wrong):
    monkeypatch.setenv(variable, name)
    assert wrong_project() is None if wrong is None else wrong in wrong_project()
    assert "\n" not in (wrong_project() or "")


@pytest.mark.parametrize("name", ["of-a.colleague+1", "mdf@v2", "ü", "x" * 300, "a b", "sr_x4-edsr-l1-s0"])
def test_files_of_the_users_get_names_that_wandb_takes(name):
    import wandb

    made = _artifact_name(name)
    assert wandb.Artifact(made, type="model").name == made
    assert (made == name) == (name == "sr_x4-edsr-l1-s0")


@pytest.mark.parametrize("images", [1, 9_999, 10_001])
def test_a_table_of_scores_has_every_image(images):
    run, scores = SimpleNamespace(summary={}), [{"image": f"i{n}", "psnr_y": 30.0} for n in range(images)]
    _finish(run, {"summary": {}, "scores": scores, "inputs": [], "weights": None})
    assert len(run.summary["scores"]._to_table_json(warn=False)["data"]) == images
