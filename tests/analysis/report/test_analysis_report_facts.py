from dataclasses import replace

import pytest
from stand_ins import with_protocols

from sharploss.analysis.load import load_study
from sharploss.analysis.report.facts import (
    cost_table,
    duration,
    failures,
    protocol_table,
    provenance,
    run_rows,
    short,
    sources,
)
from sharploss.analysis.tables.tables import cost


def test_one_picture_under_every_protocol(own_root):
    assert protocol_table(load_study("mini", own_root)) is None
    both = protocol_table(load_study("mini", with_protocols(own_root)))
    assert [cell.text for cell in both.rows[0]][:3] == ["Y", "26.84", "0.8417"]
    assert "BT.601" in both.rows[0][3].text
    assert len(both.rows) == 1


def test_runs_without_scores_are_grouped_by_reason(wide):
    found = failures(wide)
    reasons = list(found)
    assert [reason.split(" ")[0] for reason in reasons] == ["diverged", "not"]
    assert found[reasons[0]] == ["sr_x4-vdsr-l2_gv-s0"]
    assert found[reasons[1]] == [run for run in wide.runs["run"] if "vgg" in run]


@pytest.mark.parametrize(
    ("run", "status", "steps"),
    [
        ("sr_x4-edsr-l1-s0", "finished", "300"),
        ("sr_x4-vdsr-l2_gv-s0", "diverged", "140"),
        ("sr_x4-edsr-l1_vgg-mini_gan-s0", "not trained", "—"),
    ],
)
def test_every_run_is_listed_with_its_status(wide, run, status, steps):
    rows = {row["run"]: row for row in run_rows(wide)}
    assert list(rows) == list(wide.runs["run"])
    assert (rows[run]["status"], rows[run]["steps"]) == (status, steps)


def test_a_run_tells_the_identity_that_its_id_on_wandb_ends_with(wide):
    run = "sr_x4-edsr-l1-s0"
    told = wide.provenance[run].model_copy(update={"identity": "0123456789ab"})
    study = replace(wide, provenance=wide.provenance | {run: told})
    rows = {row["run"]: row for row in run_rows(study)}
    assert rows["sr_x4-edsr-l1-s0"]["identity"] == "0123456789ab"
    assert rows["sr_x4-edsr-l1_vgg-mini_gan-s0"]["identity"] == "—"  # not trained


def test_a_commit_is_shortened_and_changes_stay_told():
    assert short("d58a3e7f00d1+changes") == "d58a3e7+changes"
    assert short("0123abc") == "0123abc"
    assert short("—") == "—"


def test_costs_are_summed_up_by_loss(wide):
    study = wide
    table = {row[0].text: [cell.text for cell in row[1:]] for row in cost_table(study).rows}
    numbers = cost(study)
    ssim = numbers[numbers["loss"] == "ssim"]
    assert table["SSIM"][0] == "3"
    assert float(table["SSIM"][1]) == pytest.approx(ssim["seconds"].sum(), abs=0.05)
    low, high = map(float, table["SSIM"][3].split(" to "))
    assert low <= float(table["SSIM"][2]) <= high
    assert (low, high) == pytest.approx((ssim["relative_to_l1"].min(), ssim["relative_to_l1"].max()), abs=0.005)
    assert table["L1"][2:] == ["1.00", "1.00"]
    assert "L1 + VGG" not in table  # it was not trained


def test_a_speed_that_was_not_measured_is_said_and_empty_in_the_numbers(benchmark):
    numbers = cost(benchmark)
    assert numbers.loc[numbers["network"] == "espcn", ["steps_per_second", "ms_per_step"]].isna().all(axis=None)
    table = {row[0].text: [cell.text for cell in row[1:]] for row in cost_table(benchmark).rows}
    assert table["L1 + GV"][2:] == ["not measured", "—"]


@pytest.mark.parametrize(("seconds", "text"), [(4.21, "4.2 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")])
def test_durations_read_well(seconds, text):
    assert duration(seconds) == text


def test_the_facts_come_from_the_runs(study):
    facts = provenance(study, "make repro")
    assert facts["Command"] == "make repro"
    assert facts["Date"] == "2026-01-02 03:04"
    assert facts["Hardware"] == "an invented processor, 2 cores"
    assert facts["Runs"] == "33 finished, 1 diverged"
    assert facts["Commit"] == "0123abc"
    assert "torch 2.13.0" in facts["Versions"]


def test_data_that_was_used_is_listed_with_its_licence(study, sparse_root):
    full, sparse = (sources(one) for one in (study, load_study("mini", sparse_root)))
    named, fewer = ({row[0].text for row in table.rows} for table in (full, sparse))
    assert {"skimage_test", "set5", "niqe"} <= named
    assert not {"set5", "niqe"} & fewer
    assert any("Chelsea" in line and "CC0" in line for line in full.notes)
