import json
import shutil
from dataclasses import replace

import numpy as np
import overlaps
import pandas as pd
import pytest

from sharploss.analysis.figures import comparisons, gv, mdf, overview, second_order, sharpgan, sploss, training
from sharploss.analysis.figures.draw import PAPERS, study_figures
from sharploss.analysis.figures.study_figure import crowded, file_name, kind_of
from sharploss.analysis.load import load_study
from sharploss.analysis.plotting.style import style
from sharploss.analysis.published import published_values
from sharploss.analysis.stats.intervals import means
from sharploss.utils.errors import UserError


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
        extractions=study.extractions[study.extractions["extractor"].isin([])],
        provenance={run: about for run, about in study.provenance.items() if run in set(runs["run"])},
    )


def one_set(study):
    """The study on the first test set alone."""
    return replace(study, scores=study.scores[study.scores["dataset"] == "skimage_test"], datasets=["skimage_test"])


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


@pytest.mark.parametrize("kept", REDUCED)
def test_every_figure_survives_a_study_with_little_in_it(full, kept, monkeypatch):
    if kept != "one run":  # it is drawn of the input: the same whatever was trained
        monkeypatch.setattr(sploss, "FIGURES", [subject for subject in sploss.FIGURES if subject != sploss.mechanism])
    small = part_of(one_set(full), REDUCED[kept](full.runs))
    assert len(small.runs)
    found = drawn(study_figures, small)
    assert all(one.figure is not None or one.not_drawn.endswith(".") for one in found.values())


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
    names = [
        "l1",
        "l1_gv",
        "l2_gv",
        "l1_second_order",
        "mdf",
        "sploss",
        *(f"sploss_a{alpha}" for alpha in (0, 1, 4, 8)),
    ]
    found = one_set(part_of(full, (full.runs["group"] == "sr_x4-edsr") & full.runs["loss"].isin(names)))
    shown = found.scores["metric"].isin(METRICS) & (found.scores["protocol"] != "rgb")
    return replace(found, scores=found.scores[shown])


@pytest.fixture
def scored_alone(monkeypatch):
    """Leave out the figures in which there is no score."""
    others = {sploss.pictures, sploss.mechanism, gv.gradients, gv.variances, mdf.extractions, sharpgan.pictures}
    for paper in PAPERS:
        monkeypatch.setattr(paper, "FIGURES", [subject for subject in paper.FIGURES if subject not in others])
    for name in ("leads", "discriminators", "training"):
        monkeypatch.setattr(training, name, lambda *_: [])


@pytest.mark.parametrize("change", MEASURED)
@pytest.mark.usefixtures("scored_alone")
def test_every_figure_survives_whatever_was_measured(small, change):
    found = drawn(study_figures, measured(small, MEASURED[change]))
    for one in found.values():
        assert one.figure is not None or one.not_drawn.endswith(".")
        if one.figure is not None and one.name.startswith(("tradeoff", "pareto", "ranks", "second", "score")):
            one.figure.draw_without_rendering()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.usefixtures("scored_alone")
def test_every_figure_survives_a_study_of_one_metric(small, metric):
    found = drawn(study_figures, replace(small, scores=small.scores[small.scores["metric"] == metric]))
    assert all(one.figure is not None or one.not_drawn.endswith(".") for one in found.values())


def test_what_is_too_far_to_be_drawn_and_the_input_are_written_below_every_panel(full):
    small = part_of(full, full.runs["group"] == "sr_x4-edsr")
    ratio = (small.scores["metric"] == "gradient_variance_ratio") & (small.scores["network"] != "")
    for far in (small.scores["loss"] == "l1_gv", small.scores["loss"] != ""):
        found = drawn(
            overview.tradeoffs, measured(small, lambda scores, far=far: scores["value"].mask(ratio & far, 40))
        )
        assert len(found) == small.scores.loc[ratio, "dataset"].nunique() == 2
        for one in found.values():
            notes = [axes.get_xlabel().replace("\n", " ") for axes in one.figure.axes]
            assert notes
            assert all("bicubic: " in note for note in notes)
            assert any("l1_gv: 40.00, " in note for note in notes)


def test_every_figure_survives_a_study_in_which_nothing_was_trained(full):
    small = part_of(full, full.runs["group"] == "sr_x4-vdsr")
    gone = small.runs.assign(status="not_trained", failure="not trained: no weights")
    references = small.scores[small.scores["network"] == ""]
    small = replace(small, runs=gone, scores=references, history=small.history[:0], provenance={})
    found = drawn(study_figures, small)
    assert {"gv_variance", "sharpgan_blocks", "alpha"} <= {n for n, one in found.items() if one.not_drawn}


def test_with_and_without_gv_are_compared_under_one_recipe(full):
    network = full.runs["group"] == "sr_x4-vdsr"
    own = full.runs["recipe"].mask(network, "own")
    variant = full.runs["variant"].mask(network, full.runs["loss"] + "-own")
    curves = drawn(gv.variances, replace(full, runs=full.runs.assign(recipe=own, variant=variant)))
    names = [axes.get_title().split(":")[0] for axes in curves["gv_variance_sr_x4"].figure.axes]
    assert "vdsr" in names
    other = full.runs["recipe"].mask(network & (full.runs["loss"] == "l2_gv"), "own")
    pairs = gv.compared(replace(full, runs=full.runs.assign(recipe=other)))
    assert "sr_x4-vdsr" not in set(pairs["group"])


@pytest.mark.slow
def test_no_text_covers_another_leaves_the_page_or_is_too_small(full):
    assert set(unreadable(full)) <= {"claims"}


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
            assert overlaps.smallest(one.figure) >= 7, one.name
            assert one.figure.get_figwidth() <= 7.001, one.name
    return gone


def test_the_names_of_figures_are_all_different(study):
    few = (overview.claims, sploss.pictures, gv.gradients, gv.protocol, mdf.weights, sharpgan.pictures)
    names = [name for subject in few for name in drawn(subject, study)]
    assert len(names) == len(set(names)) > len(few)


def test_what_was_not_trained_is_told_in_the_figure_or_as_its_reason(study):
    found = drawn(mdf.weights, study)
    assert found["mdf_weights"].figure is None
    assert "vgg or lpips" in found["mdf_weights"].not_drawn
    assert drawn(second_order.weights, study)["second_order_weights_sr_x4_espcn_mini_l1"].figure
    comparison = drawn(mdf.comparisons, study)["mdf_sr_x4"].figure
    notes = [text.get_text() for text in comparison.axes[0].texts]
    assert "not trained: no weights" in notes


@pytest.fixture
def grey(full):
    """The study with a grey task's PSNR and SSIM measured as they really are."""
    luma = (full.scores["task"] == "jpeg_q10") & full.scores["metric"].isin(["psnr", "ssim"])
    protocols = full.scores["protocol"].mask(luma & (full.scores["protocol"] == "y"), "grey8")
    return replace(full, scores=full.scores.assign(protocol=protocols))


def test_a_grey_task_is_compared_by_its_own_fidelity(grey):
    few = grey.runs["group"].isin(["jpeg_q10-dncnn", "sr_x4-edsr"]) & grey.runs["loss"].isin(
        ["l1", "l2", "mdf", "l2_mdf"]
    )
    found = drawn(mdf.comparisons, part_of(grey, few))
    titles = {
        name: [
            axes.get_title().replace("-\n", "-").replace("\n", " ").rpartition(" ")[0]
            for axes in found[name].figure.axes
        ]
        for name in found
    }
    assert titles["mdf_jpeg_q10"][:2] == ["PSNR grey 8-bit (dB)", "SSIM grey 8-bit"]
    assert titles["mdf_sr_x4"][:2] == ["PSNR Y (dB)", "SSIM Y"]


def test_rows_of_colour_and_of_grey_have_a_measure_each(grey):
    rows = pd.DataFrame([["psnr", "grey8"], ["psnr", "y"], ["psnr", "rgb"]], columns=["metric", "protocol"])
    assert set(comparisons.shown(grey, rows, mdf.METRICS)) == {("psnr", "y"), ("psnr", "grey8")}


def test_a_comparison_has_the_paired_changes_of_the_scores(full):
    found = comparisons.changes_against(full, "sr_x4", "set5", {"mdf"}, "l2")
    one = found[(found["series"] == "edsr (mini)") & (found["metric"] == "psnr") & (found["protocol"] == "y")]
    mean = means(full.scores).query("task == 'sr_x4' and dataset == 'set5' and network == 'edsr' and recipe == 'mini'")
    mean = mean.query("metric == 'psnr' and protocol == 'y'").set_index("loss")["value"]
    assert one["value"].iloc[0] == pytest.approx(mean["mdf"] - mean["l2"])
    assert one["low"].iloc[0] < one["value"].iloc[0] < one["high"].iloc[0]


def test_of_a_search_the_weight_that_most_networks_have_is_compared():
    terms = {"l2": {"l2": 1.0}, "a": {"l2": 1.0, "vgg": 0.1}, "b": {"l2": 1.0, "vgg": 1.0}, "l1": {"l1": 1.0}}
    rows = [("l1", "x"), ("l1", "y"), ("l1", "z"), ("a", "x"), ("a", "y"), ("b", "x")]
    kept = mdf.usual_weights(pd.DataFrame(rows, columns=["row", "series"]), terms)
    assert list(zip(kept["row"], kept["series"], strict=True)) == [("l1", "x"), ("l1", "y"), ("a", "x"), ("a", "y")]


def test_published_changes_stand_beside_measured_ones(study):
    both = sploss.beside_published(study, sploss.sweep_levels(study).query("network == 'edsr'"))
    theirs = both[both["line"].str.startswith("published")]
    table = (
        published_values(study.root).query("table == 'sploss_table3' and metric == 'psnr'").set_index("alpha")["value"]
    )
    lines = theirs[theirs["metric"] == "psnr"].set_index("alpha")["change"]
    assert lines[10.0] == pytest.approx(table[10.0] - table[0.0]) == pytest.approx(-1.35)
    ours = both[both["line"] == "measured: edsr, set5"]
    assert set(ours["metric"]) == {"psnr", "ssim", "lpips", "niqe"}
    assert ours.loc[ours["metric"] == "psnr", "protocol"].unique().tolist() == ["y"]


def test_the_protocol_costs_bicubic_what_the_scores_say(study):
    pairs = gv.protocol_pairs(study, "sr_x3_no_mod_crop").query("dataset == 'set5'").set_index("row")
    assert list(pairs.index) == ["bicubic", "edsr l1", "edsr l1_gv"]
    mean = means(study.scores).query("dataset == 'set5' and metric == 'psnr' and protocol == 'y' and loss == 'bicubic'")
    mean = mean.set_index("task")["value"]
    assert pairs.loc["bicubic", "value"] == pytest.approx(mean["sr_x3_no_mod_crop"] - mean["sr_x3"])


def test_gradients_are_those_of_the_pair_the_paper_has(study):
    (found,) = drawn(gv.gradients, study).values()
    assert found.name == "gv_gradients_sr_x4-vdsr"
    assert [axes.get_title() for axes in found.figure.axes[:4]] == ["target", "bicubic", "l2", "l2_gv"]


def test_variance_curves_are_those_of_the_files(study):
    pairs = gv.compared(study).query("task == 'sr_x4'")
    assert dict(zip(pairs["network"], pairs["loss"], strict=True)) == {
        "espcn": "l2_gv",
        "edsr": "l2_gv",
        "vdsr": "l2_gv",
    }
    curves = gv.variance_curves(study, "sr_x4", pairs)
    assert set(curves.query("network == 'vdsr'")["line"]) == {"l2", "l2_gv"}
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
        f"vdsr: {what}, {way}" for what in ("variance", "share") for way in ways
    ]
    share = lines[lines["panel"] == "vdsr: share, vertical"]
    assert {line: list(part["y"].round(9)) for line, part in share.groupby("line", sort=False)} == {
        "target": [1, 1], "bicubic": [0.4, 0.4], "l2": [0.5, 0.5], "l2_gv": [0.6, 0.6]
    }  # fmt: skip


def test_without_curves_the_reason_is_told(study_root):
    (found,) = drawn(gv.variances, load_study("mini", study_root)).values()
    assert found.figure is None
    assert "variance.csv" in found.not_drawn


def test_the_rows_of_sharpgan_are_shown_in_their_order(full, study):
    found = drawn(sharpgan.pictures, full)
    titles = [axes.get_title() for axes in found["sharpgan_detail_sharpen"].figure.axes]
    assert titles == ["target", "input", "StackedG", "ResG", "NonBN-ResG", "NonBN-ResG-L"]
    assert all(one.not_drawn for one in drawn(sharpgan.pictures, study).values())  # its loss needs weights


def test_verdicts_are_drawn_once_there_are_any(own_root):
    study = load_study("mini", own_root)
    study.paths.claims.unlink(missing_ok=True)
    assert drawn(overview.claims, study)["claims"].not_drawn
    claim = {"paper": "GV", "published": {"verdict": "supported"}, "measured": {"verdict": "undecided"}}
    (own_root / "results" / "mini" / "claims.json").write_text(json.dumps({"claims": {"E13": claim}, "anomalies": {}}))
    assert drawn(overview.claims, study)["claims"].figure
    rows = overview.verdicts_of({"claims": {"E13": claim}})
    assert list(rows["verdict"]) == ["supported", "undecided"]


def test_leads_leave_out_sweeps_and_the_uncropped_task(study):
    terms = [term for paper in PAPERS for term in paper.TERMS]
    found = drawn(lambda one: training.leads(one, terms), study)
    assert "gain_sr_x4" in found
    assert "gain_sr_x3_no_mod_crop" not in found
    labels = {text.get_text() for text in found["gain_sr_x4"].figure.legends[0].get_texts()}
    assert {"sploss over l1", "l2_gv over l2"} <= labels
    assert not any("_w1" in label or "_a4" in label for label in labels)


def test_a_study_of_one_task_draws_what_it_can(own_root):
    shutil.rmtree(own_root / "results" / "mini" / "crops" / "sr_x4-vdsr")
    found = drawn(sploss.pictures, load_study("mini", own_root))
    assert list(found) == ["sploss_crops_sr_x4-edsr"]


def test_kinds_names_and_crowds(study):
    assert kind_of(study, "deblur") == "deblur"
    assert file_name("edsr (mini_gan)") == "edsr_mini_gan"
    rows = pd.DataFrame({"network": list("aaab"), "loss": list("xyzx")})
    assert list(crowded(rows, ["network"], least=3)["network"]) == ["a"] * 3


def test_curves_of_adversarial_trainings_are_those_of_the_record(full):
    found = drawn(training.discriminators, full)
    assert set(found) == {"adversarial_sr_x4", "adversarial_sharpen"}
    logits = found["adversarial_sharpen"].figure.axes[0].get_lines()
    steps = [line for line in logits if len(line.get_xdata()) > 2]
    assert [list(line.get_ydata()) for line in steps] == [[0.4, 0.8, 1.2], [-0.4, -0.8, -1.2]]


def test_without_a_discriminator_no_curves_of_one_are_drawn(full):
    alone = replace(full, history=full.history.assign(discriminator=None))
    assert "No loss with a discriminator" in drawn(training.discriminators, alone)["adversarial"].not_drawn


def test_extractors_that_the_runs_use_are_drawn_with_their_record(full):
    figure = drawn(mdf.extractions, full)["extractors"].figure
    assert [axes.get_title() for axes in figure.axes[::3]] == [
        f"{extractor}: mean logit" for extractor in ("mdf_sr", "mdf_denoise", "mdf_jpeg")
    ]
    none = replace(full, extractions=full.extractions.iloc[:0])
    assert "No run has an MDF loss" in drawn(mdf.extractions, none)["extractors"].not_drawn


def test_an_extractor_without_its_record_is_named(full, tmp_path):
    root = shutil.copytree(full.root, tmp_path / "study")
    shutil.rmtree(root / "results" / "mini" / "extractors" / "mdf_jpeg")
    with pytest.raises(UserError, match=r"mdf_jpeg/history\.jsonl is missing: run 'make repro'"):
        load_study("mini", root)
    # A file that was named by its path came without one.
    text = (root / "params.yaml").read_text()
    text = text.replace("weights: mdf_jpeg,", "weights: elsewhere/mdf_jpeg.safetensors,")
    (root / "params.yaml").write_text(text)
    assert set(load_study("mini", root).extractions["extractor"]) == {"mdf_sr", "mdf_denoise"}
