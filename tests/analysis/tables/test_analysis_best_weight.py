import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import synthetic
from sharploss.analysis.load import load_study
from sharploss.analysis.tables.best_weight import best_weight, choices, lay_out
from sharploss.config.params import load_params
from sharploss.planning.plan import expand

PREFIX = "sr_x4-espcn-"


GROUP = "sr_x4-espcn"


def others(folder, names):
    """What a copy of the study can do without: other groups' files, and pictures."""
    several = Path(folder).name in ("runs", "scores")
    return [name for name in names if name in ("reports", "crops") or (several and not name.startswith(GROUP))]


@pytest.fixture(scope="module")
def weights_root(mini_root, tmp_path_factory):
    """The suite `weights` of the invented study alone, a tenth of it."""
    root = shutil.copytree(mini_root, tmp_path_factory.mktemp("weights") / "study", ignore=others)

    def change(params):
        params["suites"] = {"weights": params["suites"]["weights"]}

    synthetic.edit_params(root, change)
    return root


@pytest.fixture
def root(weights_root, tmp_path):
    """A copy of it, to change."""
    return shutil.copytree(weights_root, tmp_path / "study")


def validate(root, losses):
    """Set the validation PSNR at the end of a loss's training; what it had before stays."""
    for loss, psnr in losses.items():
        path = root / "results" / "mini" / "runs" / f"{PREFIX}{loss}-s0" / "history.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        last = max(line["step"] for line in lines if line["event"] == "validation")
        for line in lines:
            if line["event"] == "validation" and line["step"] == last:
                line["psnr_y"] = psnr
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def diverge(root, loss):
    path = root / "results" / "mini" / "runs" / f"{PREFIX}{loss}-s0" / "metrics.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"status": "diverged", "diverged": {"term": "gv", "step": 40}}))


def keep(root, dropped):
    """Take losses out of the suite `weights`."""

    def change(params):
        losses = params["suites"]["weights"]["losses"]
        params["suites"]["weights"]["losses"] = [loss for loss in losses if loss not in dropped]

    synthetic.edit_params(root, change)


def chosen(study):
    """Give the rows of the suite `weights` by family."""
    found = choices(study).query("suite == 'weights'")
    return {row["family"]: row for row in found.to_dict(orient="records")}


def laid_out(study):
    return lay_out(study, best_weight(study))["weights"]


def test_the_best_is_chosen_by_the_last_validation_and_not_by_the_test(root):
    validate(root, {"l1_gv": 28.0, "l1_gv_w0_1": 28.5, "l1_gv_w1": 27.0, "sploss_a1": 27.0, "sploss": 27.5})
    validate(root, {"sploss_a4": 29.0})  # whose test PSNR is the worst of the three
    study = load_study("mini", root)
    found = chosen(study)
    assert (found["l1 + gv"]["loss"], found["l1 + gv"]["value"]) == ("l1_gv_w0_1", 0.1)
    assert (found["sploss"]["loss"], found["sploss"]["parameter"], found["sploss"]["value"]) == (
        "sploss_a4", "alpha", 4.0)  # fmt: skip
    assert (found["sploss"]["validation_psnr_y"], found["sploss"]["validation_lead"]) == (29.0, 1.5)
    cells = {row[1].text: row[4].text for row in laid_out(study)[0].rows}
    assert cells["SPLoss"] == "29.00 (+1.50)"
    assert "(" not in cells["L1"]
    means = study.scores.query("network == 'espcn' and metric == 'psnr' and protocol == 'y'")
    by_test = means.groupby("loss")["value"].mean()
    assert by_test["sploss_a4"] < by_test["sploss"] < by_test["sploss_a1"]


def test_no_test_score_changes_the_choice(root):
    before = chosen(load_study("mini", root))
    path = root / "results" / "mini" / "scores" / "sr_x4-espcn.csv"
    scores = pd.read_csv(path)
    scores["value"] = scores["value"].to_numpy()[::-1]
    scores.to_csv(path, index=False)
    assert {name: row["loss"] for name, row in chosen(load_study("mini", root)).items()} == {
        name: row["loss"] for name, row in before.items()
    }


def test_of_equal_trials_the_smallest_weight_is_chosen(root):
    validate(
        root, {"l1_gv": 28.0, "l1_gv_w0_1": 28.5, "l1_gv_w1": 28.5, "sploss_a1": 28, "sploss": 28, "sploss_a4": 28}
    )
    found = chosen(load_study("mini", root))
    assert found["l1 + gv"]["loss"] == "l1_gv_w0_1"
    assert found["sploss"]["loss"] == "sploss_a1"


def test_a_diverged_trial_counts_as_one_and_is_never_chosen(root):
    validate(root, {"l1_gv": 28.0, "l1_gv_w0_1": 99.0, "l1_gv_w1": 27.0})
    diverge(root, "l1_gv_w0_1")
    study = load_study("mini", root)
    found = chosen(study)["l1 + gv"]
    assert (found["loss"], found["trials"], found["diverged"]) == ("l1_gv", 3, 1)
    cells = {row[1].text: row for row in laid_out(study)[0].rows}
    assert cells["L1 + GV"][2].text == "3 (1 diverged)"


def test_a_loss_of_which_every_trial_diverged_says_so(root):
    for loss in ("l1_gv", "l1_gv_w0_1", "l1_gv_w1"):
        diverge(root, loss)
    study = load_study("mini", root)
    found = chosen(study)["l1 + gv"]
    assert (found["loss"], found["failure"]) == ("", "diverged (gv at step 40)")
    row = next(row for row in laid_out(study)[0].rows if row[1].text == "L1 + GV")
    assert {(cell.text, cell.mark) for cell in row[4:]} == {("diverged (gv at step 40)", "gone")}
    assert row[3].text == "—"


def test_a_trial_that_was_not_validated_is_not_chosen(root):
    path = root / "results" / "mini" / "runs" / f"{PREFIX}sploss-s0" / "history.jsonl"
    path.write_text("".join(line + "\n" for line in path.read_text().splitlines() if "validation" not in line))
    validate(root, {"sploss_a4": float("nan")})
    assert chosen(load_study("mini", root))["sploss"]["loss"] == "sploss_a1"


def test_a_loss_with_one_trial_stands_beside_the_others_and_is_marked(root):
    keep(root, ["l1_tv_w0_1", "l1_tv_w1", "sploss_a4"])
    study = load_study("mini", root)
    found = chosen(study)
    assert (found["l1_tv"]["loss"], found["l1_tv"]["trials"], found["l1_tv"]["most"]) == ("l1_tv", 1, 3)
    table = laid_out(study)[0]
    assert {row[1].text: row[2].text for row in table.rows} == {
        "L1": "1 (reference)",
        "L1 + TV": "1 (fewer)",
        "L1 + GV": "3",
        "L1 + SOG": "3",
        "SPLoss": "2 (fewer)",
    }
    assert any("Fewer trials than 3: L1 + TV on ESPCN, SPLoss on ESPCN." in note for note in table.notes)


def test_trials_that_had_no_weights_are_none(mini):
    found = choices(mini).query("suite == 'feature_weights' and loss != 'l2'")
    assert set(found["trials"]) == {0}
    assert set(found["loss"]) == {""}
    assert found["failure"].str.startswith("not trained").all()


def test_the_table_has_the_test_scores_of_the_chosen_and_their_paired_differences(weights_root):
    study = load_study("mini", weights_root)
    compared = study.compared
    numbers = best_weight(study)
    assert len(numbers) == 5 * 2
    row = numbers.query("family == 'l1 + gv' and dataset == 'set5'").iloc[0]
    same = "network == 'espcn' and recipe == 'mini' and dataset == 'set5' and metric == 'lpips'"
    mine = study.scores.query(f"{same} and loss == '{row['loss']}'")["value"]
    assert row["lpips_alex_v0_1"] == pytest.approx(mine.mean())
    other = compared.query(f"{same} and loss == '{row['loss']}'").iloc[0]
    for part in ("baseline", "difference", "low", "high"):
        assert row[f"lpips_alex_v0_1_{part}"] == other[part]
    tables = lay_out(study, numbers)["weights"]
    assert [("skimage_test" in one.caption, "Set5" in one.caption) for one in tables] == [(True, False), (False, True)]
    assert all(len(row) == len(one.columns) for one in tables for row in one.rows)
    assert "difference to L1" in tables[0].columns[6]
    assert {cell.text for cell in tables[0].rows[0][6::2]} == {"—"}  # L1 against itself
    assert any("equal number of trials: 3 each." in note and "L1, the reference" in note for note in tables[0].notes)
    assert any("no part in the choice" in note and "favours fidelity" in note for note in tables[0].notes)


def test_a_best_at_an_end_of_what_was_tried_is_told(root):
    validate(
        root, {"l1_gv": 28.0, "l1_gv_w0_1": 28.5, "l1_gv_w1": 28.0, "sploss_a1": 28, "sploss": 28, "sploss_a4": 29}
    )
    note = next(note for note in laid_out(load_study("mini", root))[0].notes if "at an end" in note)
    assert "SPLoss on ESPCN (4)" in note
    assert "GV" not in note


def test_only_suites_that_compare_losses_and_vary_one_have_a_table(mini, study):
    assert set(choices(mini)["suite"]) == {"weights", "feature_weights"}  # not the alpha sweep
    assert len(choices(study)) == 0
    assert lay_out(study, best_weight(study)) == {}


def test_several_seeds_are_averaged_and_all_must_have_finished(root, monkeypatch):
    plan = expand(load_params(root / "params.yaml"))
    for loss in ("sploss_a1", "sploss", "sploss_a4"):
        first, second = f"{PREFIX}{loss}-s0", f"{PREFIX}{loss}-s1"
        plan["runs"][second] = {**plan["runs"][first], "seed": 1}
        plan["groups"]["sr_x4-espcn"]["runs"].append(second)
        shutil.copytree(root / "results" / "mini" / "runs" / first, root / "results" / "mini" / "runs" / second)
    path = root / "results" / "mini" / "scores" / "sr_x4-espcn.csv"
    scores = pd.read_csv(path)
    again = scores[scores["run"].str.contains("-sploss(?:_a1|_a4)?-s0")]
    pd.concat([scores, again.assign(run=again["run"].str.replace("-s0", "-s1"))]).to_csv(path, index=False)
    monkeypatch.setattr("sharploss.analysis.load.expand", lambda _: plan)
    validate(root, {"sploss_a1": 28.0, "sploss": 30.0, "sploss_a4": 28.5})
    path = root / "results" / "mini" / "runs" / f"{PREFIX}sploss-s1" / "history.jsonl"
    path.write_text(path.read_text() + '{"event": "validation", "step": 900, "psnr_y": 25.0}\n')
    for loss in ("sploss_a1", "sploss_a4"):
        path = root / "results" / "mini" / "runs" / f"{PREFIX}{loss}-s1" / "history.jsonl"
        path.write_text(path.read_text() + '{"event": "validation", "step": 900, "psnr_y": 28.0}\n')
    found = chosen(load_study("mini", root))["sploss"]
    assert (found["loss"], found["validation_psnr_y"], found["trials"]) == ("sploss_a4", 28.25, 3)
    path = root / "results" / "mini" / "runs" / f"{PREFIX}sploss_a4-s1" / "metrics.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"status": "diverged", "diverged": {"term": "sploss", "step": 9}})
    )
    found = chosen(load_study("mini", root))["sploss"]
    assert (found["loss"], found["trials"], found["diverged"]) == ("sploss_a1", 3, 1)
