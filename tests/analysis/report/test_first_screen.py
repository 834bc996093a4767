import pytest

from sharploss.analysis.measures import ALPHA
from sharploss.analysis.report.first_screen import first_screen, other_losses
from sharploss.utils.files import read_json


def other(change, place="within", least=0.003):
    row = {"metric": "lpips", "low": change - 0.001, "high": change + 0.001, "smallest": least, "place": place}
    return row | {"difference": change, "value": 0.4 + change, "reached": 0.4}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], ""),
        ([other(0.02)], "Of 1 other loss beside SPLoss at equal PSNR, 1 is further away."),
        (
            [other(0.02), other(0.03), other(-0.02), other(0.0), other(0.0025), other(float("nan"), "below")],
            "Of 6 other losses beside SPLoss at equal PSNR, 2 are further away, 1 is closer, 1 is no different, "
            f"1 is undecided and 1 costs more PSNR than any {ALPHA}.",
        ),
        (
            [other(float("nan"), "above"), other(float("nan"), "above")],
            f"Of 2 other losses beside SPLoss at equal PSNR, 2 keep more PSNR than any {ALPHA}.",
        ),
    ],
)
def test_other_losses_are_counted_by_how_they_do_at_equal_psnr(rows, said):
    assert other_losses(rows) == said


def test_the_committed_answer_has_effect_cost_and_standing_and_pictures_that_are_here(benchmark, repository):
    first = read_json(benchmark.paths.answer)["first"]
    assert first["caution"] == ""
    effect, cost, standing = first["sentences"]
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


def test_short_trainings_are_no_evidence(study):
    first = first_screen(study)
    assert first["caution"].startswith("No evidence: trainings of 200 steps")
    assert len(first["sentences"]) == 3
