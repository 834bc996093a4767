import pytest

from sharploss.tracking.names import ARTIFACT, ID, TAG, run_id, shorten, suite_tag, wrong_project


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


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("", None),
        ("my project", None),
        ("team/project", "cannot have '/'"),
        ("what?", "cannot have '?'"),
        ("p" * 129, "has 129 characters; the maximum is 128"),
    ],
)
def test_which_projects_wandb_takes(monkeypatch, name, wrong):
    monkeypatch.setenv("WANDB_PROJECT", name)
    assert wrong_project() is None if wrong is None else wrong in wrong_project()
