import pytest

from sharploss.analysis.load import load_study
from sharploss.analysis.report.provenance import duration, provenance, sources


@pytest.mark.parametrize(("seconds", "text"), [(4.21, "4.2 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")])
def test_durations_read_well(seconds, text):
    assert duration(seconds) == text


def test_the_facts_come_from_the_runs(study_root):
    facts = provenance(load_study("mini", study_root), "make repro", 411.0)
    assert facts["Command"] == "make repro"
    assert facts["Date"] == "2026-01-02 03:04"
    assert facts["Hardware"] == "an invented processor, 2 cores"
    assert facts["Runs"] == "34, of which 1 diverged"
    assert facts["Commit"] == "0123abc"
    assert "torch 2.13.0" in facts["Versions"]
    assert facts["From start to end"] == "6 min 51 s"


def test_data_that_was_used_is_listed_with_its_licence(study_root, sparse_root):
    full, sparse = ({s.name: s for s in sources(load_study("mini", root))} for root in (study_root, sparse_root))
    assert {"skimage_test", "set5", "niqe"} <= set(full)
    assert "set5" not in sparse
    assert "niqe" not in sparse
    assert any("Chelsea" in line and "CC0" in line for line in full["skimage_test"].files)
