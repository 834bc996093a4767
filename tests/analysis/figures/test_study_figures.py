import shutil
from dataclasses import replace

import numpy as np
import overlaps
import pandas as pd
import pytest

from sharploss.analysis.figures import gv, overview, second_order, sharpgan, sploss
from sharploss.analysis.figures.draw import figure_files, study_figures, why_not
from sharploss.analysis.figures.study_figure import Block, by_measure, file_name, on_largest, supported
from sharploss.analysis.load import load_study
from sharploss.analysis.measures import ALPHA
from sharploss.analysis.plotting.style import style


@pytest.fixture(scope="module")
def study(mini):
    return mini


def drawn(subject, study):
    with style():
        return {one.name: one for one in subject(study)}


def part_of(study, kept):
    """The study with some of its runs alone."""
    runs = study.runs[kept]
    reference = study.scores["network"] == ""
    scores = study.scores[study.scores["run"].isin(runs["run"]) | (reference & study.scores["task"].isin(runs["task"]))]
    return replace(
        study,
        runs=runs,
        scores=scores,
        datasets=list(dict.fromkeys(scores["dataset"])),
        history=study.history[study.history["run"].isin(runs["run"])],
        provenance={run: about for run, about in study.provenance.items() if run in set(runs["run"])},
    )


def one_set(study):
    """The study on the first test set alone."""
    return replace(study, scores=study.scores[study.scores["dataset"] == "skimage_test"], datasets=["skimage_test"])


SLOW = pytest.mark.slow
METRICS = ["psnr", "niqe", "gradient_variance_ratio", "lpips"]

REDUCED = {
    "one run": lambda runs: runs["run"] == "sr_x4-edsr-l1-s0",
    "one run of a paper's loss": lambda runs: runs["run"] == "sr_x4-vdsr-l2_gv-s0",
    "one pair": lambda runs: runs["run"].isin(["sr_x4-vdsr-l2-s0", "sr_x4-vdsr-l2_gv-s0"]),
    "one network": lambda runs: runs["group"] == "sharpen-nonbn_resg",
    "no SPLoss": lambda runs: (runs["group"] == "sr_x4-vdsr") & ~runs["loss"].str.contains("sploss"),
    "one alpha": lambda runs: (runs["group"] == "sr_x4-edsr") & runs["loss"].isin(["l1", "sploss"]),
    "SPLoss alone": lambda runs: (runs["group"] == "sr_x4-edsr") & runs["loss"].str.startswith("sploss"),
    "no run of the baseline": lambda runs: (runs["group"] == "sr_x4-vdsr") & (runs["loss"] != "l1"),
    "one suite": lambda runs: runs["suites"].map(lambda suites: "gv_protocol" in suites),
}


@pytest.mark.parametrize("kept", [*list(REDUCED)[:3], *(pytest.param(kept, marks=SLOW) for kept in list(REDUCED)[3:])])
def test_every_figure_survives_a_study_with_little_in_it(full, kept, monkeypatch):
    if kept != "one run":  # it is drawn of the input: the same whatever was trained
        monkeypatch.delitem(sploss.FIGURES, "mechanism")
    small = part_of(one_set(full), REDUCED[kept](full.runs))
    assert len(small.runs)
    found = drawn(study_figures, small)
    assert all(one.figure is not None or not one.caption for one in found.values())


def measured(study, change):
    """The study with other values: change(scores) -> values."""
    return replace(study, scores=study.scores.assign(value=change(study.scores)))


def is_of(scores, metric, loss=None):
    return (scores["metric"] == metric) & ((scores["loss"] == loss) | (loss is None)) & (scores["network"] != "")


MEASURED = {
    "all networks below their input": lambda scores: scores["value"].where(~is_of(scores, "psnr"), 3.0),
    "all equal": lambda scores: 0.5 + 0 * scores["value"],
    "one loss and one metric without numbers": lambda scores: scores["value"].mask(
        is_of(scores, "psnr", "l2_gv") | (scores["metric"] == "lpips")
    ),
    "no number at all": lambda scores: scores["value"] * float("nan"),
    "one loss far from all others": lambda scores: scores["value"].mask(
        is_of(scores, "gradient_variance_ratio", "l1_gv"), 1e6
    ),
}


@pytest.fixture(scope="module")
def small(full):
    """One network with a loss of each paper, and an alpha sweep, on one test set by four metrics."""
    names = ["l1", "l1_gv", "l2_gv", "l1_second_order", "mdf", "sploss"]
    names += [f"sploss_a{alpha}" for alpha in (0, 1, 4, 8)]
    found = one_set(part_of(full, (full.runs["group"] == "sr_x4-edsr") & full.runs["loss"].isin(names)))
    shown = found.scores["metric"].isin(METRICS) & (found.scores["protocol"] != "rgb")
    return replace(found, scores=found.scores[shown])


@pytest.fixture
def scored_alone(monkeypatch):
    """Leave out the figures in which there is no score."""
    for paper, names in ((sploss, ("sploss_crops", "mechanism")), (gv, tuple(gv.FIGURES)), (sharpgan, ("sharpgan",))):
        for name in names:
            monkeypatch.delitem(paper.FIGURES, name)


@pytest.mark.slow
@pytest.mark.parametrize("change", MEASURED)
@pytest.mark.usefixtures("scored_alone")
def test_every_figure_survives_whatever_was_measured(small, change):
    found = drawn(study_figures, measured(small, MEASURED[change]))
    for one in found.values():
        assert one.figure is not None or not one.caption
        if one.figure is not None and one.name.startswith(("tradeoff", "second")):
            one.figure.draw_without_rendering()


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.usefixtures("scored_alone")
def test_every_figure_survives_a_study_of_one_metric(small, metric):
    found = drawn(study_figures, replace(small, scores=small.scores[small.scores["metric"] == metric]))
    assert all(one.figure is not None or not one.caption for one in found.values())


def test_the_front_figure_is_of_the_best_supported_network_and_says_what_is_seen(benchmark):
    blocks = supported(benchmark)
    assert blocks[0] == Block("sr_x4", "edsr", "h100", "b100")
    measures, points = overview.tradeoff_points(benchmark, blocks[0])
    assert [metric for metric, _ in measures] == ["lpips", "psnr"]
    assert {"L1", "SSIM + GV", f"{ALPHA} 10"} <= set(points["label"])
    assert set(points.loc[points["tie"], "label"]) == {"Charbonnier", "L1 + TV"}
    assert set(points.loc[points["undecided"] & points["alpha"].isna(), "label"]) == {"L1 + SOG"}
    said = overview._bought(benchmark, blocks[0], points, "lpips")
    assert said.startswith("SPLoss trades 0.28 dB for 0.0592 LPIPS")
    assert said.endswith("no other loss does better than its curve")
    espcn = blocks[1]
    _, points = overview.tradeoff_points(benchmark, espcn)
    assert not points["loss"].str.startswith("ssim").any()  # below its input on B100
    assert "L1 + GV lies beyond" in overview._bought(benchmark, espcn, points, "lpips")


def test_gains_against_the_budget_are_those_of_the_scores(benchmark):
    ends = overview.budget_ends(benchmark, supported(benchmark)[0])
    means = benchmark.means.query("task == 'sr_x4' and dataset == 'b100' and metric == 'psnr' and protocol == 'y'")
    value = means.set_index(["network", "loss"])["value"]
    gain = ends.set_index("loss")["gain"]
    assert gain["l1"] == pytest.approx(value["edsr", "l1"] - value["", "bicubic"])
    assert next(iter(ends["loss"])) == "l1"
    assert set(ends["steps"]) == {5000}


@pytest.mark.slow
def test_little_training_is_called_no_evidence(full):
    small = part_of(one_set(full), full.runs["group"] == "sr_x4-edsr")
    found = drawn(
        lambda study: (one for one in study_figures(study) if one.name == "tradeoff" or not one.trained), small
    )
    assert found["tradeoff"].title.startswith("No evidence, ")
    assert not found["mechanism_maps_sr_x4"].title.startswith("No evidence")


def test_every_figure_says_what_it_needs(full):
    files = figure_files(full)
    assert {"", "SPLoss", "GV", "SOG", "SharpGAN"} <= files.keys()
    assert "MDF" not in files  # it has none
    assert all(module.NEEDS.keys() == module.FIGURES.keys() for module in files.values())


def test_what_is_not_drawn_says_what_it_takes(benchmark):
    assert "planned runs" in why_not(benchmark, *overview.NEEDS["weights"])
    assert "tuning_features" in why_not(benchmark, *overview.NEEDS["weights"])
    assert why_not(benchmark, *gv.NEEDS["gv_variance"]).startswith("It takes the gradient variances (variance.csv)")


def test_every_figure_survives_a_study_in_which_nothing_was_trained(full):
    small = part_of(full, full.runs["group"] == "sr_x4-vdsr")
    gone = small.runs.assign(status="not_trained", failure="not trained: no weights")
    references = small.scores[small.scores["network"] == ""]
    small = replace(small, runs=gone, scores=references, history=small.history[:0], provenance={})
    found = drawn(study_figures, small)
    assert {"gv_variance", "sharpgan", "alpha"} <= {name for name, one in found.items() if one.figure is None}


def test_with_and_without_gv_are_compared_under_one_recipe(full):
    network = full.runs["group"] == "sr_x4-vdsr"
    own = full.runs["recipe"].mask(network, "own")
    variant = full.runs["variant"].mask(network, full.runs["loss"] + "-own")
    curves = drawn(gv.variances, replace(full, runs=full.runs.assign(recipe=own, variant=variant)))
    names = [axes.get_title().split(":")[0] for axes in curves["gv_variance_sr_x4"].figure.axes]
    assert "VDSR" in names
    other = full.runs["recipe"].mask(network & (full.runs["loss"] == "l2_gv"), "own")
    pairs = gv.compared(replace(full, runs=full.runs.assign(recipe=other)))
    assert "sr_x4-vdsr" not in set(pairs["group"])


@pytest.mark.slow
def test_no_text_covers_another_leaves_the_page_or_is_too_small(full):
    assert unreadable(full) == []


def unreadable(study):
    """Names of figures that are not drawn; what is drawn must be readable."""
    gone = []
    with style():
        for one in study_figures(study):
            if one.figure is None:
                gone.append(one.name)
                continue
            assert overlaps.covered(one.figure) == [], one.name
            assert overlaps.outside(one.figure) == [], one.name
            assert overlaps.smallest(one.figure) >= 7.5, one.name
            assert one.figure.get_figwidth() <= 7.001, one.name
    return gone


def test_the_names_of_figures_are_all_different(study):
    few = (sploss.pictures, gv.gradients, overview.weights, sharpgan.pictures)
    names = [name for subject in few for name in drawn(subject, study)]
    assert len(names) == len(set(names)) >= 5


def test_only_weights_that_were_trained_are_drawn(study):
    assert set(drawn(overview.weights, study)) == {"weights_sr_x4_espcn_mini_l1"}


@pytest.fixture
def grey(full):
    """The study with a grey task's PSNR and SSIM measured as they really are."""
    luma = (full.scores["task"] == "jpeg_q10") & full.scores["metric"].isin(["psnr", "ssim"])
    protocols = full.scores["protocol"].mask(luma & (full.scores["protocol"] == "y"), "grey8")
    return replace(full, scores=full.scores.assign(protocol=protocols))


def test_rows_of_colour_and_of_grey_have_a_measure_each(grey):
    rows = pd.DataFrame([["psnr", "grey8"], ["psnr", "y"], ["psnr", "rgb"]], columns=["metric", "protocol"])
    assert list(by_measure(grey, rows, ("psnr",))["protocol"]) == ["y", "grey8"]


def test_gradients_are_those_of_the_pair_the_paper_has(study):
    (found,) = drawn(gv.gradients, study).values()
    assert found.name == "gv_gradients_sr_x4-vdsr"
    assert [axes.get_title() for axes in found.figure.axes[:4]] == ["target", "bicubic", "L2", "L2 + GV"]


def test_variance_curves_are_those_of_the_files(study):
    pairs = gv.compared(study).query("task == 'sr_x4'")
    assert dict(zip(pairs["network"], pairs["loss"], strict=True)) == {
        "espcn": "l2_gv",
        "edsr": "l2_gv",
        "vdsr": "l2_gv",
    }
    curves = gv.variance_curves(study, "sr_x4", pairs)
    assert set(curves.query("network == 'vdsr'")["line"]) == {"L2", "L2 + GV"}
    assert np.allclose(curves.query("network == ''")["output"] / curves.query("network == ''")["target"], 0.4)


def test_variance_curves_stand_beside_their_share_of_the_target():
    rows = [
        [net, line, way, rank, 0.1 * (1 + rank), share * 0.1 * (1 + rank)]
        for net, line, share in (("", "bicubic", 0.4), ("vdsr", "l2", 0.5), ("vdsr", "l2_gv", 0.6))
        for way in "xy"
        for rank in (0.25, 0.75)
    ]
    lines = gv.variance_lines(pd.DataFrame(rows, columns=gv.CURVE_COLUMNS))
    ways = ("horizontal", "vertical")
    assert list(dict.fromkeys(lines["panel"])) == [
        f"VDSR: {what}, {way}" for what in ("variance", "share") for way in ways
    ]
    share = lines[lines["panel"] == "VDSR: share, vertical"]
    assert {line: list(part["y"].round(9)) for line, part in share.groupby("line", sort=False)} == {
        "target": [1, 1], "bicubic": [0.4, 0.4], "l2": [0.5, 0.5], "l2_gv": [0.6, 0.6]
    }  # fmt: skip


def test_without_curves_none_are_drawn(study_root):
    assert drawn(gv.variances, load_study("mini", study_root)) == {}


def test_the_rows_of_sharpgan_are_shown_in_their_order(full, study):
    found = drawn(sharpgan.pictures, full)
    titles = [axes.get_title() for axes in found["sharpgan_detail_sharpen"].figure.axes]
    assert titles == ["target", "input", "StackedG", "ResG", "NonBN-ResG", "NonBN-ResG-L"]
    without = drawn(sharpgan.pictures, study)["sharpgan_blocks_sharpen"]  # its loss needs weights
    assert "Not trained here: NonBN-ResG-L." in without.caption


def test_a_study_of_one_task_draws_what_it_can(own_root):
    shutil.rmtree(own_root / "results" / "mini" / "crops" / "sr_x4-vdsr")
    found = drawn(sploss.pictures, load_study("mini", own_root))
    assert list(found) == ["sploss_crops_sr_x4-edsr"]


def test_a_network_with_its_recipe_makes_a_file_name():
    assert file_name("edsr (mini_gan)") == "edsr_mini_gan"


def test_the_second_order_term_is_drawn_with_its_paired_change(full):
    figure = drawn(second_order.changes, full)["second_order"].figure
    points = [line.get_xdata()[0] for line in figure.axes[0].get_lines() if line.get_marker() not in ("None", "")]
    here = on_largest(full, full.compared).query("against == 'l1' and metric == 'psnr' and protocol == 'y'")
    wanted = here[here["loss"].str.match("l1_second_order")]["difference"]
    assert len(points) == len(wanted) > 1
    assert set(points) <= set(wanted)


@pytest.mark.slow
def test_the_alphas_of_a_suite_that_compares_losses_are_a_curve_too(full):
    both = full.runs["suites"].map(lambda suites: ["pairings", *suites])
    other = replace(full, runs=full.runs.assign(suites=both.where(full.runs["alpha"].notna(), full.runs["suites"])))
    (axes, *_) = drawn(overview.tradeoffs, other)["tradeoff"].figure.axes
    curve = max(axes.get_lines(), key=lambda line: len(line.get_xdata()))
    assert len(curve.get_xdata()) == 8
