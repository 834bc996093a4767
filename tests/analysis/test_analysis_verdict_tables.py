from sharploss.analysis.verdict_tables import anomaly_rows, anomaly_table, effects, ledger, verdict_rows
from sharploss.analysis.writers import latex, markdown

MINUS = "\N{MINUS SIGN}"
COUNTS = {"total": 3, "for": 2, "tie": 0, "open": 1, "missing": 0, "against": 0}
EFFECT = {"change": -0.1234, "low": -0.2, "high": -0.05}
SIDE = {"verdict": "undecided", "why": "1 of 3 cells.", "cells": COUNTS, "effects": {"psnr": EFFECT}}
PRINT = {"verdict": "not testable", "why": "A figure.", "cells": dict.fromkeys(COUNTS, 0), "effects": {}}
CLAIMS = {
    "E1": {"paper": "P", "where": "Table 1", "statement": "It is so.", "note": "", "printed": PRINT, "ours": SIDE}
}
ANOMALIES = {"D1": {"tables": ["t"], "statement": "Odd.", "reading": "So.", "evidence": {"a": 0.5}, "holds": True}}


def test_effects_tell_metric_size_and_interval():
    assert effects({"psnr": EFFECT}) == f"PSNR {MINUS}0.12 [{MINUS}0.20, {MINUS}0.05]"
    assert effects({"ssim": {"change": 0.01, "low": None, "high": None}}) == "SSIM +0.0100"
    assert effects({"psnr: a against b": EFFECT}).endswith("(a against b)")
    assert effects({}) == ""


def test_the_ledger_has_a_row_per_claim_with_both_sides():
    table = ledger(CLAIMS, 1)
    (row,) = table.rows
    assert [cell.text for cell in row[:5]] == ["E1", "P", "It is so.", "not testable", "—"]
    assert [cell.text for cell in row[6:8]] == ["undecided", "2/3"]
    assert len(row) == len(table.columns)


def test_csv_rows_hold_every_count_and_the_reason():
    printed, ours = verdict_rows(CLAIMS)
    assert (printed["side"], printed["why"]) == ("printed", "A figure.")
    assert (ours["for"], ours["open"], ours["total"]) == (2, 1, 3)


def test_anomalies_show_the_evidence_and_whether_it_is_there():
    (row,) = anomaly_rows(ANOMALIES)
    assert (row["evidence"], row["holds"]) == ("a: 0.5", "yes")
    assert "| D1 |" in markdown(anomaly_table(ANOMALIES))


def test_tables_of_sentences_wrap_and_break_across_pages():
    text = latex(ledger(CLAIMS, 1))
    assert text.count(r"\begin{longtable}") == text.count(r"\end{longtable}") == 1
    assert r"\toprule" in text
    assert text.count(r"p{0.") == 9
    assert markdown(ledger(CLAIMS, 1)).splitlines()[3].count("---:") == 0


def test_one_seed_is_said_plainly():
    assert any(note.startswith("One seed") for note in ledger(CLAIMS, 1).notes)
    assert not any(note.startswith("One seed") for note in ledger(CLAIMS, 3).notes)
