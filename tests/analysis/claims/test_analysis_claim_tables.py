from sharploss.analysis.claims.summary import anomaly_rows, anomaly_table, claim_rows, claims_table, effects
from sharploss.analysis.tables.writers import markdown

MINUS = "\N{MINUS SIGN}"
COUNTS = {"total": 3, "for": 2, "equal": 0, "open": 1, "missing": 0, "against": 0}
EFFECT = {"change": -0.1234, "low": -0.2, "high": -0.05, "smallest": -0.3, "largest": 0.1, "contrasts": 3}
MORE = {"by": {}, "exceptions": [], "scope": "", "unqualified": 0}
SIDE = {"verdict": "undecided", "why": "1 of 3 cells.", "seeds": 1, "cells": COUNTS, "effects": {"psnr": EFFECT}} | MORE
SIDE["scope"] = "at 60 steps"
NOTHING = dict.fromkeys(COUNTS, 0)
PRINT = {"verdict": "not testable", "why": "A figure.", "seeds": None, "cells": NOTHING, "effects": {}} | MORE
CLAIMS = {
    "E1": {"paper": "P", "where": "Table 1", "statement": "It is so.", "note": "", "published": PRINT, "measured": SIDE}
}
ANOMALIES = {"D1": {"tables": ["t"], "statement": "Odd.", "reading": "So.", "evidence": {"a": 0.5}, "holds": True}}


def test_effects_tell_metric_size_and_interval():
    assert effects({"psnr": EFFECT}) == f"PSNR {MINUS}0.12 [{MINUS}0.20, {MINUS}0.05]"
    assert effects({"ssim": {"change": 0.01, "low": None, "high": None}}) == "SSIM +0.0100"
    assert effects({"psnr: a against b": EFFECT}).endswith("(a against b)")
    assert effects({}) == ""


def test_the_table_of_claims_has_a_row_per_claim_with_both_sides():
    table = claims_table(CLAIMS)
    (row,) = table.rows
    assert [cell.text for cell in row[:5]] == ["E1", "P", "It is so.", "not testable", "—"]
    assert [cell.text for cell in row[6:8]] == ["undecided (at 60 steps)", "2 of 3"]
    assert len(row) == len(table.columns)


def test_csv_rows_hold_every_count_and_the_reason():
    published, measured = claim_rows(CLAIMS)
    assert (published["side"], published["why"]) == ("published", "A figure.")
    assert (measured["for"], measured["open"], measured["total"]) == (2, 1, 3)
    assert (published["seeds"], measured["seeds"]) == ("", 1)


def test_anomalies_show_the_evidence_and_whether_it_is_there():
    (row,) = anomaly_rows(ANOMALIES)
    assert (row["evidence"], row["holds"]) == ("a: 0.5", "yes")
    assert "| D1 |" in markdown(anomaly_table(ANOMALIES))


def test_tables_of_sentences_align_no_column_as_numbers():
    assert markdown(claims_table(CLAIMS)).splitlines()[3].count("---:") == 0
