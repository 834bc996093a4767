import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharploss.record.paths import ScoreFiles
from sharploss.record.scores import Notes, Score, comparable, load_scores, save_scores
from sharploss.utils.errors import UserError

ROWS = [Score("run", "set", "a", "psnr", "y", 28.1234567), Score("run", "set", "*", "fid", "inception_p128", 3.0)]


@pytest.fixture
def files(tmp_path):
    return ScoreFiles(tmp_path / "deep" / "group.csv", tmp_path / "deep" / "group.json")


def test_scores_are_written_as_a_table_with_a_column_per_run_beside_notes_and_read_back(files):
    notes = Notes(not_measured={"niqe": "why"}, seconds=1.5)
    save_scores(files, ROWS, notes)
    assert files.rows.read_text().splitlines() == [
        "dataset,image,metric,protocol,run",
        "set,a,psnr,y,28.123457",
        "set,*,fid,inception_p128,3.000000",
    ]
    assert json.loads(files.notes.read_text())["not_measured"] == {"niqe": "why"}
    assert load_scores(files) == ([ROWS[0]._replace(value=28.123457), ROWS[1]], notes)


def test_what_one_run_has_no_value_of_is_an_empty_cell_and_left_out(files):
    rows = [*ROWS, Score("other", "set", "a", "psnr", "y", 30.0), Score("other", "set", "b", "niqe", "y", math.nan)]
    save_scores(files, rows, Notes())
    assert files.rows.read_text().splitlines()[1:] == [
        "set,a,psnr,y,28.123457,30.000000",
        "set,*,fid,inception_p128,3.000000,",
        "set,b,niqe,y,,",
    ]
    assert [(row.run, row.image) for row in load_scores(files).rows] == [("run", "a"), ("run", "*"), ("other", "a")]


def test_a_table_with_a_row_per_number_is_read_too(files):
    save_scores(files, ROWS, Notes())
    lines = [",".join(map(str, row)) for row in ROWS]
    files.rows.write_text("\n".join(["run,dataset,image,metric,protocol,value", *lines, "run,set,b,psnr,y,", ""]))
    assert load_scores(files).rows == ROWS


@pytest.mark.parametrize("saved", ["\ufeff{}", "\ufeff{}\r\n\r\n"])
def test_a_table_that_a_spreadsheet_has_saved_is_read(files, saved):
    save_scores(files, ROWS, Notes())
    before, text = load_scores(files), files.rows.read_text()
    files.rows.write_bytes(saved.format(text.replace("\n", "\r\n")).encode())
    assert load_scores(files) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("protocol", "protokoll"), "has no column 'protocol'"),
        (lambda text: text.replace("28.123457", "many"), "has the value 'many', not a finite number"),
        (lambda text: text.replace("3.000000", "inf"), "has the value 'inf', not a finite number"),
        (lambda text: text.replace("28.123457", "-inf"), "has the value '-inf', not a finite number"),
        (lambda text: text + "set,a\n", "a row is too short"),
        (lambda _: "", "has no column 'dataset'"),
        (lambda text: text.replace("protocol,run", "protocol,run,run"), "has a column twice"),
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


@pytest.mark.parametrize("header", ["dataset,image,metric,protocol,a,b", "run,dataset,image,metric,protocol,value"])
@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize("value", ["30.0", "7.0", "nan"])
def test_a_score_that_is_there_twice_is_told(files, header, row, value):
    start = "a," if header.startswith("run") else ""
    end = "" if start else ",31.0"
    rows = [f"{start}set,{image},psnr,y,30.0{end}" for image in "xyz"]
    save_scores(files, [], Notes())
    files.rows.write_text("\n".join([header, *rows]))
    assert load_scores(files).rows
    files.rows.write_text("\n".join([header, *rows, rows[row].replace("30.0", value)]))
    with pytest.raises(UserError, match="has a score twice"):
        load_scores(files)


def test_an_image_that_was_restored_exactly_has_an_infinite_score(files):
    rows = [*ROWS, Score("run", "set", "flat", "psnr", "y", math.inf)]
    save_scores(files, rows, Notes())
    assert load_scores(files).rows[2] == rows[2]


values = st.one_of(st.floats(10, 60), st.just(math.inf), st.none())  # None: no row, where the metric is undefined
cells = st.tuples(st.sampled_from(["one", "two"]), st.sampled_from(["psnr", "niqe"]), st.sampled_from("abcd"))


@given(st.dictionaries(st.sampled_from(["bicubic", "l1", "gv"]), st.dictionaries(cells, values), min_size=1))
def test_what_is_kept_is_of_the_same_images_for_every_run(made):
    rows = [
        Score(run, dataset, image, metric, "y", value)
        for run, scores in made.items()
        for (dataset, metric, image), value in scores.items()
        if value is not None
    ]
    kept = comparable(rows)
    assert [row for row in rows if row in kept] == kept  # in order, nothing invented
    for dataset, metric in {(row.dataset, row.metric) for row in rows}:
        before, after = (
            {
                run: {row.image: row.value for row in part if row[:2] == (run, dataset) and row.metric == metric}
                for run in made
            }
            for part in (rows, kept)
        )
        some = {run for run, scores in before.items() if any(map(math.isfinite, scores.values()))}
        shared = [{image for image, value in before[run].items() if math.isfinite(value)} for run in some]
        for run in some:
            assert set(after[run]) == set.intersection(*shared)
            assert all(map(math.isfinite, after[run].values()))
        for run in set(before) - some:  # restored exactly wherever it was measured: infinite it stays
            assert set(after[run].values()) <= {math.inf}
