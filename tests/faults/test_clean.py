"""`make clean` removes what studies made, and nothing that a user put there."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from sharploss.config.params import load_params
from sharploss.record.paths import paths
from sharploss.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def made(study):
    files = paths(study)
    return [
        files.required_assets,
        files.receipts / "set5.json",
        files.loss_receipts("l1"),
        files.pack("sr_x4", "train"),
        Path(".scratch/run/step-1.ckpt"),
        Path(".venv/pyvenv.cfg"),
    ]


OWN = [
    *("datasets/mine/1.png", "data/mine/1.png", "data/1.png", "data/mine/assets/1.png", "data/mine/packed/a b/1.png"),
    *(
        "data/mine/code/notes.txt",
        "data/mini/mine/1.png",
        "data/mini/1.png",
        "photos/1.png",
        "results/mini/claims.json",
    ),
    *("data/-rf/1.png", "data/$(HOME)/1.png", "reports/mini/index.html"),
]


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("1")


@pytest.mark.parametrize("study", ["mini", "a_study_of_mine"])
@pytest.mark.parametrize("linked", [False, True])
def test_only_what_was_made_is_removed(tmp_path, study, linked):
    folder = tmp_path / "repository"
    folder.mkdir()
    if linked:  # `data` on another disk
        (tmp_path / "disk").mkdir()
        (folder / "data").symlink_to(tmp_path / "disk")
    shutil.copy(ROOT / "Makefile", folder)
    put(folder, *made(study), *OWN)
    subprocess.run(["make", "clean"], cwd=folder, check=True, capture_output=True)
    assert [name for name in OWN if not (folder / name).is_file()] == []
    assert [name for name in made(study) if (folder / name).exists()] == []


KEPT = ["src/a.py", "my", "my env/pyvenv.cfg", "photos/1.png", "env/1.png"]


@pytest.mark.parametrize("venv", ["", " ", "my env", "src", ".", "..", "src my", "$(HOME)", "'", "*", "photos;src"])
def test_what_is_no_environment_is_not_removed(tmp_path, venv):
    folder = tmp_path / "repository"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    put(folder, *KEPT)
    done = subprocess.run(["make", "clean", f"VENV={venv}"], cwd=folder, capture_output=True, text=True, check=False)
    assert [name for name in KEPT if not (folder / name).is_file()] == []
    if len(venv.split()) != 1:
        assert done.returncode == 2
        assert f"VENV is '{venv.lstrip()}': give the path of an environment, without spaces" in done.stderr


def test_an_environment_of_another_name_is_removed(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    put(tmp_path, "it's/pyvenv.cfg", ".venv/pyvenv.cfg")
    subprocess.run(["make", "clean", "VENV=it's"], cwd=tmp_path, check=True, capture_output=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".venv", "Makefile"]


def test_nothing_is_left_where_there_was_nothing_else(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    put(tmp_path, *made("mini"))
    for _ in range(2):
        subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
        assert [path.name for path in tmp_path.iterdir()] == ["Makefile"]


@pytest.mark.parametrize("key", ["images", "inputs"])
@pytest.mark.parametrize(
    ("place", "refused"),
    [
        *(
            (place, True)
            for place in ("data/mini", "./data/mini/x", "data/x/../mini/mine", "results/a", "reports/x.zip")
        ),
        *(
            (place, False)
            for place in ("data/mine", "datasets/mine", "data/mini2", "/data/mini", "../results", "resultsx")
        ),
    ],
)
def test_a_set_where_studies_delete_is_refused(tmp_path, place, refused, key):
    empty = {name: {} for name in ("tasks", "networks", "losses", "extractors", "recipes", "suites")}
    params = {"study": "mini", "seeds": [0], "datasets": {"mine": {"images": "datasets/mine", key: place}}, **empty}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    if not refused:
        assert getattr(load_params(tmp_path / "params.yaml").datasets["mine"], key) == place
        return
    with pytest.raises(UserError, match=r"datasets\.mine: .*lies where studies write.*datasets/mine"):
        load_params(tmp_path / "params.yaml")
