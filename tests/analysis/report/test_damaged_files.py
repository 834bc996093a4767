"""What pages and figures read beside records and scores, damaged: one sentence that names the file."""

import csv
import io
import shutil
from dataclasses import replace

import pytest

from sharploss.analysis.figures import gv
from sharploss.analysis.load import load_study, read_numbers
from sharploss.analysis.plotting.pixels import read_picture
from sharploss.analysis.report import facts, page
from sharploss.record.paths import StudyPaths
from sharploss.record.tables import EDGE_COLUMNS
from sharploss.utils.errors import UserError
from sharploss.utils.files import write_csv, write_json

CALIBRATION = {"dataset": "set5", "kind": "sr", "setting": "4", "protocol": "grey8", "metric": "psnr"}
CALIBRATION |= {"measured": "28.4", "published": "28.4", "difference": "0.0", "tolerance": "0.1", "status": "ok"}
CALIBRATION |= {"source": "a paper", "explanation": ""}
PROTOCOLS = {"protocol": "y", "metric": "psnr", "value": "30.1", "note": ""}


@pytest.fixture(scope="module")
def study(study_root):
    return load_study("mini", study_root)


@pytest.fixture
def own(study, tmp_path):
    """The study, whose files are looked for in a folder of this test's own."""
    shutil.copy(study.root / "claims.yaml", tmp_path)
    return replace(study, paths=StudyPaths("mini", tmp_path))


def broken(good):
    """Give a table in many states, each with its name."""
    head, out = next(csv.reader(io.StringIO(good))), {}
    out |= {"empty": "", "half": good[: len(good) * 2 // 3], "NUL": "\0" * 40, "no header": good.split("\n", 1)[1]}
    out |= {"short row": good + "1,2\n", "quote": good + '"open'}
    for name in head:
        out[f"no {name}"] = good.replace(name, "zz", 1)
    return out


def refused(path, content, read):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as told:
        read()
    assert path.name in str(told.value)
    assert "\n" not in str(told.value)


def table_of(row):
    return ",".join(row) + "\n" + 3 * (",".join(row.values()) + "\n")


@pytest.mark.parametrize("what", broken(table_of(CALIBRATION)))
def test_calibration(own, what):
    path = own.paths.calibration
    refused(path, broken(table_of(CALIBRATION))[what], lambda: facts.calibration(own.paths))


@pytest.mark.parametrize("name", ["kind", "metric", "protocol"])
def test_calibration_of_what_is_not_known(own, name):
    refused(own.paths.calibration, table_of(CALIBRATION | {name: "zz"}), lambda: facts.calibration(own.paths))


@pytest.mark.parametrize("what", broken(table_of(PROTOCOLS)))
def test_protocols(own, what):
    path = own.paths.protocol_table
    refused(path, broken(table_of(PROTOCOLS))[what], lambda: facts.protocol_table(own))


def test_whole_tables_are_read(own):
    write_csv(own.paths.calibration, CALIBRATION, [CALIBRATION.values()])
    write_csv(own.paths.protocol_table, PROTOCOLS, [PROTOCOLS.values()])
    assert len(facts.calibration(own.paths).rows) == 1
    assert len(facts.protocol_table(own).rows) == 1


NUMBERS = dict.fromkeys(EDGE_COLUMNS, "1.5")


@pytest.mark.parametrize("what", [*broken(table_of(NUMBERS)), *(f"word in {name}" for name in NUMBERS)])
def test_edges(tmp_path, what):
    texts = broken(table_of(NUMBERS)) | {f"word in {name}": table_of(NUMBERS | {name: "zz"}) for name in NUMBERS}
    path = tmp_path / "edge.csv"
    refused(path, texts[what], lambda: read_numbers(path, EDGE_COLUMNS))


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("damage", ["", "run,direction,rank,target\n", "half", "word"])
def test_variances(own, place, damage):
    pairs = gv.compared(own)
    task = str(pairs["task"].iloc[0])
    pairs = pairs[pairs["task"] == task]
    files = [own.paths.input_baseline_variances(task), *map(own.paths.variances, pairs["group"])]
    for file, group in zip(files, [None, *pairs["group"]], strict=True):
        runs = own.runs.loc[own.runs["group"] == group, "run"] if group else ["input"]
        good = "".join(f"{run},i,x,0,1,0.5,0.25\n" for run in runs)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"run,image,direction,rank,patches,target,output\n{good}")
    assert len(gv.variance_curves(own, task, pairs)) >= 3
    path = files[place]
    good = path.read_text()
    text = {"half": good[:-7], "word": good.replace("\n", "\nr,i,x,zz,zz,zz,zz\n", 1)}.get(damage, damage)
    refused(path, text, lambda: gv.variance_curves(own, task, pairs))


JSON = ["", "{", "null", "[]", "{}", "[1]", "7", '"x"', "[{}]", '{"claims": 3}', '{"claims": {"E1": {}}}']


@pytest.mark.parametrize("text", JSON)
def test_claims(own, text):
    refused(own.paths.claims, text, lambda: page._claims(own))


@pytest.mark.parametrize("text", [*(text for text in JSON if text not in ("[]", "{}")), '[{"name": "x"}, 5]'])
def test_figures(tmp_path, text):
    if text.startswith("{"):
        text = text[:-1]
    path = tmp_path / "figures.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"figures\.json is damaged|\.svg is missing"):
        page.figures(tmp_path)


@pytest.mark.parametrize("cut", [0, 1, 20, 60, -30, -60])
def test_pictures(tmp_path, cut):
    import numpy as np
    from PIL import Image

    path = tmp_path / "crop.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(path)
    assert read_picture(path).shape == (9, 9, 3)
    refused(path, path.read_bytes()[:cut], lambda: read_picture(path))


@pytest.mark.parametrize("runs", [None, [], 5, {"a": None}, {"a": {}}, {"a": [1]}, {"a": {"run": "x"}}])
def test_runs_of_a_folder_that_is_imported(tmp_path, runs):
    from sharploss.launch.importing import Folder

    (tmp_path / "runs/sr_x4-espcn-l1-s0").mkdir(parents=True)
    write_json(tmp_path / "runs.yaml", {"runs": runs})
    with pytest.raises(UserError, match=r"runs\.yaml is damaged"):
        Folder(tmp_path)
