import os

from sharploss.utils.cores import usable_cores


def test_what_the_system_allows_counts():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert list(usable_cores()) == [min(before)]
    finally:
        os.sched_setaffinity(0, before)


def test_systems_that_do_not_say_have_all_cores(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert list(usable_cores()) == [0, 1, 2]
