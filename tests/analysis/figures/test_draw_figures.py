import json

import pytest

from sharploss.analysis.figures import sploss
from sharploss.analysis.figures.draw import write_figures
from sharploss.analysis.figures.overview import tradeoff_points
from sharploss.analysis.figures.sploss import sweep_levels
from sharploss.analysis.figures.study_figure import Block
from sharploss.analysis.load import load_study
from sharploss.analysis.tables.tables import alpha_sweep, pairings


def test_the_points_are_those_of_the_table(study):
    block = Block("sr_x4", "vdsr", "mini", "set5")
    (_, points), table = tradeoff_points(study, block), pairings(study)
    row = points.query("loss == 'ssim'").iloc[0]
    cell = table.query("network == 'vdsr' and loss == 'ssim' and dataset == 'set5'").iloc[0]
    assert (row["x"], row["y"]) == (cell["lpips_alex_v0_1"], cell["psnr_y"])
    assert row["x_low"] <= row["x"] <= row["x_high"]
    assert "sploss_a0" not in set(points["loss"])  # it is L1


def test_the_levels_are_those_of_the_table_inside_their_interval(study):
    levels, table = sweep_levels(study), alpha_sweep(study)
    part = levels.query("dataset == 'set5' and metric == 'psnr' and protocol == 'y'")
    cells = table.query("dataset == 'set5' and metric == 'psnr' and protocol == 'y'").iloc[0]
    assert list(part["alpha"]) == [0, 1, 2, 3, 4, 6, 8, 10]
    assert list(part["value"]) == pytest.approx([cells[f"alpha_{alpha:g}"] for alpha in part["alpha"]])
    assert list(part["l1"]) == pytest.approx([cells["l1"]] * 8)
    assert ((part["low"] - 1e-9 <= part["value"]) & (part["value"] <= part["high"] + 1e-9)).all()


@pytest.mark.slow
def test_all_figures_are_drawn_and_are_the_same_every_time(sparse_root):
    write_figures(load_study("mini", sparse_root))
    folder = sparse_root / "reports" / "mini" / "figures"
    listed = json.loads((folder / "figures.json").read_text())
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    drawn = [one for one in listed if "not_drawn" not in one]
    assert set(files) == {f"{one['name']}.svg" for one in drawn} | {"figures.json"}
    assert {one["section"] for one in drawn} >= {"Truth against sharpness", "Training", sploss.ALPHAS, sploss.MECHANISM}
    assert all(one["title"] and one["caption"] and one["alt"] and one["width"] and one["height"] for one in drawn)
    reasons = {one["name"]: one["not_drawn"] for one in listed if "not_drawn" in one}
    assert {"weights", "sharpgan", "gv_variance"} <= set(reasons)
    assert all(reason.endswith(".") for reason in reasons.values())
    write_figures(load_study("mini", sparse_root))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
