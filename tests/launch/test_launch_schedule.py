import contextlib
import io
import re

import pytest

from sharploss.launch.engines import Attempt
from sharploss.launch.jobs import Job
from sharploss.launch.schedule import LaunchProgress, TimeIsUpError, run_jobs
from sharploss.planning.progress import clock, steps_done


class Pretend:
    """An engine on which a job takes as many looks as its seconds."""

    def __init__(self, slots, codes=None, interrupt_after=None):
        self.free, self.codes, self.begun, self.looks, self.closed = slots, codes or {}, [], 0, False
        self.left, self.interrupt_after, self.cancelled = {}, interrupt_after, []

    def close(self):
        self.closed = True

    def submit(self, jobs):
        jobs = jobs[: self.free]
        self.free -= len(jobs)
        self.begun += [job.key for job in jobs]
        self.left |= {job.key: job.seconds for job in jobs}
        return [Attempt(job, None, "here", 0.0) for job in jobs]

    def poll(self, attempts):
        self.looks += 1
        if self.looks == self.interrupt_after:
            raise KeyboardInterrupt
        for attempt in attempts:
            self.left[attempt.job.key] -= 1
        ended = [
            attempt for attempt in attempts if self.left[attempt.job.key] <= 0 or attempt.job.key in self.cancelled
        ]
        self.free += len(ended)
        return [(attempt, self.codes.get(attempt.job.key, 0)) for attempt in ended]

    def cancel(self, attempts):
        self.cancelled = [attempt.job.key for attempt in attempts]


class Notes:
    """A recorder that needs some looks until all is recorded."""

    def __init__(self, looks=3, failed=()):
        self.added, self.left, self.failed, self.stopped = [], looks, list(failed), False

    def add(self, attempt):
        self.added.append(attempt.job.key)

    def poll(self, *, last):  # noqa: ARG002
        self.left -= 1
        return self.left > 0

    def stop(self, _poll, *, publish):
        self.stopped, self.published = True, publish


def run(jobs, engine, recorder=None, **options):
    out = io.StringIO()
    failed = None
    with contextlib.redirect_stdout(out), contextlib.suppress(KeyboardInterrupt, TimeIsUpError):
        failed = run_jobs(jobs, engine, recorder or Notes(), poll=0, **options)
    assert engine.closed
    return failed, out.getvalue()


def test_the_longest_first_and_never_more_than_there_are_slots():
    jobs = [Job(key, None, 1, seconds) for key, seconds in (("a", 5), ("b", 2), ("c", 1), ("d", 1))]
    engine = Pretend(2)
    failed, told = run(jobs, engine)
    assert failed == []
    assert engine.begun == ["a", "b", "c", "d"]
    assert engine.looks == 5  # the longest beside all the others
    assert told.count(": done") == 4
    assert re.search(r"4/4 done, 0 running(, \d+ steps/s)?, 0:00:00 elapsed, about 0:00:00 left", told)


def test_a_run_begins_after_the_one_that_it_starts_from():
    jobs = [Job("first", None, 1, 3), Job("second", "first", 1, 1), Job("other", None, 1, 1)]
    engine = Pretend(3)
    run(jobs, engine)
    assert engine.begun == ["first", "other", "second"]
    assert engine.looks == 4


@pytest.mark.parametrize("code", [1, 255, -1])
def test_a_failure_stops_nothing_but_what_depends_on_it(code):
    jobs = [Job("a", None, 1, 1), Job("b", "a", 1, 1), Job("c", "b", 1, 1), Job("d", None, 1, 2)]
    engine = Pretend(1, {"a": code})
    failed, told = run(jobs, engine)
    assert failed == ["a", "b", "c"]
    assert engine.begun == ["a", "d"]
    assert (
        f"a: failed ({'its worker died' if code < 0 else f'exit code {code}'}): see .scratch/launch/logs/a.log" in told
    )
    assert "b: not trained, it starts from a, which failed" in told
    assert "c: not trained, it starts from b, which failed" in told


def test_ctrl_c_stops_what_runs_and_begins_nothing_more():
    jobs = [Job(key, None, 1, 9) for key in "abc"]
    engine = Pretend(2, interrupt_after=2)
    failed, told = run(jobs, engine)
    assert failed is None
    assert engine.cancelled == ["a", "b"]
    assert engine.begun == ["a", "b"]
    assert "stopping 2 runs; the same command goes on from here" in told


def test_what_is_done_is_recorded_and_waited_for():
    recorder = Notes(looks=7, failed=["b"])
    failed, _ = run([Job("a", None, 1, 1), Job("b", None, 1, 2), Job("c", None, 1, 1)], Pretend(3, {"c": 1}), recorder)
    assert recorder.added == ["a", "b"]
    assert recorder.left == 0
    assert failed == ["c", "b"]


def test_when_the_time_is_up_everything_is_stopped_and_recorded():
    recorder, engine = Notes(), Pretend(1)
    failed, told = run([Job("a", None, 1, 1), Job("b", None, 1, 9)], engine, recorder, until=0.0)
    assert failed is None
    assert engine.begun == []
    assert recorder.stopped
    assert recorder.published
    assert "stopping 0 runs; the same command goes on from here" in told


def test_what_comes_to_its_end_while_it_is_stopped_is_recorded():
    recorder, engine = Notes(), Pretend(2, {"b": 75}, interrupt_after=1)
    run([Job("a", None, 1, 9), Job("b", None, 1, 9)], engine, recorder)
    assert recorder.added == ["a"]
    assert recorder.stopped


def test_the_steps_of_a_training_are_read_from_the_end_of_its_record(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert steps_done("a") == 0
    for name, text in (
        ("a-b-0123456789ab", '{"step": 9}\n'),
        ("a-0123456789ab", '{"step": 1}\n' * 2000 + '{"step": 7}\n{"st'),
    ):
        folder = tmp_path / ".scratch" / name
        folder.mkdir(parents=True)
        (folder / "history.jsonl").write_text(text)
        folder.with_suffix(".lock").touch()
    assert steps_done("a") == 7


def test_the_speed_of_all_trainings_together():
    state = progress(60.0, 60.0)
    assert state.speed() == ""
    state.looks.extend([(10.0, 100), (12.0, 700)])
    assert state.state(2) == "0/2 done, 2 running, 300 steps/s, 0:00:00 elapsed, about 0:01:00 left"


def test_nothing_to_do():
    assert run([], Pretend(1), Notes(looks=0)) == ([], "")


def progress(*seconds, steps=100):
    return LaunchProgress([Job(key, None, steps, each) for key, each in zip("abcd", seconds, strict=False)])


def test_the_time_left_is_predicted_until_it_is_measured():
    state = progress(60.0, 60.0, 60.0, 120.0)
    assert state.state(2) == "0/4 done, 2 running, 0:00:00 elapsed, about 0:02:30 left"
    state.taken["a"] = 30.0  # twice as fast as predicted
    state.done = 1
    assert state.state(3) == "1/4 done, 3 running, 0:00:00 elapsed, about 0:00:40 left"


def test_nothing_is_known_before_the_first_run_is_done_where_nothing_was_predicted():
    state = progress(60.0, None)
    assert state.state(1) == "0/2 done, 1 running, 0:00:00 elapsed, time left not known"
    state.taken["a"] = 30.0  # for 100 steps, as b has them
    assert state.state(1) == "0/2 done, 1 running, 0:00:00 elapsed, about 0:00:30 left"


def test_a_failed_run_is_not_measured_and_not_left():
    state = progress(10.0, 10.0)
    state.failed.append("a")
    assert state.state(1) == "1/2 done, 1 running, 0:00:00 elapsed, about 0:00:10 left"


def test_a_line_has_the_time_of_day():
    _, told = run([Job("a", None, 1, 1)], Pretend(1))
    assert re.match(r"\d\d:\d\d:\d\d a: begun on here, 0:00:01 predicted\n", told)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00:00"), (59.6, "0:01:00"), (3725, "1:02:05"), (360000, "100:00:00")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text
