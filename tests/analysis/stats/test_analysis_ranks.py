import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sharploss.analysis.stats.ranks import draws, ranked, ranked_cells, ranks


def scores(values, metric="psnr"):
    """Scores of losses (rows) on images (columns) in one cell."""
    about = {"task": "t", "network": "n", "recipe": "r", "dataset": "d", "metric": metric, "protocol": "y", "seed": 0}
    return pd.DataFrame(
        [
            {**about, "loss": loss, "image": str(image), "value": value}
            for loss, row in values.items()
            for image, value in enumerate(row)
            if value is not None
        ]
    )


def test_ranks_of_a_row_are_scipys():
    table = np.random.default_rng(1).integers(0, 4, (50, 6)).astype(float)
    assert (ranked(table) == stats.rankdata(table, axis=1)).all()


def test_a_loss_that_wins_on_every_image_has_rank_one_without_doubt():
    found = ranks(scores({"b": [1, 2, 3], "a": [4, 5, 6]})).set_index("loss")
    assert found.loc["a", ["rank", "low", "high"]].tolist() == [1, 1, 1]
    assert found.loc["b", ["rank", "low", "high"]].tolist() == [2, 2, 2]
    assert ranks(scores({"b": [1, 2, 3], "a": [4, 5, 6]}, "lpips"))["loss"].tolist() == ["b", "a"]


def test_images_that_disagree_leave_the_rank_open():
    found = ranks(scores({"a": [1, 9, 1, 9], "b": [5, 5.2, 5, 5]})).set_index("loss")
    assert (found.loc["a", "low"], found.loc["a", "high"]) == (1, 2)


def test_few_images_leave_more_open_than_percentiles_say():
    """Of four images three agree: 5 of 256 resamples turn the order round, fewer than the 2.5 % of a plain interval."""
    found = ranks(scores({"a": [9, 9, 9, 1], "b": [5, 5, 5, 5.5]})).set_index("loss")
    drawn = ranked_cells(scores({"a": [9, 9, 9, 1], "b": [5, 5, 5, 5.5]}))[0]
    assert drawn.images == 4
    assert found.loc["a", ["low", "high"]].tolist() == [drawn.drawn[:, 0].min(), drawn.drawn[:, 0].max()] == [1, 2]


def test_tasks_share_the_images_of_a_test_set():
    table = scores({"a": [1, 9, 1, 9], "b": [5, 5.2, 5, 5]})
    first, second = ranked_cells(pd.concat([table, table.assign(task="u")]))
    assert (first.drawn == second.drawn).all()


def test_ranks_are_averaged_over_cells():
    table = pd.concat([scores({"a": [1, 2], "b": [2, 3]}), scores({"a": [1, 2], "b": [2, 3]}, "lpips")])
    found = ranks(table)
    assert found["rank"].tolist() == [1.5, 1.5]
    assert set(found["cells"]) == {2}


def test_a_loss_without_scores_comes_last():
    table = pd.concat([scores({"a": [1, 2], "b": [2, 3], "gone": [3, 3]}), scores({"a": [1], "b": [2]}, "ssim")])
    assert ranks(table).set_index("loss")["rank"].to_dict() == {"a": 2.5, "b": 1.5, "gone": 2.0}


def test_without_scores_there_are_no_ranks():
    assert ranks(scores({"a": [1.0]})[:0]).empty


def test_draws_are_shares_and_the_same_for_the_same_set():
    table = draws("sr_x4 set5", 5, 100)
    assert table.sum(axis=1) == pytest.approx(np.ones(100))
    assert (draws("sr_x4 set5", 5, 100) == table).all()
    assert (draws("sr_x4 set14", 5, 100) != table).any()
