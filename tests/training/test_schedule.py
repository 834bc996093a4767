import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharploss.config.recipe import Optimisation
from sharploss.training import schedule

BASE = {
    "learning_rate": 0.1,
    "warmup": 0,
    "schedule": "constant",
    "final_fraction": 0.1,
    "milestones": [],
    "gamma": 0.5,
    "cycles": 1,
}


def learning_rate(step, settings, steps=100):
    return schedule.learning_rate(step, Optimisation(**settings), steps)


def test_constant():
    assert learning_rate(0, BASE) == learning_rate(99, BASE) == 0.1


def test_cosine_goes_from_the_rate_to_its_final_fraction():
    recipe = {**BASE, "schedule": "cosine"}
    assert learning_rate(0, recipe) == pytest.approx(0.1)
    assert learning_rate(99, recipe) == pytest.approx(0.01)
    half = 0.01 + 0.09 * (1 + math.cos(math.pi * 33 / 99)) / 2
    assert learning_rate(33, recipe) == pytest.approx(half)


def test_cosine_restarts_every_cycle():
    recipe = {**BASE, "schedule": "cosine", "cycles": 4}
    rates = [learning_rate(step, recipe) for step in range(100)]
    assert rates[25:50] == rates[:25]
    assert rates[75:] == rates[:25]
    assert rates[:25] == [learning_rate(step, {**recipe, "cycles": 1}, steps=25) for step in range(25)]


def test_multistep_halves_at_each_milestone():
    recipe = {**BASE, "schedule": "multistep", "milestones": [10, 20]}
    assert [learning_rate(step, recipe) for step in (9, 10, 19, 20)] == pytest.approx([0.1, 0.05, 0.05, 0.025])


def test_warmup_rises_in_equal_steps():
    recipe = {**BASE, "warmup": 4}
    assert [learning_rate(step, recipe) for step in range(6)] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1])


@given(
    step=st.integers(0, 999),
    steps=st.integers(1, 1000),
    warmup=st.integers(0, 1000),
    name=st.sampled_from(["constant", "cosine", "multistep"]),
    cycles=st.integers(1, 5),
)
def test_always_above_zero_and_never_above_the_rate(step, steps, warmup, name, cycles):
    recipe = {**BASE, "cycles": cycles, "warmup": warmup, "schedule": name, "milestones": [steps // 2 + 1]}
    assert 0 < learning_rate(step, recipe, steps) <= 0.1 * (1 + 1e-12)
