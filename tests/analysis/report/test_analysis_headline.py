import json
import re
from dataclasses import replace

import pandas as pd
import pytest

from sharploss.analysis.measures import ALPHA, MINUS, TIMES
from sharploss.analysis.report import headline
from sharploss.analysis.report.headline import answers
from sharploss.analysis.stats.matched import matched
from sharploss.analysis.stats.smallest import BETTER, EQUAL, OPEN, WORSE, state
from sharploss.analysis.tables import matched_psnr


@pytest.fixture(scope="module")
def first(benchmark_answers):
    return benchmark_answers[0]


@pytest.fixture(scope="module")
def few(benchmark):
    """EDSR's scores on the largest test set, of SPLoss and the losses that are asked for here."""
    runs, scores = benchmark.runs, benchmark.scores
    losses = {"l1", "l2", "l1_gv", "l1_tv", *runs.loc[runs["alpha"].notna(), "loss"]}
    metrics = ["psnr", "lpips", "gradient_variance_ratio"]
    mine = (scores["network"].isin(["edsr", ""])) & (scores["dataset"] == "b100") & scores["metric"].isin(metrics)
    kept = replace(benchmark, scores=scores[mine & (scores["loss"].isin(losses) | (scores["network"] == ""))])
    return replace(kept, runs=runs[(runs["network"] == "edsr") & runs["loss"].isin(losses)], datasets=["b100"])


def sentence(answer, title):
    return next(line for line in answer.losses if line.startswith(f"{title} "))


def test_the_first_run_is_preliminary_and_says_what_it_is_about(first):
    assert first.scope == (
        "Preliminary, with 1 seed: 5,000 steps of EDSR for super-resolution " + TIMES + "4, trained on "
        "BSDS500's training part and BSDS500's test part, tested on B100 (100 images). "
        "This says nothing about longer trainings."
    )


def test_every_loss_has_one_sentence_with_the_numbers_of_the_committed_scores(repository, benchmark, first):
    """L1 + GV recomputed in plain pandas: PSNR against L1. Its LPIPS: tests/analysis/stats/test_analysis_matched.py."""
    table = pd.read_csv(repository / "results/benchmark/scores/sr_x4-edsr.csv")
    psnr = table[(table["dataset"] == "b100") & (table["metric"] == "psnr") & (table["protocol"] == "y")]
    names = [name.split("-")[2] for name in table.columns[4:]]
    for loss in names:
        change = (psnr[f"sr_x4-edsr-{loss}-h100-s0"] - psnr["sr_x4-edsr-l1-h100-s0"]).mean()
        lines = [
            line for line in first.losses if re.match(rf"{re.escape(benchmark.titles[loss])} (is|cannot|costs)", line)
        ]
        assert len(lines) == (loss not in ("l1", "sploss_a0"))
        assert all(f"PSNR {change:+.2f}".replace("-", MINUS) in line for line in lines)


def test_sploss_is_beside_l1_and_others_beside_what_it_reaches_at_their_psnr(first):
    assert f" is closer to the target than L1 by LPIPS, {MINUS}0.0252 [" in sentence(first, f"SPLoss ({ALPHA} 2)")
    beside = f"is further from the target than SPLoss at its PSNR ({ALPHA} 3) by LPIPS, +0.0299 ["
    assert beside in sentence(first, "L1 + GV")
    assert sentence(first, "SSIM").endswith(": no number at matched PSNR.")
    assert f"costs more PSNR than {ALPHA} 10" in sentence(first, "SSIM")


def test_a_loss_that_contains_the_metric_is_marked_and_so_is_one_chosen_by_it(few, first):
    assert "]*" in sentence(first, "L1 + GV").split("gradient-variance ratio")[1]
    assert "*" not in sentence(first, "L1 + TV")
    assert matched_psnr.MARKED in first.losses
    suites = few.params.suites
    suites = {**suites, "winners": suites["first_run"].model_copy(update={"losses": ["l1", "l1_tv"]})}
    chosen = replace(few, params=few.params.model_copy(update={"suites": suites}))
    assert "LPIPS, +0.03" in sentence(first, "L1 + TV")
    assert "]* (gradient" in sentence(answers(chosen)[0], "L1 + TV")


def test_what_a_step_costs_is_told_where_it_was_measured(few, first):
    assert "What a step costs in time and memory is not known of any of them." in first.losses
    runs = few.runs
    speed = runs["loss"].map({"l1": 100.0, "l1_gv": 50.0}).fillna(0.0)
    memory = runs["loss"].map({"l1": 2.0, "l1_gv": 3.0}).fillna(0.0)
    timed = answers(replace(few, runs=runs.assign(steps_per_second=speed, memory=memory)))[0]
    assert sentence(timed, "L1 + GV").endswith(f" A step takes 2.00 {TIMES} the time, 1.50 {TIMES} the memory of L1's.")
    assert "A step takes" not in sentence(timed, "L1 + TV")
    assert timed.losses[-1].endswith("is not known of the losses without a word on it.")


def row(difference, low, high, metric="lpips"):
    return {"metric": metric, "difference": difference, "low": low, "high": high, "smallest": 0.003}


@pytest.mark.parametrize(
    ("effect", "word"),
    [
        ((-0.02, -0.03, -0.01), BETTER),
        ((0.02, 0.01, 0.03), WORSE),
        ((0.001, 0.0005, 0.0015), EQUAL),  # surely not zero, and too small to count
        ((0.002, -0.004, 0.008), OPEN),
        ((0.002, 0.0005, 0.0035), OPEN),
        ((float("nan"),) * 3, OPEN),
    ],
)
def test_an_effect_is_one_where_it_is_sure_and_large_enough(effect, word):
    assert state("lpips", row(*effect), 0.4) == word


BUDGETS = {"s1k": 1_000, "s5k": 5_000, "s20k": 20_000, "s80k": 80_000}


def at_budgets(study, changes):
    """The first run as if trained with these recipes; SPLoss's PSNR lies by so many dB beside L1's."""
    scores, runs = [], []
    for recipe, change in changes.items():
        mine = study.scores[study.scores["network"] == "edsr"].assign(recipe=recipe)
        l1 = mine.loc[mine["loss"] == "l1"].set_index(["dataset", "image", "metric", "protocol"])["value"]
        at = (mine["loss"] == "sploss") & (mine["metric"] == "psnr")
        index = mine.loc[at].set_index(["dataset", "image", "metric", "protocol"]).index
        mine.loc[at, "value"] = l1[index].to_numpy() + change
        scores.append(mine)
        runs.append(study.runs[study.runs["network"] == "edsr"].assign(recipe=recipe))
    inputs = study.scores[study.scores["network"] == ""]
    return replace(study, scores=pd.concat([*scores, inputs]), runs=pd.concat(runs))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"s5k": 0.1},
            "no PSNR after 20,000 and 80,000 steps is open: that is not trained yet. Its paper claims a cost (E4).",
        ),
        ({"s1k": 0.1, "s5k": -0.1}, "costs PSNR after 5,000 steps and not after 1,000 steps: claim E4 depends on the"),
        ({"s1k": 0.1, "s5k": -0.1}, "That it costs nothing is an artefact of short trainings."),
        ({"s5k": -0.1, "s20k": -0.2}, "costs PSNR at the budgets trained (5,000 and 20,000 steps)."),
        ({"s5k": 0.1, "s80k": 0.1}, "costs no PSNR at the budgets trained (5,000 and 80,000 steps)."),
    ],
)
def test_what_would_change_the_answer_is_the_budget(few, changes, said):
    answer = answers(at_budgets(few, changes))[0]
    assert f"{max(BUDGETS[name] for name in changes):,} steps of EDSR" in answer.scope
    assert said in answer.budget[-1]
    followed = next(line for line in answer.budget if line.startswith(f"PSNR of SPLoss ({ALPHA} 2) against L1"))
    missing = [f"{steps:,}" for name, steps in BUDGETS.items() if name not in changes]
    assert all(steps in followed.split("not trained yet")[1] for steps in missing)


def test_newer_trainings_of_as_many_steps_take_the_place_of_the_first_run(few):
    both = at_budgets(few, {"s5k": -0.2, "h100": 0.1})
    (followed,) = {
        line for answer in answers(both) for line in answer.budget if line.startswith(f"PSNR of SPLoss ({ALPHA} 2) ")
    }
    assert f"{MINUS}0.20" in followed
    assert "+0.10" not in followed


def test_the_table_has_the_same_numbers_on_every_test_set(benchmark):
    tables = [table for table in matched_psnr.lay_out(benchmark) if "EDSR for super" in table.caption]
    assert [next(name for name in ("Set5", "Set14", "B100") if name in table.caption) for table in tables] == [
        "Set5", "Set14", "B100",
    ]  # fmt: skip
    found = matched(benchmark).query("network == 'edsr' and dataset == 'b100' and metric == 'lpips' and loss == 'l2'")
    line = next(row for row in tables[2].rows if row[0].text == "L2")
    assert line[1].text.startswith(f"{ALPHA} {found['alpha'].iloc[0]:.2g}")
    assert line[3].text.startswith(f"{found['difference'].iloc[0]:+.4f} [")


def test_without_sploss_or_a_score_of_how_it_looks_there_is_no_answer(study):
    assert answers(study)
    blind = replace(study, scores=study.scores[study.scores["metric"] == "psnr"])
    assert answers(blind) == []
    bare = replace(study, runs=study.runs[study.runs["alpha"].isna()])
    assert answers(bare) == []


def test_one_seed_is_said_plainly(study):
    text = headline.caveat(study)
    assert "1 seed and 140 to 300 training steps a run" in text
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


def test_the_control_is_passed_failed_or_absent(benchmark):
    frame = pd.DataFrame({"recipe": "s5k", "scores": [4, 5], "largest_difference": [0.0, 0.0]})
    exact = benchmark.params.recipes["s5k"].model_copy(update={"mode": "exact"})
    study = replace(benchmark, params=benchmark.params.model_copy(update={"recipes": {"s5k": exact}}))
    assert headline.control(study, frame) == "Passed: all 9 scores are identical, to the last bit."
    differs = frame.assign(largest_difference=[0.0, 0.5], metric="lpips", mean_difference=[0.0, -0.0004])
    assert headline.control(study, differs).startswith("Failed: of 9 scores some differ, by up to 0.5")
    assert "no run with alpha 0" in headline.control(study, frame[:0])
    assert "fast mode" in (told := headline.control(benchmark, differs.assign(recipe="h100")))
    assert "by at most LPIPS 0.0004, as" in told


def test_the_numbers_for_dvc_are_few_and_those_of_the_repository(benchmark, repository):
    found = headline.numbers(benchmark)
    assert found == json.loads((repository / "results/benchmark/headline.json").read_text())
    names = [f"{name}.{part}" for name, value in found.items() for part in (value if isinstance(value, dict) else [0])]
    assert len(names) <= 20
    assert {"psnr.sploss", "lpips.l1"} <= set(names)
