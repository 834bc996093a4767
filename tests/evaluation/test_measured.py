"""Runs that were measured before are not measured again; their files have the bytes of measuring all at once."""

import json
import shutil

import pytest

from sharploss.config.sections import Crop
from sharploss.evaluation import group as group_module
from sharploss.evaluation.group import evaluate_group, measure_runs
from sharploss.record.paths import paths

pytestmark = pytest.mark.usefixtures("no_weights")

CROPS = {"nose": Crop(task="toy", dataset="toys", image="first", top=3, left=5, height=8, width=12)}
LOSSES = {"toy-espcn-l1-s0": ({"l1": 1}, 0), "toy-espcn-l1-s1": ({"l1": 1}, 1), "toy-espcn-l2-s0": ({"l2": 1}, 2)}
GROUP, SETTINGS = "toy-espcn", {"code": "1"}


@pytest.fixture
def counted(monkeypatch):
    """The runs that were restored, in order."""
    found, real = [], group_module.score_packs

    def count(packs, restorers, **about):
        found.append([*restorers])
        return real(packs, restorers, **about)

    monkeypatch.setattr(group_module, "score_packs", count)
    return found


def written(files):
    """All that an evaluation writes, but how long it took."""
    names = sorted([*files.scores(GROUP), *files.crops(GROUP).iterdir()])
    content = {path.name: path.read_bytes() for path in names}
    notes = json.loads(content.pop(f"{GROUP}.json"))
    return content, {name: value for name, value in notes.items() if name != "seconds"}


def test_measured_one_by_one_has_the_bytes_of_measured_at_once(study, make_runs, counted):
    runs, files = make_runs(LOSSES), paths("mini", study)
    evaluate_group(GROUP, "toy", runs, CROPS, files)
    at_once = written(files)
    shutil.rmtree(files.results / "crops")
    for key in reversed(runs):
        measure_runs(GROUP, "toy", {key: runs[key]}, CROPS, files, settings=SETTINGS)
    measure_runs(GROUP, "toy", runs, CROPS, files, settings=SETTINGS)
    evaluate_group(GROUP, "toy", runs, CROPS, files, settings=SETTINGS)
    assert written(files) == at_once
    assert counted == [[*LOSSES], *([key] for key in reversed(LOSSES))]  # each once


def test_without_settings_nothing_is_kept(study, make_runs):
    files = paths("mini", study)
    evaluate_group(GROUP, "toy", make_runs(LOSSES), CROPS, files)
    assert not files.measured(GROUP, "toy-espcn-l1-s0").exists()


@pytest.mark.parametrize("change", ["weights", "images", "settings"])
def test_what_was_measured_of_something_else_is_measured_again(study, make_runs, make_test_set, counted, change):
    runs, files = make_runs(LOSSES), paths("mini", study)
    evaluate_group(GROUP, "toy", runs, {}, files, settings=SETTINGS)
    settings = SETTINGS
    if change == "weights":
        path = files.weights(GROUP, "toy-espcn-l2-s0")
        kept = make_runs({"toy-espcn-l2-s0": ({"l2": 1}, 5)})["toy-espcn-l2-s0"]
        runs["toy-espcn-l2-s0"] = kept
        assert path.is_file()
    elif change == "images":
        make_test_set({"first": pytest.importorskip("toys").picture(4)})
    else:
        settings = {"code": "2"}
    evaluate_group(GROUP, "toy", runs, {}, files, settings=settings)
    assert counted[1] == (["toy-espcn-l2-s0"] if change == "weights" else [*LOSSES])


@pytest.mark.parametrize("damage", [lambda old: old[:-9], lambda old: old[:-1] + b"?", lambda _: b"", lambda _: b"{}"])
def test_what_is_damaged_is_measured_again(study, make_runs, counted, capsys, damage):
    runs, files = make_runs(LOSSES), paths("mini", study)
    evaluate_group(GROUP, "toy", runs, CROPS, files, settings=SETTINGS)
    before, path = written(files), files.measured(GROUP, "toy-espcn-l1-s0")
    path.write_bytes(damage(path.read_bytes()))
    evaluate_group(GROUP, "toy", runs, CROPS, files, settings=SETTINGS)
    assert counted[1] == ["toy-espcn-l1-s0"]
    assert written(files) == before
    assert capsys.readouterr().err.count(f"{path} is damaged: toy-espcn-l1-s0 is measured again") == 1
