"""Settings that change while a stage runs, of which DVC records what it finds afterwards."""

import os
import runpy
import sys
from importlib import import_module

import pytest
import yaml

from sharploss.config.params import check_unchanged, load_params
from sharploss.utils.errors import UserError


@pytest.fixture
def edit(repository, tmp_path, monkeypatch):
    """A function that changes params.yaml after it was read; it returns what was read."""
    monkeypatch.chdir(tmp_path)
    text = (repository / "tests/study.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text)
    params = load_params()

    def change(section, name, **values):
        content = yaml.safe_load(text)
        content[section].setdefault(name, {}).update(values)
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
        return params

    return change


OTHERS = [
    ("tasks", "sr_x4", {"kernel": "pillow_bicubic"}),
    ("tasks", "sr_x4", {"train": ["t91"]}),
    ("tasks", "sr_x4", {"test": ["set5"]}),
    ("datasets", "mine", {"images": "datasets/mine"}),
    ("extractors", "mdf_sr", {"iterations": 31}),
]
SAME = [
    ("losses", "l1", {"l1": 2}),
    ("recipes", "mini", {"steps": 500}),
    ("tasks", "sr_x2", {"mod_crop": False}),
    ("networks", "espcn", {"width": 9}),
]


@pytest.mark.parametrize(("section", "name", "values"), OTHERS)
def test_settings_of_a_stage_that_change_meanwhile_are_refused(edit, section, name, values):
    params = edit(section, name, **values)
    with pytest.raises(UserError, match=r"params\.yaml has other settings of mdf_sr than this began with"):
        check_unchanged(params, "sr_x4", "mdf_sr")


@pytest.mark.parametrize(("section", "name", "values"), SAME)
def test_settings_of_others_may_change(edit, section, name, values):
    check_unchanged(edit(section, name, **values), "sr_x4", "mdf_sr")


def test_a_pack_of_other_settings_is_not_recorded(edit, repository, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pipelines/prepare.py", "sharpen"])
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    edit("losses", "l1", l1=1)

    def meanwhile(*_, **__):
        edit("tasks", "sharpen", test=["skimage_test", "set5"])

    monkeypatch.setattr(import_module("sharploss.data.prepare"), "prepare", meanwhile)
    monkeypatch.setattr(import_module("sharploss.evaluation.score"), "open_test_packs", lambda *_: [])
    monkeypatch.setattr(import_module("sharploss.evaluation.crops"), "find_crops", lambda *_: [])
    monkeypatch.setattr(import_module("sharploss.utils.cores"), "claim_cores", lambda _: 1)
    monkeypatch.setattr("sharploss.utils.own_package.own_source", lambda _: None)
    monkeypatch.setattr(os, "_exit", sys.exit)
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(repository / "pipelines/prepare.py"), run_name="__main__")
    assert stopped.value.code == 1
    assert "params.yaml has other settings of sharpen" in capsys.readouterr().err
