"""`plan --winners`: who wins on the tuning set, and what is written into the study."""

import importlib.util
import math
import sys

import pytest
import yaml

from sharploss.analysis.winners import Trial, blocks, choose, written
from sharploss.config.params import Params, load_params
from sharploss.planning.plan import expand
from sharploss.record.paths import paths
from sharploss.record.scores import Notes, load_scores, save_scores
from sharploss.utils.errors import UserError

RATES = ("s5k_lr1e4", "s5k", "s5k_lr6e4", "s5k_lr1e3")
# LPIPS and PSNR on LIVE1 of trials, beside L1's 0.40 and 27 dB; every other trial is L1's twin.
SCORES = {
    ("l1_gv_w0_1", "s5k"): (0.38, 26.95),
    ("l1_gv_w0_3", "s5k"): (0.30, 26.89),  # less LPIPS, and 0.11 dB of PSNR
    ("sploss_a4", "s5k"): (0.35, 26.91),
    ("l1_second_order", "s5k"): (0.41, 26.8),
    ("l1_second_order_w0_3", "s5k"): (0.41, 26.8),
    ("l1_second_order_w1", "s5k"): (0.41, 26.8),
    ("l1_second_order_w3", "s5k"): (0.41, 26.8),
    ("ssim", "s5k_lr6e4"): (0.39, 27.0),
}


@pytest.fixture
def params(repository):
    return load_params(repository / "studies/benchmark.yaml")


def measure(root, params, scores, seeds=(0,), leave_out=()):
    """Write scores of every trial on LIVE1, and on a test set that says the opposite."""
    rows = []
    for key, run in expand(params)["runs"].items():
        if run["group"] == "sr_x4-edsr" and run["recipe"] in RATES and run["seed"] in seeds and key not in leave_out:
            lpips, psnr = scores.get((run["loss"], run["recipe"]), (0.40, 27.0))
            for image, more in (("bikes", -1), ("house", 1)):
                rows += [(key, "live1", image, "lpips", "alex_v0.1", lpips + 0.1 * more)]
                rows += [(key, "live1", image, "psnr", "y", psnr + more), (key, "live1", image, "psnr", "rgb", 0.0)]
                rows += [(key, "b100", image, "lpips", "alex_v0.1", 1 - lpips), (key, "b100", image, "psnr", "y", 9.0)]
    save_scores(paths("benchmark", root).scores("sr_x4-edsr"), rows, Notes())


def test_the_lowest_lpips_wins_at_a_tenth_of_a_decibel_at_most(tmp_path, params):
    measure(tmp_path, params, SCORES)
    won = {choice.family: choice.winner for choice in choose(params, paths("benchmark", tmp_path))}
    assert won["l1 + gv"] == Trial("l1_gv_w0_1", "s5k")
    assert won["sploss"] == Trial("sploss_a4", "s5k")
    assert won["l1 + second_order"] is None
    assert won["ssim"] == Trial("ssim", "s5k_lr6e4")
    assert won["l1"] == Trial("l1", "s5k")  # the first of equal ones
    assert len(won) == 11


def test_scores_of_other_seeds_and_of_test_sets_choose_nothing(tmp_path, params):
    measure(tmp_path, params, {**SCORES, ("l1_gv_w0_1", "s5k"): (0.38, 26.95)})
    first = choose(params, paths("benchmark", tmp_path))
    measure(tmp_path, params, SCORES, seeds=(0, 1, 2))
    assert choose(params, paths("benchmark", tmp_path)) == first


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_trials_are_compared_on_the_same_images(tmp_path, params, value):
    """An image that one trial restores exactly, or has no score of, counts for none."""
    measure(tmp_path, params, SCORES)
    files = paths("benchmark", tmp_path).scores("sr_x4-edsr")
    rows, key = load_scores(files).rows, "sr_x4-edsr-l1_gv-s5k-s0"
    spoilt = [(*row[:5], value if row[:5] == (key, "live1", "house", "psnr", "y") else row.value) for row in rows]
    save_scores(files, spoilt, Notes())
    (gv,) = [choice for choice in choose(params, paths("benchmark", tmp_path)) if choice.family == "l1 + gv"]
    assert gv.winner == Trial("l1_gv_w0_1", "s5k")
    assert gv.why.endswith("PSNR -0.05 dB against L1)")


def test_a_family_without_all_of_its_trials_has_no_winner_and_one_sentence_says_why(tmp_path, params):
    measure(tmp_path, params, SCORES, leave_out=["sr_x4-edsr-l1_gv-s5k-s0"])
    (gv,) = [choice for choice in choose(params, paths("benchmark", tmp_path)) if choice.family == "l1 + gv"]
    assert gv.winner is None
    assert gv.why == "1 of 4 trials lack LPIPS or PSNR on live1, as l1_gv with s5k"
    with pytest.raises(UserError, match=r"no family of losses has a winner yet \(of sploss, 4 of 4 trials lack LPIPS"):
        choose(params, paths("benchmark", tmp_path / "elsewhere"))


def test_a_study_without_tuning_says_so(tmp_path, repository):
    with pytest.raises(UserError, match="has no suites 'tuning' and 'core'"):
        choose(load_params(repository / "studies/mini.yaml"), paths("mini", tmp_path))


def test_winners_are_written_with_fresh_seeds_and_beside_core_and_all_else_stays(tmp_path, params, repository):
    measure(tmp_path, params, SCORES)
    text = (repository / "studies/benchmark.yaml").read_text()
    new = written(text, params, choose(params, paths("benchmark", tmp_path)))
    assert set(text.splitlines()) <= set(new.splitlines())  # comments too
    suites = list(yaml.safe_load(new)["suites"])
    assert suites[suites.index("tuning") + 1 : suites.index("other_losses")] == ["winners", "winners_lr6e4"]
    assert suites[suites.index("core") + 1 : suites.index("defaults")] == ["winners_s20k", "winners_s20k_lr6e4"]
    found = Params.model_validate(yaml.safe_load(new))
    assert found.suites["winners"].seeds == [1, 2]
    assert found.suites["winners"].losses[:2] == ["l1", "sploss_a4"]
    assert not {"ssim", "l1_second_order"} & {*found.suites["winners"].losses}
    assert found.suites["winners_s20k"].seeds == [0, 1, 2]
    assert found.suites["winners_s20k_lr6e4"].losses == ["l1", "ssim"]
    longer, base = found.recipes["s20k_lr6e4"], found.recipes["s20k"]
    assert longer == base.model_copy(update={"learning_rate": found.recipes["s5k_lr6e4"].learning_rate})


def test_writing_again_replaces_the_earlier_winners(tmp_path, params, repository):
    text = (repository / "studies/benchmark.yaml").read_text()
    measure(tmp_path, params, SCORES)
    once = written(text, params, choose(params, paths("benchmark", tmp_path)))
    again = Params.model_validate(yaml.safe_load(once))
    assert written(once, again, choose(again, paths("benchmark", tmp_path))) == once
    measure(tmp_path, params, {})
    other = written(once, again, choose(again, paths("benchmark", tmp_path)))
    assert "winners_lr6e4" not in other
    assert [*blocks(again, choose(again, paths("benchmark", tmp_path)))[1]] == []


@pytest.fixture
def plan(repository):
    spec = importlib.util.spec_from_file_location("plan_script", repository / "pipelines/plan.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["plan_script"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("current", [True, False])
def test_the_command_says_what_it_writes_and_a_dry_run_writes_nothing(
    tmp_path, params, repository, plan, current, capsys
):
    text = (repository / "studies/benchmark.yaml").read_text()
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies/benchmark.yaml").write_text(text)
    (tmp_path / "params.yaml").write_text(text if current else (repository / "studies/mini.yaml").read_text())
    before = (tmp_path / "params.yaml").read_text()
    measure(tmp_path, params, SCORES)
    plan.write_winners("benchmark", tmp_path, dry_run=True)
    said = capsys.readouterr().out
    assert "l1 + gv (sr_x4, edsr): l1_gv_w0_1 with s5k, of 4 trials (LPIPS 0.3800, PSNR -0.05 dB against L1)" in said
    assert "  winners_s20k:\n" in said
    assert (tmp_path / "studies/benchmark.yaml").read_text() == text
    plan.write_winners("benchmark", tmp_path)
    new = (tmp_path / "studies/benchmark.yaml").read_text()
    assert "  winners_s20k:\n" in new
    assert (tmp_path / "params.yaml").read_text() == (new if current else before)
