import io
import json

import pytest

from sharploss.launch.engines import Task
from sharploss.launch.jobs import Job
from sharploss.launch.progress import Board, Pace, clock, last_step

KEY = "x2-espcn-l1-s0"


def record(folder, lines, identity="0123456789ab", key=KEY):
    path = folder / f".scratch/{key}-{identity}/history.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(lines)
    return path


def line(step):
    return json.dumps({"event": "train", "step": step, "terms": {"l1": 0.5}}) + "\n"


@pytest.mark.parametrize(
    ("lines", "step"),
    [
        ("", 0),
        (line(5), 5),
        (line(5) + line(10), 10),
        (line(5) + line(10)[:-4], 5),  # half a line is not there yet
        ("".join(line(step) for step in range(1000)), 999),  # more than is read
    ],
)
def test_the_last_step_of_a_growing_record(tmp_path, lines, step):
    record(tmp_path, lines)
    assert last_step(KEY, tmp_path / ".scratch") == step


def test_a_run_whose_key_begins_alike_is_another(tmp_path):
    record(tmp_path, line(7), key="x2-espcn-l1-s01")
    assert last_step(KEY, tmp_path / ".scratch") == 0


def test_the_time_left_is_predicted_until_it_is_measured():
    pace = Pace(Job(KEY, None, 100, 50.0), 0, now=10.0)
    assert pace.left(10.0) == 50.0
    pace.see(20, now=14.0)
    assert pace.left(14.0) == pytest.approx(16.0)
    # No new line of the record for a second: the clock goes on.
    pace.see(20, now=15.0)
    assert pace.left(15.0) == pytest.approx(15.0)
    assert pace.left(100.0) == 0.0


def test_starting_up_is_not_counted_as_slowness():
    pace = Pace(Job(KEY, None, 100, 50.0), 40, now=0.0)
    pace.see(40, now=30.0)
    assert pace.left(30.0) == pytest.approx(30.0)  # 60 steps, as predicted
    pace.see(50, now=35.0)
    assert pace.left(35.0) == pytest.approx(25.0)


def test_a_run_that_begins_anew_is_measured_anew():
    pace = Pace(Job(KEY, None, 100, 100.0), 80, now=0.0)
    pace.see(0, now=5.0)
    pace.see(10, now=10.0)
    assert pace.left(10.0) == pytest.approx(45.0)


def test_the_table_says_what_runs_where_with_time_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record(tmp_path, line(25))
    jobs = [Job(KEY, None, 100, 60.0), Job("x2-espcn-l2-s0", None, 100, 60.0), Job("x2-espcn-ssim-s0", None, 100, 60.0)]
    board = Board(jobs, io.StringIO())
    tasks = [Task(jobs[0], None, "GPU 3", 0.0), Task(jobs[1], None, "", None)]
    head, first, last = board.table(tasks, 0.0)
    assert head.split() == ["run", "where", "step", "left"]
    assert first.split() == [KEY, "GPU", "3", "25/100", "0:00:45"]
    assert last == "0 done, 1 running, 2 waiting; about 0:02:45 left"
    board.end(KEY)
    assert board.table([], 1.0)[-1] == "1 done, 0 running, 2 waiting; about 0:02:00 left"


def test_elsewhere_than_on_a_terminal_there_are_only_events(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    board = Board([Job(KEY, None, 100, 60.0)], out)
    board.event("something happened")
    board.draw([])
    assert out.getvalue().endswith(" something happened\n")
    assert out.getvalue().count("\n") == 1


class Terminal(io.StringIO):
    def isatty(self):
        return True

    def fileno(self):
        return 1


def test_on_a_terminal_the_table_is_drawn_over_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.get_terminal_size", lambda _: (60, 24))
    out = Terminal()
    board = Board([Job(KEY, None, 100, 60.0)], out)
    board.draw([], now=0.0)
    board.draw([], now=1.0)
    assert out.getvalue().count("\x1b[2A\x1b[J") == 1
    assert all(len(text) < 60 for text in out.getvalue().split("\n")[:2])
    board.event("x")
    assert out.getvalue().count("\x1b[2A\x1b[J") == 2


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00:00"), (59.6, "0:01:00"), (3725, "1:02:05"), (360000, "100:00:00")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text
