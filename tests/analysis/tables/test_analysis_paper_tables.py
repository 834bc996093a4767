import json
from types import SimpleNamespace

import pandas as pd
import pytest

from sharploss.analysis.load import load_study
from sharploss.analysis.measures import ALPHA, MINUS, interval
from sharploss.analysis.published import load_index
from sharploss.analysis.tables.latex import latex
from sharploss.analysis.tables.paper_tables import bases_of, beside, paper_tables
from sharploss.analysis.tables.writers import markdown


@pytest.fixture(scope="module")
def tables(study):
    return paper_tables(study)


def test_there_is_one_for_every_published_table(study, tables):
    counts = {name: len(each.numbers) for name, each in tables.items()}
    assert [*counts] == [*(f"paper_{name}" for name in load_index(study.root).tables), "paper_sog"]
    assert (
        counts.items()
        >= {
            "paper_sploss_table1": 128,
            "paper_sploss_table2": 8,
            "paper_sploss_table3": 32,
            "paper_gv_table1": 144,
            "paper_gv_table2": 18,
            "paper_sharpgan_table1": 8,
            "paper_sog": 48,
        }.items()
    )


def test_ours_is_the_mean_of_the_same_network_loss_set_and_protocol(study, tables):
    frame = tables["paper_sploss_table1"].numbers
    row = frame.query("network == 'edsr' and loss == 'sploss' and dataset == 'set5' and metric == 'psnr'").iloc[0]
    part = study.scores.query(
        "network == 'edsr' and loss == 'sploss' and dataset == 'set5' and metric == 'psnr' and protocol == 'y'"
    )
    assert row["measured"] == pytest.approx(part["value"].mean())
    assert row["value"] == 32.11
    assert row["difference"] == pytest.approx(row["measured"] - 32.11)
    assert (row["measured_task"], row["measured_recipe"], row["status"]) == ("sr_x4", "mini", "measured")


def test_what_has_no_run_no_set_or_another_protocol_is_not_measured(tables):
    first = tables["paper_sploss_table1"].numbers
    measured = first[first["status"] == "measured"]
    assert set(measured["network"]) == {"edsr"}
    assert set(measured["dataset"]) == {"set5"}
    assert set(first.loc[first["status"] != "measured", "status"]) == {"not measured"}
    # This study knows no gv_code, and numbers of another protocol must not stand in for it.
    assert tables["paper_gv_table1"].numbers["measured"].isna().all()
    # A mean over four sets is not a mean over one.
    assert tables["paper_sploss_table3"].numbers["measured"].isna().all()


def test_printed_values_are_shown_with_their_own_decimals(tables):
    text = markdown(tables["paper_gv_table1"].table)
    assert "| 0.85456 |" in text
    assert "| 28.00 |" in text
    assert "0.922874" in markdown(tables["paper_gv_table2"].table)


def test_budgets_and_training_sets_are_stated_on_both_sides(tables):
    notes = " ".join(tables["paper_sploss_table1"].table.notes)
    assert "Published: DIV2K" in notes
    assert "Measured: 300 steps of 8 patches of 24 pixels from skimage_train; 1 seed." in notes
    assert "no replication" in notes
    assert "edsr 41,000" in notes
    assert "this study has no run of this table" in " ".join(tables["paper_sharpgan_table1"].table.notes)


def test_every_row_has_a_cell_per_column_and_its_place_in_print(tables):
    for table in (each.table for each in tables.values()):
        assert {len(row) for row in table.rows} == {len(table.columns)}
        assert table.caption.split(",")[1].startswith((" Table ", " a table in its shape"))
        assert latex(table).count(r"\begin{") == latex(table).count(r"\end{") >= 1
        assert not any(cell.text in ("not measured", "nan") for row in table.rows for cell in row)
    shapes = {name: (len(each.table.rows), each.table.labels) for name, each in tables.items()}
    assert shapes["paper_sploss_table1"] == (16, 2)
    assert shapes["paper_sploss_table3"] == shapes["paper_sploss_table2"] == (4, 2)
    assert shapes["paper_gv_table1"] == (24, 3)
    assert shapes["paper_gv_table2"] == shapes["paper_sharpgan_table1"] == (2, 2)
    columns = tables["paper_sploss_table3"].table.columns[2:]
    assert columns[::2] == ["L1", *(f"{ALPHA} {alpha} {MINUS} L1" for alpha in (1, 2, 3, 4, 6, 8, 10))]


def test_the_published_difference_stands_beside_the_measured_one(study, tables):
    table = tables["paper_sploss_table1"].table
    cells = dict(zip(table.columns, table.rows[0], strict=True))
    row = study.compared.query("network == 'edsr' and loss == 'sploss' and dataset == 'set5' and metric == 'psnr'")
    row = row[row["protocol"] == "y"].iloc[0]
    assert cells[f"EDSR SP {MINUS} L1"].text == f"{MINUS}0.37"
    assert cells[f"here: EDSR SP {MINUS} L1"].text == interval("psnr", row["difference"], row["low"], row["high"])
    assert cells["here: L1 \N{RIGHTWARDS ARROW} SP"].text.startswith(f"{row['baseline']:.2f}")
    (said,) = [note for note in table.notes if note.startswith("Not measured here")]
    for part in (f"RRDBNet SP {MINUS} L1", f"NLSN SP {MINUS} L1", "ESRGAN SP+VGG+RaGAN", "anything on Urban100"):
        assert part in said
    assert "here" not in " ".join(tables["paper_gv_table1"].table.columns)


def test_columns_are_compared_with_what_their_paper_compares_them_with():
    gv = {("VDSR", loss): loss for loss in ("L2", "L2+TV", "L2+GV", "L1", "L1+GV")}
    assert {column[1]: base[1] for column, base in bases_of(gv, {}).items()} == {
        "L2+TV": "L2",
        "L2+GV": "L2",
        "L1+GV": "L1",
    }
    blocks = [("StackedG", "unstated"), ("ResG", "unstated"), ("NonBN-ResG", "unstated")]
    assert bases_of(dict.fromkeys(blocks, "unstated"), {}) == {blocks[1]: blocks[0], blocks[2]: blocks[1]}
    mdf = {("EDSR", loss): loss for loss in ("L1", "L1 + VGG", "MDF")}
    assert bases_of(mdf, {"L1": "MDF", "L1 + VGG": "MDF"}) == dict.fromkeys([*mdf][:2], ("EDSR", "MDF"))
    swept = {("NLSN", "L1"): "L1", ("NLSN", f"{ALPHA} 1"): "SP"}
    assert bases_of(swept, {"SP": "L1"}) == {("NLSN", f"{ALPHA} 1"): ("NLSN", "L1")}


def test_a_run_that_failed_is_told(own_root):
    path = own_root / "results/mini/runs/sr_x4-edsr-sploss-s0/metrics.json"
    path.write_text(json.dumps({"status": "not_trained", "reason": "the weights are away"}))
    _, frame, table = paper_tables(load_study("mini", own_root))["paper_sploss_table1"]
    rows = frame.query("network == 'edsr' and loss == 'sploss'")
    assert set(rows["status"]) == {"not trained: the weights are away"}
    assert "not trained: the weights are away" in markdown(table)


def test_the_longest_training_is_compared_and_of_equal_ones_the_one_planned_first():
    def measured_recipe(*recipes):
        runs = [
            {"task": "sr_x4", "network": "edsr", "loss": "l1", "recipe": r, "step": n, "failure": ""}
            for r, n in recipes
        ]
        mean = {("sr_x4", "edsr", r, "l1", "set5", "psnr", "y"): 30.0 for r, _ in recipes}
        row = {"task": "sr_x4", "network": "edsr", "loss": "l1", "metric": "psnr", "protocol": "y"}
        published = pd.DataFrame([row | {"label_dataset": "Set5", "value": 31.0}])
        about = SimpleNamespace(tasks={"4": ["sr_x4"]})
        study = type("Runs", (), {"runs": pd.DataFrame(runs)})()
        return beside(study, published, about, mean, {"Set5": ["set5"]})["measured_recipe"].item()

    assert measured_recipe(("short", 10), ("long", 500), ("first_run", 500)) == "long"
    assert measured_recipe(("short", 10), ("first_run", 500)) == "first_run"
