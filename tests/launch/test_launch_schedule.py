import io

import pytest

from sharploss.launch.jobs import Job
from sharploss.launch.progress import Progress
from sharploss.launch.schedule import Task, run_jobs


class Pretend:
    """An engine on which a job takes as many looks as its seconds."""

    def __init__(self, slots, codes=None, interrupt_after=None):
        self.free, self.codes, self.begun, self.looks = slots, codes or {}, [], 0
        self.left, self.interrupt_after, self.cancelled = {}, interrupt_after, []

    def room(self):
        return self.free

    def submit(self, jobs):
        assert 0 < len(jobs) <= self.free
        self.free -= len(jobs)
        self.begun += [job.key for job in jobs]
        self.left |= {job.key: job.seconds for job in jobs}
        return [Task(job, None, "here", 0.0) for job in jobs]

    def poll(self, tasks):
        self.looks += 1
        if self.looks == self.interrupt_after:
            raise KeyboardInterrupt
        for task in tasks:
            self.left[task.job.key] -= 1
        ended = [task for task in tasks if self.left[task.job.key] <= 0 or task.job.key in self.cancelled]
        self.free += len(ended)
        return [(task, self.codes.get(task.job.key, 0)) for task in ended]

    def cancel(self, tasks):
        self.cancelled = [task.job.key for task in tasks]


def run(jobs, engine):
    out = io.StringIO()
    try:
        failed = run_jobs(jobs, engine, Progress(jobs, out), poll=0)
    except KeyboardInterrupt:
        failed = None
    return failed, out.getvalue()


def test_the_longest_first_and_never_more_than_there_are_slots():
    jobs = [Job(key, None, 1, seconds) for key, seconds in (("a", 5), ("b", 2), ("c", 1), ("d", 1))]
    engine = Pretend(2)
    failed, told = run(jobs, engine)
    assert failed == []
    assert engine.begun == ["a", "b", "c", "d"]
    assert engine.looks == 5  # the longest beside all the others
    assert told.count(": done") == 4
    assert "4/4 done, 0 running, about 0:00:00 left" in told


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


def test_nothing_to_do():
    assert run([], Pretend(1)) == ([], "")
