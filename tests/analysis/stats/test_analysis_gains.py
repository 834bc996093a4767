import pytest

from sharploss.analysis.stats.gains import COLUMNS, gains
from sharploss.config.params import load_params


def study_steps(root, recipe):
    return load_params(root / "params.yaml").recipes[recipe].steps


def test_the_lead_is_the_difference_at_the_same_step(mini, mini_root):
    found = gains(mini)
    assert list(found.columns) == COLUMNS
    lines = mini.history[mini.history["event"] == "validation"].set_index(["run", "step"])["psnr_y"]
    one = found.query("task == 'sr_x4' and network == 'vdsr' and loss == 'l2_gv' and step == 150").iloc[0]
    assert one["against"] == "l2"
    assert one["gain"] == pytest.approx(lines["sr_x4-vdsr-l2_gv-s0", 150] - lines["sr_x4-vdsr-l2-s0", 150])
    assert one["steps"] == study_steps(mini_root, "mini")


def test_recipes_of_different_length_are_kept_apart(mini, mini_root):
    found = gains(mini)
    steps = found[found["task"] == "sr_x4"].groupby("recipe")["steps"].max()
    assert steps["mini"] == study_steps(mini_root, "mini") > steps["mini_gan"] == study_steps(mini_root, "mini_gan")
