import pandas as pd
import pytest

from sharploss.analysis.tables import layout, tables
from sharploss.analysis.tables.tables import laid_out


@pytest.fixture(scope="module")
def shown(study):
    return laid_out(study)


def rows(table):
    return {(row[0].text, row[1].text): row[2:] for row in table.rows}


def test_each_network_and_column_has_one_best_and_one_second(shown):
    table = shown["pairings"][0]
    for network in ("ESPCN", "VDSR", "EDSR"):
        part = [row for (name, _), row in rows(table).items() if name == network]
        for column in zip(*part, strict=True):
            marks = [cell.mark for cell in column]
            assert marks.count("best") == 1
            assert marks.count("second") == 1


def test_every_row_has_a_cell_per_column(shown):
    for parts in shown.values():
        for table in parts:
            assert {len(row) for row in table.rows} == {len(table.columns)}


def test_a_difference_is_marked_only_when_its_interval_excludes_zero_and_it_counts(study):
    base = {
        "task": "sr_x4",
        "network": "edsr",
        "recipe": "mini",
        "dataset": "set5",
        "metric": "psnr",
        "protocol": "y",
        "baseline": 27.0,
        "smallest": 0.03,
        "images": 5,
        "seeds": 1,
    }
    made = [("l2", 0.1, 0.05, 0.2), ("ssim", -0.1, -0.2, -0.05), ("sploss", 0.1, -0.05, 0.2)]
    compared = pd.DataFrame([{**base, "loss": loss, "difference": d, "low": a, "high": b} for loss, d, a, b in made])
    losses = tables.pairing_rows(study).query("network == 'edsr'")
    found = rows(layout.differences(study, losses, compared, "sr_x4", "set5"))
    titles = [study.titles[loss] for loss in ("l2", "ssim", "sploss")]
    assert [found["EDSR", title][0].mark for title in titles] == ["best", "worse", ""]
    assert found["EDSR", "L2"][0].text == "+0.10 [+0.05, +0.20]"
    small = pd.DataFrame([{**base, "loss": "l2", "difference": 0.02, "low": 0.01, "high": 0.03}])
    assert rows(layout.differences(study, losses, small, "sr_x4", "set5"))["EDSR", "L2"][0].mark == "tie"


def test_a_ratio_beyond_one_is_not_better_for_being_larger(study):
    made = {
        "task": "sr_x4",
        "network": "edsr",
        "recipe": "mini",
        "loss": "l2",
        "dataset": "set5",
        "metric": "gradient_variance_ratio",
        "protocol": "grey",
    }
    numbers = {"baseline": 1.05, "difference": 0.1, "low": 0.05, "high": 0.2, "smallest": 0.01, "images": 5, "seeds": 1}
    losses = tables.pairing_rows(study).query("network == 'edsr'")
    cells = rows(layout.differences(study, losses, pd.DataFrame([made | numbers]), "sr_x4", "set5"))["EDSR", "L2"]
    assert [cell.mark for cell in cells if "0.100" in cell.text] == ["worse"]


def test_few_images_and_one_seed_are_flagged(shown):
    notes = " ".join(shown["pairings_difference"][0].notes)
    assert "Few images (4)" in notes
    assert "One seed" in notes


def test_the_note_counts_the_differences_that_the_table_shows(shown):
    table = shown["pairings_difference"][0]
    cells = sum("[" in cell.text for row in table.rows for cell in row[2:])
    notes = " ".join(table.notes)
    assert f"Of the {cells} differences shown with an interval" in notes
    assert "marks are not corrected" in notes
