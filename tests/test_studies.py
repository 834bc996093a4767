"""The studies: they expand, their networks and losses can be built, and the benchmark holds what it is to answer."""

import re
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from sharploss.analysis.claims.contrasts import CellKey, Source, contrasts
from sharploss.analysis.claims.spec import AllOf, NotTestable, load_claims
from sharploss.analysis.tables.best_weight import families
from sharploss.config.params import load_params
from sharploss.config.protocols import METRIC_INFO, protocols_of
from sharploss.losses import build_loss, min_patch, required_assets
from sharploss.planning.check_runs import check_study
from sharploss.planning.plan import expand

# Not the fixture `repository`: what is tested is named before fixtures exist.
ROOT = Path(__file__).resolve().parent.parent
STUDIES = sorted(path.stem for path in (ROOT / "studies").glob("*.yaml"))

FIRST_PART = {  # suite -> runs that it adds
    "alpha": 18,
    "sharpgan_blocks": 9,
    "sharpgan_content": 3,
    "gv_espcn": 6,
    "gv_edsr": 5,
    "tuning": 11,
    "other_losses": 3,
    "rrdbnet": 2,
    "first_1k": 2,
    "first_20k": 2,
}
CLAIMS = load_claims(ROOT)
OF_THE_PAPERS = {  # written out: a network or loss of your own needs no place in the benchmark
    "networks": {
        "dncnn", "edsr", "espcn", "mprnet", "nlsn", "nonbn_resg", "resg",
        "rrdbnet", "srresnet", "stackedg", "vdsr",
    },
    "terms": {
        "l1", "l2", "charbonnier", "ssim", "tv", "gan", "lsgan", "ragan", "ms_ssim", "edge", "vgg", "texture", "lpips",
    }.union(*(paper.terms for paper in CLAIMS.papers.values())),
}  # fmt: skip
FIRST_RUN = ["first_run", "first_run_espcn", "first_run_sharpgan"]


@cache
def params_of(study):
    return load_params(ROOT / "studies" / f"{study}.yaml")


@cache
def plan_of(study):
    return expand(params_of(study))


def steps_of(params, run):
    return params.recipes[run["recipe"]].steps


def test_these_are_the_studies():
    assert STUDIES == ["benchmark", "mini", "paper"]
    assert all(params_of(study).study == study for study in STUDIES)


@pytest.mark.parametrize("study", STUDIES)
def test_every_run_can_be_made(study):
    """Networks on the meta device, at the papers' sizes; parameters of losses; sizes of patches and discriminators."""
    check_study(params_of(study), plan_of(study)["runs"].values())


@pytest.mark.parametrize("study", STUDIES)
def test_losses_without_weights_of_their_own_are_built(study):
    output, target = torch.rand(2, 1, 3, 96, 96)
    built = 0
    for loss in params_of(study).losses.values():
        if not required_assets(loss) and not loss.adversarial and "mdf" not in loss.terms:
            assert torch.isfinite(build_loss(loss)(output, target))
            built += 1
    assert built >= 15


def test_the_papers_networks_have_the_papers_sizes():
    """Which are the classes' defaults: tests/networks counts their parameters."""
    assert not any(network.parameters for network in params_of("paper").networks.values())


def test_every_network_of_the_papers_is_planned_with_every_loss_that_its_patches_allow():
    params, planned, sizes = params_of("paper"), {}, {}
    for run in plan_of("paper")["runs"].values():
        planned.setdefault(run["network"], set()).add(run["loss"])
        size = params.recipes[run["recipe"]].patch * params.tasks[run["task"]].scale
        sizes[run["network"]] = max(size, sizes.get(run["network"], 0))
    every = set(params.suites["sploss_edsr"].losses)
    assert len(every) == 22
    assert planned.keys() == params.networks.keys()
    for network, losses in planned.items():
        names = {"ms_ssim" if name == "ms_ssim_3" else name for name in losses}
        for name in every - names:
            smaller = "ms_ssim_3" if name == "ms_ssim" else name
            assert min_patch(params.losses[smaller]) > sizes[network], f"{network} lacks {name}"


# The benchmark.


@pytest.fixture
def benchmark_params():
    return params_of("benchmark")


@pytest.fixture
def benchmark_runs():
    return plan_of("benchmark")["runs"]


def test_the_most_important_runs_come_first_and_the_first_run_last(benchmark_params, benchmark_runs):
    suites = list(benchmark_params.suites)
    assert suites[: len(FIRST_PART)] == list(FIRST_PART)
    assert suites[-3:] == FIRST_RUN
    first = [next(iter(run["suites"])) for run in benchmark_runs.values() if run["suites"]]
    assert [suites.index(suite) for suite in first] == sorted(suites.index(suite) for suite in first)
    added = Counter(first)
    assert {suite: added[suite] for suite in FIRST_PART} == FIRST_PART


def test_what_a_lease_of_thirty_minutes_has_to_train(benchmark_params, benchmark_runs):
    part = [run for run in benchmark_runs.values() if not set(run["suites"]).isdisjoint(FIRST_PART)]
    assert len(part) == 61
    assert sum(steps_of(benchmark_params, run) for run in part) == 57 * 5_000 + 2 * 1_000 + 2 * 20_000


def test_a_recipe_is_named_after_its_steps(benchmark_params):
    for name, recipe in benchmark_params.recipes.items():
        named = re.match(r"s(\d+)k(?:_|$)", name)
        assert recipe.steps == (1000 * int(named[1]) if named else 5000)
        assert named or name in {"h100", "h100_espcn", "h100_same_size"}


def test_budgets_differ_in_length_alone(benchmark_params):
    length = {"steps", "warmup", "log_every", "validate_every", "checkpoint_every"}
    first, *others = (benchmark_params.recipes[f"s{steps}k"] for steps in (1, 5, 20, 80))
    for recipe in others:
        assert recipe.model_dump(exclude=length) == first.model_dump(exclude=length)
        assert recipe.warmup / recipe.steps == first.warmup / first.steps


def test_every_result_is_of_the_same_training_images(benchmark_params):
    for task in benchmark_params.tasks.values():
        assert task.train == ["bsds500_train", "bsds500_test"]


def test_the_first_run_is_as_it_was(benchmark_params, benchmark_runs):
    runs = [run for run in benchmark_runs.values() if not set(run["suites"]).isdisjoint(FIRST_RUN)]
    assert Counter(run["network"] for run in runs) == {
        "edsr": 22, "espcn": 22, "stackedg": 3, "resg": 3, "nonbn_resg": 3
    }  # fmt: skip
    assert {run["seed"] for run in runs} == {0}
    assert all(set(run["suites"]) <= set(FIRST_RUN) for run in runs)  # no other suite has its keys
    assert benchmark_params.tasks["sr_x4"].test == ["set5", "set14", "b100"]
    assert benchmark_params.tasks["sharpen"].test == ["set14", "b100"]
    recipe = benchmark_params.recipes["h100"]
    assert benchmark_params.recipes["h100_espcn"] == recipe.model_copy(update={"mode": "exact"})
    assert benchmark_params.recipes["h100_same_size"] == recipe.model_copy(update={"patch": 64})


def test_every_network_and_every_term_of_the_papers_is_in_it(benchmark_params, benchmark_runs):
    networks = {benchmark_params.networks[run["network"]].network for run in benchmark_runs.values()}
    assert networks >= OF_THE_PAPERS["networks"]
    losses = {run["loss"] for run in benchmark_runs.values()}
    assert losses == benchmark_params.losses.keys()
    assert {term for loss in losses for term in benchmark_params.losses[loss].terms} >= OF_THE_PAPERS["terms"]


def test_every_family_has_four_trials(benchmark_params):
    for suite in ("tuning", "tuning_features"):
        losses = {name: benchmark_params.losses[name] for name in benchmark_params.suites[suite].losses}
        trials = {family.name: len(family.variants) for family in families(losses)}
        references = {"l1", "l2"} & trials.keys()
        assert trials == {name: 1 if name in references else 4 for name in trials}
    rates = {
        benchmark_params.recipes[suite.recipe].learning_rate
        for suite in benchmark_params.suites.values()
        if suite.recipe.startswith("s5k_lr")
    }
    assert rates | {benchmark_params.recipes["s5k"].learning_rate} == {1e-4, 3e-4, 6e-4, 1e-3}


def test_weights_are_chosen_by_images_that_nothing_is_tested_on(benchmark_params):
    tuned = {run["task"] for run in plan_of("benchmark")["runs"].values() if set(run["suites"]) & {"tuning"}}
    assert {name for name, task in benchmark_params.tasks.items() if task.tune} == tuned
    for task in benchmark_params.tasks.values():
        assert "live1" not in task.test


@cache
def planned_cells():
    """Every cell that the benchmark plans, and its input baselines, without values."""
    params, metrics = params_of("benchmark"), [*METRIC_INFO]
    runs = [(run["recipe"], run["task"], run["network"], run["loss"]) for run in plan_of("benchmark")["runs"].values()]
    inputs = [("", name, "", "bicubic" if task.scale > 1 else "input") for name, task in params.tasks.items()]
    cells = [
        CellKey(recipe, task, network, data, metric, protocol, loss)
        for recipe, task, network, loss in dict.fromkeys([*runs, *inputs])
        for data in params.tasks[task].test
        for metric in metrics
        for protocol in protocols_of(metric, params.tasks[task])
    ]
    return Source(cells, {cell: np.zeros((1, 1)) for cell in cells})


def can_be_tested(claim):
    """Whether the benchmark is to test a claim: not what nothing can, nor what a paper's own recipe alone can."""
    tests, recipes = CLAIMS.claims[claim].measured, params_of("benchmark").recipes
    asked = {recipe for test in tests for recipe in getattr(test, "recipes", [])}
    return asked <= recipes.keys() and not any(isinstance(test, NotTestable) for test in tests)


def test_of_the_first_32_claims_the_benchmark_is_to_test_all_but_three():
    untested = {claim for claim in [*CLAIMS.claims][:32] if not can_be_tested(claim)}
    assert untested == {"E16", "E22", "E24"}


@pytest.mark.parametrize("claim", CLAIMS.claims)
def test_every_claim_finds_its_runs(claim):
    tests = [test for test in CLAIMS.claims[claim].measured if not isinstance(test, AllOf)]
    found = [not isinstance(test, NotTestable) and bool(contrasts(test, planned_cells())) for test in tests]
    assert all(found) == can_be_tested(claim)
    assert any(found) == (bool(tests) and can_be_tested(claim))
