from dataclasses import replace

import pandas as pd
import pytest

from sharploss.analysis.report import headline
from sharploss.analysis.report.headline import Answer
from sharploss.analysis.tables import tables


def answer(network, loss, psnr=-0.1, cheap=None):
    return Answer("t", network, loss, "", "", psnr, "", cheap or loss, "")


def test_the_answer_is_the_loss_closest_to_the_target_and_what_it_costs(study):
    found = headline.answers(study, study.compared)
    table = tables.pairings(study).query("dataset == 'skimage_test' and loss != 'bicubic'")
    for one in found:
        part = table[table["network"] == one.network].set_index("loss")
        assert one.loss == (part["gradient_variance_ratio_grey"] - 1).abs().idxmin()
        change = part.loc[one.loss, "psnr_y"] - part.loc["l1", "psnr_y"]
        assert abs(one.psnr - change) < 1e-9
        assert f"{change:.2f}".lstrip("-") in one.price


def test_the_cheap_answer_gives_up_a_tenth_of_a_decibel_at_most(study):
    table = tables.pairings(study).query("dataset == 'skimage_test' and loss != 'bicubic'")
    for one in headline.answers(study, study.compared):
        part = table[table["network"] == one.network].set_index("loss")
        allowed = part[part["psnr_y"] >= part.loc["l1", "psnr_y"] - headline.CHEAP]
        assert one.cheap == (allowed["gradient_variance_ratio_grey"] - 1).abs().idxmin()


def test_a_loss_without_a_rival_wins_nothing(study):
    alone = study.scores[~((study.scores["network"] == "edsr") & (study.scores["loss"] != "l1"))]
    found = headline.answers(replace(study, scores=alone), study.compared)
    assert found
    assert all(one.network != "edsr" for one in found)


def test_the_sweep_does_not_compete(study):
    assert all("sploss_a" not in one.loss for one in headline.answers(study, study.compared))


def test_the_winners_are_counted_with_what_they_did_to_psnr_and_the_cheap_ones():
    text = headline.lead([answer("a", "gv"), answer("b", "gv", -0.2), answer("c", "ssim", cheap="l1")])
    assert text == (
        "Closest to the target's sharpness, in 3 comparisons (task, network, recipe), came gv in 2, ssim in 1; against "
        "the baseline that changed PSNR by \N{MINUS SIGN}0.20 to \N{MINUS SIGN}0.10 dB. Among the losses that give up "
        "at most 0.1 dB of PSNR it was gv in 2, l1 in 1."
    )


def test_of_many_winners_the_rare_ones_are_counted_together():
    losses = ["gv"] * 3 + ["sploss"] * 2 + ["a", "b", "c", "d", "e"]
    text = headline.lead([answer(f"n{n}", loss, cheap="l1") for n, loss in enumerate(losses)])
    assert (
        "in 10 comparisons (task, network, recipe), came gv in 3, sploss in 2, a in 1, b in 1, c in 1, another" in text
    )
    assert text.endswith("it was l1 in 10.")


@pytest.mark.parametrize("changes", [[0.0], [float("nan")], [0.0, float("nan")]])
def test_a_baseline_that_wins_or_is_missing_changes_nothing(changes):
    text = headline.lead([answer("a", "l1", change) for change in changes])
    assert "changed PSNR" not in text


def test_without_a_score_of_sharpness_there_is_no_answer(study):
    blind = replace(study, scores=study.scores[study.scores["metric"] == "psnr"])
    assert headline.answers(blind, blind.compared) == []
    assert (
        headline.lead([]) == "No two losses of one task, network and recipe have a score that tells how sharp they are."
    )


def test_a_loss_without_a_number_wins_nothing(study):
    hole = (study.scores["loss"] == "ssim") & (study.scores["metric"] == "gradient_variance_ratio")
    found = replace(study, scores=study.scores.assign(value=study.scores["value"].mask(hole)))
    assert all(one.loss != "ssim" for one in headline.answers(found, found.compared))
    none = replace(study, scores=study.scores.assign(value=float("nan")))
    assert headline.answers(none, none.compared) == []


def test_one_seed_is_said_plainly(study):
    text = headline.caveat(study)
    assert "4 test images, 1 seed and 140 to 300 training steps a run" in text
    assert "unknown" in text


def test_one_seed_of_some_suites_is_said_where_others_have_more(wide):
    study = wide
    assert "2 seeds and 140 to 300 training steps a run" in headline.caveat(study)
    assert "unknown" not in headline.caveat(study)
    some = (study.runs["seed"] == 0) | (study.runs["network"] == "edsr")
    text = headline.caveat(replace(study, runs=study.runs[some]))
    assert "1 to 2 seeds and 140 to 300 training steps a run" in text
    assert "unknown" in text


def test_the_caveat_names_the_shortest_and_the_longest_training(study):
    steps = [0, 60, *[300] * (len(study.runs) - 2)]  # a run that was not trained has none
    assert "60 to 300 training steps a run" in headline.caveat(replace(study, runs=study.runs.assign(step=steps)))


def test_the_control_is_passed_failed_or_absent():
    frame = pd.DataFrame({"scores": [4, 5], "largest_difference": [0.0, 0.0]})
    assert headline.control(frame) == "Passed: all 9 scores are identical, to the last bit."
    assert headline.control(frame.assign(largest_difference=[0.0, 0.5])).startswith(
        "Failed: of 9 scores some differ, by up to 0.5"
    )
    assert "no run with alpha 0" in headline.control(frame[:0])


def test_a_gain_within_the_spread_is_not_called_a_gain(study):
    compared = study.compared.assign(low=-9.0, high=9.0)
    assert all(
        "sharpness within the spread" in one.sure or one.loss == "l1" for one in headline.answers(study, compared)
    )
