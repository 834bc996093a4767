import csv
import os
import shutil
from pathlib import Path

import pytest

from sharploss.analysis.report.facts import calibration
from sharploss.config.protocols import CALIBRATION_SETS
from sharploss.evaluation.calibration import calibrate, off
from sharploss.record.paths import PUBLISHED, paths
from sharploss.record.scores import read_table
from sharploss.record.tables import CalibrationRow, load_rows, save_rows
from sharploss.utils.errors import UserError

MIRROR = os.environ.get("SHARPLOSS_MIRROR")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="SHARPLOSS_MIRROR is not set: there are no benchmark images")


@pytest.fixture
def root(tmp_path, repository, monkeypatch):
    (tmp_path / PUBLISHED).mkdir(parents=True)
    shutil.copy(repository / PUBLISHED / "calibration.csv", tmp_path / PUBLISHED)
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path / "cache"))
    return tmp_path


def keep(root, choose):
    """Keep the published rows that `choose` likes, changed by it."""
    rows = [row for row in (choose(row) for row in read_table(root / PUBLISHED / "calibration.csv")) if row]
    with (root / PUBLISHED / "calibration.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_every_set_of_the_published_values_is_looked_for(repository):
    rows = read_table(repository / PUBLISHED / "calibration.csv")
    assert {row["dataset"] for row in rows} <= set(CALIBRATION_SETS)
    # 4 sets at 3 scales and 2 sets at 2 qualities, two metrics each, and the LR check at 3 scales
    assert len(rows) == 4 * 3 * 2 + 2 * 2 * 2 + 3


def test_sets_that_are_not_here_are_not_calibrated_and_nothing_is_downloaded(root, monkeypatch):
    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)
    rows = calibrate(paths("mini", root))
    assert {row.status for row in rows} == {"not calibrated"}
    assert off(rows) == []
    assert "set5 is in neither the cache nor a mirror" in rows[0].explanation
    assert load_rows(paths("mini", root).calibration, CalibrationRow) == rows
    table = calibration(paths("mini", root))
    assert table.rows[0][5].text == "not calibrated"
    assert table.notes == ["Nothing was calibrated: none of the benchmark's sets was at hand."]


@needs_mirror
def test_set5_is_calibrated_at_every_scale(root):
    keep(root, lambda row: row if row["dataset"] == "set5" else None)
    rows = calibrate(paths("mini", root))
    assert {row.status for row in rows} == {"ok"}
    found = {(row.kind, row.setting, row.metric): row.measured for row in rows}
    assert found["sr", 4, "psnr"] == "28.422"
    assert found["sr", 4, "ssim"] == "0.8104"
    assert found["lr", 3, "differing_samples"] == "0"


@needs_mirror
def test_a_cell_that_is_off_is_named(root):
    keep(
        root,
        lambda row: (
            {**row, "published": "28.9"}
            if (row["kind"], row["setting"], row["metric"]) == ("sr", "4", "psnr") and row["dataset"] == "set5"
            else None
        ),
    )
    rows = calibrate(paths("mini", root))
    assert off(rows) == ["set5 sr 4: psnr luma alone is 28.422, published 28.9 (tolerance 0.02)"]
    assert calibration(paths("mini", root)).rows[0][6].text == "\N{MINUS SIGN}0.478 (off)"


@needs_mirror
@pytest.mark.slow
def test_every_set_that_the_mirror_has_is_calibrated(root):
    """At one scale and one quality; Set5 above at every scale."""
    keep(root, lambda row: row if row["setting"] in ("4", "10") else None)
    rows = calibrate(paths("mini", root))
    assert off(rows) == []
    here = {path.name.lower() for path in (Path(MIRROR) / "datasets").iterdir()}
    assert {row.dataset for row in rows if row.status == "ok"} >= {"set5", "set14", "b100", "classic5", "live1"}
    assert "set5" in here


def test_damaged_published_values_are_told(root):
    (root / PUBLISHED / "calibration.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"calibration\.csv has no column 'dataset'"):
        calibrate(paths("mini", root))
    (root / PUBLISHED / "calibration.csv").unlink()
    with pytest.raises(UserError, match=r"calibration\.csv is missing"):
        calibrate(paths("mini", root))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("dataset", "set6"),
        ("kind", "srr"),
        ("setting", "x2"),
        ("metric", "lpips"),
        ("published", "abc"),
        ("published", "nan"),
        ("tolerance", ""),
    ],
)
def test_a_published_value_that_cannot_be_is_told(root, column, value):
    keep(root, lambda row: {**row, column: value})
    with pytest.raises(UserError, match=rf"calibration\.csv, line 2: {column} cannot be '{value}': get it back"):
        calibrate(paths("mini", root))


def test_published_values_that_are_no_text_are_told(root):
    (root / PUBLISHED / "calibration.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"calibration\.csv is not a table"):
        calibrate(paths("mini", root))


def test_a_committed_table_is_written_as_it_was_read(tmp_path):
    text = (
        "dataset,kind,setting,protocol,metric,measured,published,difference,tolerance,status,source,explanation\n"
        'set5,sr,2,luma alone,psnr,33.662,33.66,+0.002,0.02,ok,"a paper, Table 2",\n'
        "live1,jpeg,10,grey8,ssim,,0.7905,,0.0005,not calibrated,a paper,live1 is not here\n"
    )
    (tmp_path / "one.csv").write_text(text)
    save_rows(tmp_path / "two.csv", CalibrationRow, load_rows(tmp_path / "one.csv", CalibrationRow))
    assert (tmp_path / "two.csv").read_text() == text


def test_without_a_calibration_the_report_has_an_empty_table(tmp_path):
    assert calibration(paths("mini", tmp_path)).rows == []
