import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sharploss.analysis.load import load_study
from sharploss.analysis.stats.pareto import fronts, on_front


def test_only_points_that_nothing_beats_are_on_the_front():
    psnr, lpips = [30, 29, 28, 28.5, 30], [0.3, 0.2, 0.1, 0.25, 0.35]
    assert on_front(psnr, lpips).tolist() == [True, True, True, False, False]


def test_equal_points_stay_together_and_gaps_are_never_on_it():
    assert on_front([1, 1, math.nan], [1, 1, 0]).tolist() == [True, True, False]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_it_is_the_definition(points):
    front = on_front(*zip(*points, strict=True))
    for (x, y), kept in zip(points, front, strict=True):
        beaten = any(a >= x and b <= y and (a, b) != (x, y) for a, b in points)
        assert kept != beaten


def test_networks_and_recipes_have_fronts_of_their_own(wide):
    table = fronts(wide.scores)
    keys = ["task", "network", "recipe", "dataset"]
    assert set(table["recipe"]) == {"mini", "mini_gan"}
    assert (table.groupby(keys)["front"].sum() >= 1).all()
    assert not table["loss"].isin(["bicubic", "input"]).any()
    best = table.loc[table.groupby(keys)["psnr"].idxmax()]
    assert best["front"].all()


def test_without_lpips_there_is_no_front(sparse_root):
    table = fronts(load_study("mini", sparse_root).scores)
    assert table.empty
    assert list(table.columns)[-1] == "front"
    assert np.issubdtype(table["front"].dtype, np.bool_)
