import json

import pytest

from sharploss.record.paths import ScoreFiles
from sharploss.record.scores import Notes, Score, load_scores, save_scores
from sharploss.utils.errors import UserError

ROWS = [Score("run", "set", "a", "psnr", "y", 28.1234567), Score("run", "set", "*", "fid", "inception_p128", 3.0)]


@pytest.fixture
def files(tmp_path):
    return ScoreFiles(tmp_path / "deep" / "group.csv", tmp_path / "deep" / "group.json")


def test_scores_are_written_as_tidy_csv_beside_notes_and_read_back(files):
    notes = Notes(not_measured={"niqe": "why"}, seconds=1.5)
    save_scores(files, ROWS, notes)
    assert files.rows.read_text().splitlines() == [
        "run,dataset,image,metric,protocol,value",
        "run,set,a,psnr,y,28.123457",
        "run,set,*,fid,inception_p128,3.000000",
    ]
    assert json.loads(files.notes.read_text())["not_measured"] == {"niqe": "why"}
    assert load_scores(files) == ([ROWS[0]._replace(value=28.123457), ROWS[1]], notes)


def test_rows_without_a_value_are_left_out(files):
    save_scores(files, ROWS, Notes())
    files.rows.write_text(files.rows.read_text() + "run,set,b,psnr,y,\n")
    assert [row.image for row in load_scores(files).rows] == ["a", "*"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("protocol", "protokoll"), "has no column 'protocol'"),
        (lambda text: text.replace("28.123457", "many"), "has the value 'many', not a finite number"),
        (lambda text: text.replace("28.123457", "inf"), "has the value 'inf', not a finite number"),
        (lambda text: text + "run,set\n", "a row is too short"),
        (lambda _: "", "has no column 'run'"),
    ],
)
def test_a_damaged_table_is_named(files, change, message):
    save_scores(files, ROWS, Notes())
    files.rows.write_text(change(files.rows.read_text()))
    with pytest.raises(UserError, match=rf"group\.csv .*{message}"):
        load_scores(files)


@pytest.mark.parametrize("content", ["[]", '{"seconds": "long"}', "{"])
def test_damaged_notes_are_named(files, content):
    save_scores(files, ROWS, Notes())
    files.notes.write_text(content)
    with pytest.raises(UserError, match=r"group\.json is damaged"):
        load_scores(files)
