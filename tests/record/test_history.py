import pytest

from sharploss.record.history import History, read_history, read_whole_history
from sharploss.utils.errors import UserError


def test_lines_come_back(tmp_path):
    with History(tmp_path / "a" / "history.jsonl") as record:
        record.append({"event": "train", "step": 1, "terms": {"l1": 0.5}})
        record.append({"event": "validation", "step": 1, "psnr_y": 30.0})
    assert [line["event"] for line in read_history(tmp_path / "a" / "history.jsonl")] == ["train", "validation"]


def test_a_line_can_be_followed_before_the_file_is_closed(tmp_path):
    with History(tmp_path / "history.jsonl") as record:
        record.append({"step": 1})
        assert read_history(tmp_path / "history.jsonl") == [{"step": 1}]


def test_resuming_cuts_back_to_the_checkpoint(tmp_path):
    path = tmp_path / "history.jsonl"
    with History(path) as record:
        record.append({"step": 1})
        kept = record.sync()
        record.append({"step": 2})
    with History(path, kept) as record:
        record.append({"step": 3})
    assert read_history(path) == [{"step": 1}, {"step": 3}]


def test_a_half_written_last_line_is_ignored(tmp_path):
    (tmp_path / "history.jsonl").write_text('{"step": 1}\n{"st')
    assert read_history(tmp_path / "history.jsonl") == [{"step": 1}]


def test_what_json_cannot_hold_becomes_null(tmp_path):
    with History(tmp_path / "history.jsonl") as record:
        record.append({"total": float("inf"), "terms": {"gv": float("nan")}})
    assert read_history(tmp_path / "history.jsonl") == [{"total": None, "terms": {"gv": None}}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not the whole record of 2 steps"),
        ('{"event": "train", "step": 1}\n', "is not the whole record of 2 steps"),
        ('{"event": "train", "step": 2}\n{"event": "train", "step": 1}\n', "is not the whole record of 2 steps"),
        ('{"event": "train", "step": "2"}\n', "a line of it is no event of a training"),
        ('{"event": "train", "step": 2}\n{"event": "validation"}\n', "a line of it is no event of a training"),
        ('{"step": 2}\n', "a line of it is no event of a training"),
    ],
)
def test_a_record_that_does_not_lead_to_its_weights_is_refused(tmp_path, text, said):
    (tmp_path / "history.jsonl").write_text(text)
    with pytest.raises(UserError, match=said):
        read_whole_history(tmp_path / "history.jsonl", 2)
