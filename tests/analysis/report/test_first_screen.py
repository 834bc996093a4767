from dataclasses import replace

import pytest

from sharploss.analysis.measures import ALPHA
from sharploss.analysis.report.first_screen import first_screen, other_losses
from sharploss.utils.files import read_json


def other(change, place="within", least=0.003):
    row = {"metric": "lpips", "low": change - 0.001, "high": change + 0.001, "smallest": least, "place": place}
    return row | {"difference": change, "value": 0.4 + change, "reached": 0.4, "loss": "l2"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], ""),
        ([other(0.02)], "Of 1 other loss, 1 is further from the target than SPLoss at equal PSNR."),
        (
            [other(0.02), other(0.03), other(-0.02), other(0.0), other(0.0025), other(float("nan"), "below")],
            "Of 6 other losses, 2 are further from the target than SPLoss at equal PSNR, 1 (L2) is closer to the "
            "target than SPLoss at equal PSNR, 1 is no different from SPLoss at equal PSNR, 1 cannot be told from "
            f"SPLoss at equal PSNR and 1 (L2) costs more PSNR than any {ALPHA} and is further from the target than L1.",
        ),
        (
            [other(float("nan"), "above"), other(float("nan"), "above")],
            f"Of 2 other losses, 2 (L2 and L2) keep more PSNR than any {ALPHA}.",
        ),
    ],
)
def test_other_losses_are_counted_by_how_they_do_at_equal_psnr(rows, said):
    assert other_losses(rows, {"l2": "L2"}, {"l2"}) == said


def test_the_committed_answer_has_effect_cost_and_standing_and_pictures_that_are_here(benchmark, repository):
    first = read_json(benchmark.paths.answer)["first"]
    assert first["caution"] == ""
    effect, elsewhere, cost, standing = first["sentences"]
    assert elsewhere.startswith("On ESPCN, a smaller network, ")
    assert "; L1 + GV (" in elsewhere
    assert "not known on EDSR" in cost
    assert all(f"{name} " in effect for name in ("LPIPS", "PSNR"))
    assert effect.count("[") >= 2
    assert "time" in cost
    assert "steps" in standing
    assert 4 <= len(first["tiles"]) <= 7
    assert [first["tiles"][0]["title"], first["tiles"][1]["title"], first["tiles"][-1]["title"]] == [
        "Bicubic",
        "L1",
        "Target",
    ]
    assert all((repository / tile["address"]).is_file() for tile in first["tiles"])
    assert ["restored by EDSR" in tile["alt"] for tile in first["tiles"]] == [False, *[True] * 4, False]
    absent = first["crop"].split("Not trained on this: ")[1]
    assert all(name in absent for name in ("MDF", "SharpGAN"))


def test_short_trainings_are_no_evidence(study):
    first = first_screen(study)
    assert first["caution"].startswith("No evidence: trainings of 200 steps")
    assert len(first["sentences"]) == 4


def test_short_trainings_are_no_evidence_where_there_is_no_answer_either(study):
    blind = replace(study, scores=study.scores[study.scores["metric"] == "psnr"])
    first = first_screen(blind)
    assert "there is no answer" in first["sentences"][0]
    assert first["caution"].startswith("No evidence: trainings of up to 300 steps")
