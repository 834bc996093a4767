import pytest
from stand_ins import with_protocols

from sharploss.analysis.load import load_study
from sharploss.analysis.report.facts import cost_tables, failures, protocol_tables, questions, run_rows, short
from sharploss.analysis.tables.tables import cost


def test_questions_are_those_of_the_params(study_root):
    found = questions(load_study("mini", study_root))
    assert found["pairings"].startswith("Which loss makes restored images sharp")
    assert all(found.values())


def test_one_picture_under_every_protocol(own_root):
    assert protocol_tables(load_study("mini", own_root)) == []
    both, others = protocol_tables(load_study("mini", with_protocols(own_root)))
    assert [cell.text for cell in both.rows[0]][:3] == ["Y", "26.84", "0.8417"]
    assert "BT.601" in both.rows[0][3].text
    assert len(both.rows) == 1
    assert [(cell.text, cell.mark) for cell in others.rows[0]] == [
        ("NIQE", ""),
        ("Y", ""),
        ("not measured", "gone"),
        ("↓", ""),
    ]


def test_runs_without_scores_are_grouped_by_reason(wide_root):
    found = failures(load_study("mini", wide_root))
    reasons = list(found)
    assert [reason.split(" ")[0] for reason in reasons] == ["diverged", "not"]
    assert found[reasons[0]] == ["sr_x4-vdsr-l2_gv-s0"]
    assert found[reasons[1]] == [run for run in load_study("mini", wide_root).runs["run"] if "vgg" in run]


@pytest.mark.parametrize(
    ("run", "status", "files"),
    [
        ("sr_x4-edsr-l1-s0", "finished", ["metrics.json", "provenance.json", "history.jsonl"]),
        ("sr_x4-vdsr-l2_gv-s0", "diverged", ["metrics.json", "provenance.json", "history.jsonl"]),
        ("sr_x4-edsr-l1_vgg-mini_gan-s0", "not trained", ["metrics.json"]),
    ],
)
def test_a_run_lists_the_files_it_has(wide_root, run, status, files):
    row = next(row for row in run_rows(load_study("mini", wide_root)) if row["run"] == run)
    assert (row["status"], row["files"]) == (status, files)
    folder = wide_root / "results" / "mini" / "runs" / run
    assert sorted(files) == sorted(path.name for path in folder.iterdir())


def test_a_run_tells_the_identity_that_its_id_on_wandb_ends_with(wide_root):
    study = load_study("mini", wide_root)
    run = "sr_x4-edsr-l1-s0"
    study.provenance[run] = study.provenance[run].model_copy(update={"identity": "0123456789ab"})
    rows = {row["run"]: row for row in run_rows(study)}
    assert rows["sr_x4-edsr-l1-s0"]["identity"] == "0123456789ab"
    assert rows["sr_x4-edsr-l1_vgg-mini_gan-s0"]["identity"] == "—"  # not trained


def test_a_commit_is_shortened_and_changes_stay_told():
    assert short("d58a3e7f00d1+changes") == "d58a3e7+changes"
    assert short("0123abc") == "0123abc"
    assert short("—") == "—"


def test_costs_are_summed_up_by_loss_and_network(wide_root):
    study = load_study("mini", wide_root)
    losses, networks = cost_tables(study)
    table = {row[0].text: [cell.text for cell in row[1:]] for row in losses.rows}
    numbers = cost(study)
    ssim = numbers[numbers["loss"] == "ssim"]
    assert table["ssim"][0] == "3"
    assert float(table["ssim"][1]) == pytest.approx(ssim["seconds"].sum(), abs=0.05)
    low, high = map(float, table["ssim"][3].split(" to "))
    assert low <= float(table["ssim"][2]) <= high
    assert (low, high) == pytest.approx((ssim["relative_to_l1"].min(), ssim["relative_to_l1"].max()), abs=0.005)
    assert table["l1"][2:] == ["1.00", "1.00"]
    assert "l1_vgg" not in table  # it was not trained
    assert [row[0].text for row in networks.rows] == ["espcn", "vdsr", "edsr"]
    assert networks.rows[2][2].text == "41,000"
