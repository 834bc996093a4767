import io
import re

import pytest

from sharploss.launch.jobs import Job
from sharploss.launch.progress import Progress, clock


def progress(*seconds, steps=100):
    return Progress([Job(key, None, steps, each) for key, each in zip("abcd", seconds, strict=False)], io.StringIO())


def test_the_time_left_is_predicted_until_it_is_measured():
    state = progress(60.0, 60.0, 60.0, 120.0)
    assert state.seconds_left({}) == 300.0
    assert state.seconds_left({"a": 10.0, "b": 0.0}) == 145.0
    state.ended.add("a")
    state.taken["a"] = 30.0  # twice as fast as predicted
    assert state.seconds_left({"b": 0.0}) == 120.0
    assert state.seconds_left({"b": 0.0, "d": 20.0}) == 50.0


def test_nothing_is_known_before_the_first_run_is_done_where_nothing_was_predicted():
    state = progress(60.0, None)
    assert state.seconds_left({"a": 1.0}) is None
    assert state.state({"a": 1.0}) == "0/2 done, 1 running, time left not known"
    state.ended.add("a")
    state.taken["a"] = 30.0  # for 100 steps, as b has them
    assert state.state({"b": 10.0}) == "1/2 done, 1 running, about 0:00:20 left"


def test_the_longest_run_decides_at_the_end():
    state = progress(10.0, 100.0)
    assert state.seconds_left({"a": 5.0, "b": 5.0}) == 95.0


def test_a_failed_run_is_not_measured():
    state = progress(10.0, 10.0)
    state.ended.add("a")
    assert state.seconds_left({}) == 10.0


def test_a_line_has_the_time_of_day():
    state = progress(1.0)
    state.event("something happened")
    assert re.fullmatch(r"\d\d:\d\d:\d\d something happened\n", state.out.getvalue())


def test_when_nothing_happens_there_is_a_line_now_and_then():
    state = progress(1.0)
    state.remind({})
    assert state.out.getvalue() == ""
    state.printed -= 1000
    state.remind({})
    state.remind({})
    assert state.out.getvalue().count("0/1 done, 0 running") == 1


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00:00"), (59.6, "0:01:00"), (3725, "1:02:05"), (360000, "100:00:00")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text
