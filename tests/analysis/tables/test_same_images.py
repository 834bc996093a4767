"""Fault B: every row of a table is over the images that all of its rows have, and what is left out is said."""

import math
import shutil

import numpy as np
import pandas as pd
import pytest

import synthetic
from sharploss.analysis.claims.contrasts import contrasts, scored
from sharploss.analysis.claims.evaluate import verdict
from sharploss.analysis.claims.sources import measured_source
from sharploss.analysis.claims.spec import Direction
from sharploss.analysis.load import load_study
from sharploss.analysis.stats.intervals import means
from sharploss.analysis.tables import tables
from sharploss.analysis.tables.latex import latex
from sharploss.analysis.tables.tables import laid_out
from sharploss.analysis.tables.writers import markdown
from sharploss.record.scores import Score

BICUBIC = "input_baselines/sr_x4/scores.csv"
ESPCN, VDSR = "scores/sr_x4-espcn.csv", "scores/sr_x4-vdsr.csv"
SET = "skimage_test"
ALL = ["astronaut", "camera", "chelsea", "rocket"]

# What some run lacks: file, run, image, protocol, and what stands there instead ("" for no value, None for no row).
VARIANTS = {
    "the input restored two exactly": [(BICUBIC, "sr_x4-bicubic", image, "psnr", "inf") for image in ALL[:2]],
    "each another one": [
        (BICUBIC, "sr_x4-bicubic", "camera", "psnr", "inf"),
        (ESPCN, "sr_x4-espcn-l1_gv-s0", "rocket", "psnr", "inf"),
        (VDSR, "sr_x4-vdsr-ssim-s0", "chelsea", "psnr", "inf"),
    ],
    "one has no value": [(VDSR, "sr_x4-vdsr-l1-s0", "astronaut", "niqe", "")],
    "one has no row": [(ESPCN, "sr_x4-espcn-l2-s0", "camera", "lpips", None)],
}


def change(root, file, run, image, metric, value):
    path = root / "results/mini" / file
    lines = []
    for line in path.read_text().splitlines():
        if line.startswith(f"{run},{SET},{image},{metric},"):
            if value is None:
                continue
            lines.append(f"{line.rsplit(',', 1)[0]},{value}")
        else:
            lines.append(line)
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def whole_root(tmp_path_factory):
    """A small study in which nothing is missing."""
    few = {"losses": ("l1", "l2", "ssim", "l1_gv"), "alphas": ("sploss_a0", "sploss_a4")}
    root = synthetic.make_study(tmp_path_factory.mktemp("whole"), diverged=(), **few)
    for folder in root.glob("results/mini/crops"):
        shutil.rmtree(folder)
    return root


@pytest.fixture(scope="module", params=VARIANTS)
def case(request, whole_root, tmp_path_factory):
    root = shutil.copytree(whole_root, tmp_path_factory.mktemp("same") / "study")
    for lack in VARIANTS[request.param]:
        change(root, *lack)
    study = load_study("mini", root)
    return study, {lack[3] for lack in VARIANTS[request.param]}, {lack[2] for lack in VARIANTS[request.param]}


def raw(study, run, metric, images):
    """Return the mean of the file's numbers over images."""
    scores = study.every_score
    scores = scores[(scores["run"] == run) & (scores["dataset"] == SET) & (scores["metric"] == metric)]
    scores = scores[scores["protocol"] == scores["protocol"].iloc[0]].set_index("image")["value"]
    return scores[images].mean()


def test_every_row_is_over_the_images_that_all_rows_have(case):
    study, metrics, gone = case
    found = tables.pairings(study).query("dataset == @SET")
    rest = [image for image in ALL if image not in gone]
    for metric, name in (("psnr", "psnr_y"), ("niqe", "niqe_y"), ("lpips", "lpips_alex_v0_1")):
        images = rest if metric in metrics else ALL
        assert set(found[f"{name}_images"].dropna()) == {len(images)}
        for row in found[found["status"].isin(["", "finished"])].to_dict("records"):
            run = f"sr_x4-{row['network']}-{row['loss']}-s0" if row["network"] else "sr_x4-bicubic"
            assert row[name] == pytest.approx(raw(study, run, metric, images))


def test_the_difference_of_two_rows_is_the_difference_of_their_means(case):
    study, *_ = case
    mean = study.means.set_index(["network", "loss", "dataset", "metric", "protocol"])
    for row in study.compared.to_dict("records"):
        cell = (row["dataset"], row["metric"], row["protocol"])
        one, base = (mean.loc[(row["network"], loss, *cell)] for loss in (row["loss"], row["against"]))
        assert row["images"] == one["n"] == base["n"]
        assert row["difference"] == pytest.approx(one["value"] - base["value"])


def test_what_is_left_out_is_said_in_every_table_with_that_measure(case):
    study, metrics, gone = case
    title = {"psnr": "PSNR Y", "niqe": "NIQE Y", "lpips": "LPIPS Alex v0.1"}[next(iter(metrics))]
    said = f"every row is over {4 - len(gone)} of 4 images, without {', '.join(sorted(gone))},"
    judged = [] if metrics == {"niqe"} else ["matched_psnr"]  # so few images are no test set of NIQE
    for name in ("pairings", "pairings_difference", *judged):
        table, *_ = [one for one in laid_out(study)[name] if SET in one.caption]
        assert any(note.startswith(title) and said in note for note in table.notes)
        assert said in markdown(table)
        assert said in latex(table)
    exact = study.every_score[np.isinf(study.every_score["value"])]
    notes = " ".join(laid_out(study)["pairings"][0].notes)
    assert ("restored exactly: " in notes) == (len(exact) > 0)
    assert all(f"{' '.join(filter(None, [row.network, row.loss]))} " in notes for row in exact.itertuples())
    (other,) = [one for one in laid_out(study)["pairings"] if "Set5" in one.caption]
    assert not any("every row is over" in note for note in other.notes)


def test_a_claim_compares_the_images_that_both_sides_have_and_says_how_many_it_leaves_out(case):
    study, metrics, _ = case
    (metric,) = metrics
    source = measured_source(study)
    pairs = [("l1_gv", "l1"), ("l2", "l1"), ("ssim", "l1")]
    test = Direction(kind="direction", metrics=[metric], sense="lower", pairs=pairs)
    left = 0
    for contrast in contrasts(test, source):
        one = scored(contrast, source)
        sides = [source.values[cell] for _, cell in contrast.terms]
        both = np.isfinite(sides[0]).any(axis=1) & np.isfinite(sides[1]).any(axis=1)
        assert one.table.shape[0] == both.sum()
        assert np.isfinite(one.table).all()
        left += one.left_out
    assert ("images are left out" in verdict([test], source, {}, exact=False)["why"]) == (left > 0)


def test_a_row_that_restored_everything_exactly_is_infinite_and_first_and_limits_no_other(whole_root, tmp_path):
    root = shutil.copytree(whole_root, tmp_path / "study")
    for image in ALL:
        change(root, ESPCN, "sr_x4-espcn-ssim-s0", image, "psnr", "inf")
    study = load_study("mini", root)
    found = tables.pairings(study).query("dataset == @SET and network == 'espcn'").set_index("loss")
    assert math.isinf(found.loc["ssim", "psnr_y"])
    assert found.loc["ssim", "psnr_y_rank"] == 1
    assert set(found["psnr_y_images"]) == {4}
    table = laid_out(study)["pairings"][0]
    row = next(row for row in table.rows if [cell.text for cell in row[:2]] == ["ESPCN", "SSIM"])
    assert (row[2].text, row[2].mark) == ("∞", "best")
    change_row = next(row for row in laid_out(study)["pairings_difference"][0].rows if row[1].text == "SSIM")
    assert change_row[2].text == "no difference of infinite PSNR"
    assert r"$\infty$" in latex(table)
    tables.write_tables(study)


def test_means_count_their_images():
    names = ["task", "network", "recipe", "loss", "seed", *Score._fields[1:]]
    rows = [["t", "n", "r", "l1", seed, "d", image, "psnr", "y", 30.0 + seed] for seed in (0, 1) for image in "abc"]
    (row,) = means(pd.DataFrame(rows, columns=names)).to_dict("records")
    assert (row["value"], row["n"]) == (30.5, 3)
