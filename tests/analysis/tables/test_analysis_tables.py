import json
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

import synthetic
from sharploss.analysis.claims.evaluate import evaluate_claims
from sharploss.analysis.load import load_study
from sharploss.analysis.tables import layout, tables
from sharploss.analysis.tables.tables import frames, laid_out
from sharploss.analysis.tables.writers import markdown


@pytest.fixture(scope="module")
def written(study, study_root):
    tables.write_tables(study)
    return study_root / "reports" / "mini" / "tables"


def raw(root, run, dataset, measure):
    """Mean of the file's numbers, computed without pandas; `measure` as in the file, "psnr,y"."""
    group = "-".join(run.split("-")[:2])
    lines = (root / "results/mini/scores" / f"{group}.csv").read_text().splitlines()
    values = [
        float(line.split(",")[5]) for line in lines if line.startswith(f"{run},{dataset},") and f",{measure}," in line
    ]
    return sum(values) / len(values)


def test_pairings_hold_the_mean_over_images(study, study_root):
    row = tables.pairings(study).query("network == 'espcn' and loss == 'ssim' and dataset == 'set5'").iloc[0]
    assert row["psnr_y"] == pytest.approx(raw(study_root, "sr_x4-espcn-ssim-s0", "set5", "psnr,y"))
    assert row["ssim_rgb"] == pytest.approx(raw(study_root, "sr_x4-espcn-ssim-s0", "set5", "ssim,rgb"))


def test_pairings_list_every_pairing_and_bicubic_but_not_the_sweep(study):
    table = tables.pairings(study)
    assert len(table) == 2 * (27 + 1)
    assert not table["loss"].str.contains("sploss_a").any()
    assert (table["loss"] == "bicubic").sum() == 2


def test_ranks_follow_the_direction_of_the_metric_within_a_network(study):
    part = tables.pairings(study).query("network == 'edsr' and dataset == 'skimage_test'").set_index("loss")
    assert part["psnr_y_rank"].idxmin() == part["psnr_y"].idxmax()
    assert part["lpips_alex_v0_1_rank"].idxmin() == part["lpips_alex_v0_1"].idxmin()
    assert (
        part["gradient_variance_ratio_grey_rank"].idxmin() == (part["gradient_variance_ratio_grey"] - 1).abs().idxmin()
    )


def test_bicubic_and_diverged_runs_are_not_ranked(study):
    table = tables.pairings(study)
    assert table.loc[table["loss"] == "bicubic", "psnr_y_rank"].isna().all()
    gone = table.query("network == 'vdsr' and loss == 'l2_gv'")
    assert (gone["status"] == "diverged (gv at step 140)").all()
    assert gone["psnr_y"].isna().all()


GONE = {  # run that diverged -> rows of which a seed is gone
    "sr_x4-vdsr-l2_gv-s1": ["VDSR L2 + GV, 1 of 2 seeds"],
    "sr_x4-edsr-l1-s0": [f"EDSR {loss}, 1 of 2 seeds" for loss in ("L2", "SSIM", "L2 + GV")],
    "sr_x4-espcn-l1-s0": [f"ESPCN {loss}, 1 of 2 seeds" for loss in ("L2", "L2 + GV")],
    "sr_x4-espcn-ssim-s0": ["ESPCN SSIM, 1 of 2 seeds"],
}


@pytest.fixture(scope="module")
def of_two_seeds(tmp_path_factory):
    """A study of two seeds, some of whose runs diverged."""
    few = {"losses": ("l1", "l2", "ssim", "l2_gv"), "alphas": ()}
    root = synthetic.make_study(tmp_path_factory.mktemp("seeds"), seeds=(0, 1), diverged=tuple(GONE), **few)
    return load_study("mini", root)


def test_means_and_statuses_cover_the_seeds(of_two_seeds):
    root, table = of_two_seeds.root, tables.pairings(of_two_seeds)
    row = table.query("network == 'espcn' and loss == 'l2' and dataset == 'skimage_test'").iloc[0]
    both = [raw(root, f"sr_x4-espcn-l2-s{seed}", "skimage_test", "psnr,y") for seed in (0, 1)]
    assert row["psnr_y"] == pytest.approx(np.mean(both))
    half = table.query("network == 'vdsr' and loss == 'l2_gv'").iloc[0]
    assert half["status"] == "1 of 2 seeds diverged (gv at step 140)"
    assert half["runs"] == 2
    assert not np.isnan(half["psnr_y"])


def test_a_seed_without_scores_is_said_in_every_table_of_means_and_of_differences(of_two_seeds):
    for table in laid_out(of_two_seeds)["pairings_difference"]:
        (note,) = [note for note in table.notes if note.startswith("Paired over fewer seeds than planned")]
        told = note.partition(": ")[2].rstrip(".").split("; ")
        assert sorted(told) == sorted(name for names in GONE.values() for name in names)


@pytest.mark.parametrize(("seeds", "recipe"), [((0, 1), "-mini_gan"), ((0,), "")])
@pytest.mark.slow
def test_no_other_reference_takes_the_place_of_one_that_diverged(tmp_path, seeds, recipe):
    """Beside esrgan, a reference too, L1 diverges: nothing becomes a difference to esrgan under the heading L1."""
    gone = tuple(f"sr_x4-edsr-l1{recipe}-s{seed}" for seed in seeds)
    few = {"networks": ("espcn", "edsr"), "losses": ("l1", "l2", "sploss"), "alphas": ()}
    study = load_study("mini", synthetic.make_study(tmp_path, seeds=seeds, diverged=gone, wide=True, **few))
    mine = (study.compared["recipe"] == (recipe[1:] or "mini")) & (study.compared["network"] == "edsr")
    assert not (mine & (study.compared["task"] == "sr_x4")).any()
    assert set(study.compared["against"]) == {"l1"}
    suite = "adversarial" if recipe else "pairings"
    for table in laid_out(study)[f"{suite}_difference"]:
        for row in table.rows:
            told = {cell.text for cell in row[2:]}
            if row[0].text == "EDSR" and row[1].text != "L1 + VGG":
                assert told == {"L1 diverged (l1 at step 140)"}


def test_the_alpha_table_has_measures_down_and_alphas_across_in_order(study, study_root):
    table = tables.alpha_sweep(study)
    assert list(table.columns[6:]) == ["l1", *(f"alpha_{a}" for a in (0, 1, 2, 3, 4, 6, 8, 10))]
    assert len(table) == 2 * 8
    row = table.query("dataset == 'skimage_test' and metric == 'psnr' and protocol == 'y'").iloc[0]
    assert row["alpha_2"] == pytest.approx(raw(study_root, "sr_x4-edsr-sploss-s0", "skimage_test", "psnr,y"))
    assert row["alpha_8"] == pytest.approx(raw(study_root, "sr_x4-edsr-sploss_a8-s0", "skimage_test", "psnr,y"))


def test_the_control_passes_only_when_every_score_is_equal(own_root):
    control = tables.alpha_control(load_study("mini", own_root))
    assert set(control["verdict"]) == {"identical"}
    assert set(control.query("dataset == 'set5'")["scores"]) == {5}
    path = own_root / "results/mini/scores/sr_x4-edsr.csv"
    lines = path.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("sr_x4-edsr-sploss_a0-s0,set5,baby,psnr,y"))
    start, value = lines[at].rsplit(",", 1)
    lines[at] = f"{start},{np.nextafter(float(value), 99.0)!r}".replace("np.float64(", "").replace(")", "")
    path.write_text("\n".join(lines) + "\n")
    control = tables.alpha_control(load_study("mini", own_root))
    different = control[control["verdict"] == "differs"]
    assert different[["dataset", "metric", "protocol"]].to_numpy().tolist() == [["set5", "psnr", "y"]]
    assert 0 < different["largest_difference"].iloc[0] < 1e-12


def test_cost_is_relative_to_the_same_networks_l1(study):
    cost = tables.cost(study).set_index(["network", "loss"])
    assert (cost.xs("l1", level="loss")["relative_to_l1"] == 1).all()
    row, l1 = cost.loc[("vdsr", "ssim")], cost.loc[("vdsr", "l1")]
    assert row["ms_per_step"] == pytest.approx(1000 * row["seconds"] / 300)
    assert row["relative_to_l1"] == pytest.approx(row["seconds"] / l1["seconds"])
    assert row["parameters"] == 11_000


def test_curves_have_a_row_per_validation_and_the_last_total_before_it(study):
    part = tables.curves(study).query("run == 'sr_x4-edsr-l1-s0'")
    assert list(part["step"]) == [100, 200, 300]
    train = study.history.query("run == 'sr_x4-edsr-l1-s0' and event == 'train'").set_index("step")["total"]
    assert list(part["total"]) == [train[100], train[200], train[300]]


def test_every_series_of_the_plots_is_one_run(repository, wide):
    plots = yaml.safe_load((repository / "dvc.yaml").read_text())["plots"]
    assert [name for plot in plots for name in plot] == ["validation PSNR"]
    template = json.loads((repository / ".dvc/plots/by_loss.json").read_text())
    encoding = template["spec"]["encoding"]
    told_apart = [encoding[channel]["field"] for channel in ("color", "detail")]
    panel = re.findall(r"datum\.(\w+)", template["transform"][0]["calculate"])
    assert panel == ["task", "network"]
    series = tables.curves(wide).groupby([*panel, *told_apart])
    assert len(series) > 10
    assert (series["run"].nunique() == 1).all()
    assert all(part["step"].is_unique for _, part in series)


def test_every_table_is_written_as_csv_markdown_and_latex(written):
    names = {"pairings", "pairings_difference", "matched_psnr", "best_weight", "unqualified"}
    names |= {f"paper_{name}" for name in ("sploss_table1", "sploss_table2", "sploss_table3", "gv_table1", "gv_table2")}
    names |= {"paper_sharpgan_table1", "paper_sog"}
    wanted = {f"{name}.{kind}" for name in names for kind in ("csv", "md", "tex")} - {"matched_psnr.tex"}  # has words
    assert {path.name for path in written.iterdir()} == wanted | {
        f"{name}.csv" for name in ("cost", "curves", "alpha_control", "alpha_sweep")
    }


def test_csv_keeps_all_digits(written, study):
    read = pd.read_csv(written / "pairings.csv", float_precision="round_trip")
    assert (read["psnr_y"].dropna().to_numpy() == tables.pairings(study)["psnr_y"].dropna().to_numpy()).all()


def test_markdown_shows_diverged_runs_and_marks(written):
    text = (written / "pairings.md").read_text()
    assert "diverged (gv at step 140)" in text
    assert "**" in text
    assert "| Bicubic |" in text


def test_what_was_not_measured_is_said_and_never_a_number(sparse_root):
    sparse = load_study("mini", sparse_root)
    text = markdown(layout.pairings(sparse, tables.pairings(sparse, "pairings"), "sr_x4", "skimage_test"))
    row = next(line for line in text.splitlines() if line.startswith("| EDSR | L1 |"))
    assert row.count("not measured") == 2
    assert "LPIPS not measured: the weights of lpips" in text
    assert "set5 not tested: it is not in the cache" in text
    assert "nan" not in text


@pytest.fixture
def small_root(own_root):
    """A study of two losses, neither of which is a reference."""

    def change(params):
        params["suites"] = {"pairings": params["suites"]["pairings"] | {"losses": ["l2", "ssim"]}}

    synthetic.edit_params(own_root, change)
    return own_root


def files(root):
    tables.write_tables(load_study("mini", root))
    return {path.name: path.read_bytes() for path in (root / "reports" / "mini" / "tables").iterdir()}


@pytest.mark.slow
def test_the_same_results_give_the_same_bytes(small_root):
    assert files(small_root) == files(small_root)


def test_a_study_without_sweep_or_l1_still_has_its_tables(small_root):
    tables.write_tables(load_study("mini", small_root))
    folder = small_root / "reports/mini/tables"
    assert "no runs for this table" in (folder / "best_weight.md").read_text()
    assert len((folder / "alpha_sweep.csv").read_text().splitlines()) == 1
    assert len((folder / "alpha_control.csv").read_text().splitlines()) == 1
    assert len((folder / "pairings_difference.csv").read_text().splitlines()) == 1
    assert len(pd.read_csv(folder / "pairings.csv")) == 2 * (6 + 1)


@pytest.fixture(scope="module")
def wide_tables(wide):
    return laid_out(wide)


def test_every_suite_has_its_own_tables(wide, wide_tables):
    assert tables.shown_suites(wide) == ["pairings", "same_size", "adversarial"]
    for suite in ("pairings", "same_size", "adversarial"):
        assert len(wide_tables[suite]) == len(wide_tables[f"{suite}_difference"]) == 2
    assert set(tables.pairings(wide, "same_size")["task"]) == {"sharpen"}
    assert set(tables.pairings(wide, "adversarial")["loss"]) == {"bicubic", "l1", "esrgan", "l1_vgg"}


def test_a_loss_of_two_recipes_has_two_rows_that_are_ranked_apart(wide):
    part = tables.pairings(wide).query("task == 'sr_x4' and network == 'edsr' and dataset == 'set5' and loss == 'l1'")
    assert part["recipe"].tolist() == ["mini", "mini_gan"]
    assert part["psnr_y"].iloc[1] > part["psnr_y"].iloc[0] + 0.3
    assert part["psnr_y_rank"].notna().all()


def test_differences_of_a_suite_stay_within_its_recipe(wide):
    compared = frames(wide)["adversarial_difference"]
    assert set(compared["loss"]) == {"esrgan"}
    row = compared.query("dataset == 'set5' and metric == 'psnr' and protocol == 'y'").iloc[0]
    assert row["difference"] == pytest.approx(-0.9, abs=0.3)
    assert row["seeds"] == 2
    assert (compared["p_holm"].dropna() >= compared["p"][compared["p_holm"].notna()]).all()


def test_a_run_that_could_not_be_trained_is_shown_with_the_reason(wide_tables):
    table = next(one for one in wide_tables["adversarial"] if "Set5" in one.caption)
    row = next(row for row in table.rows if row[1].text == "L1 + VGG")
    assert {cell.text for cell in row[2:]} == {f"not trained: {synthetic.NO_WEIGHTS}"}
    notes = [note for note in table.notes if "To train" in note]
    assert notes == [f"To train what was not: {synthetic.CURE}."]  # once, however many rows
    assert not any("To train" in note for part in wide_tables["pairings"] for note in part.notes)
    compared = next(one for one in wide_tables["adversarial_difference"] if "Set5" in one.caption)
    assert compared.notes.count(notes[0]) == 1


def test_a_number_of_a_whole_set_is_no_further_image(wide_tables):
    table = next(one for one in wide_tables["adversarial"] if "Set5" in one.caption)
    assert "(5 images, 2 seeds)" in table.caption


def test_cost_is_told_per_recipe(wide):
    rows = tables.cost(wide).query("task == 'sr_x4' and network == 'edsr' and loss == 'l1'")
    assert rows["recipe"].tolist() == ["mini", "mini_gan"]
    assert (rows["relative_to_l1"] == 1).all()


@pytest.mark.slow
def test_everything_of_a_wide_study_is_written_and_compiles(wide_root, tmp_path):
    tables.write_tables(load_study("mini", wide_root))
    evaluate_claims("mini", wide_root)
    files = sorted((wide_root / "reports" / "mini" / "tables").glob("*.tex"))
    assert {path.stem for path in files} >= {"pairings", "same_size_difference", "paper_gv_table1"}
    body = "\\clearpage".join(path.read_text() for path in files)
    for what in ("table", "tabular"):
        assert body.count(rf"\begin{{{what}}}") == body.count(rf"\end{{{what}}}")
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed: the tables were checked for structure alone")
    packages = r"\documentclass{article}\usepackage{booktabs,longtable}\extrafloats{100}"
    (tmp_path / "all.tex").write_text(rf"{packages}\begin{{document}}{body}\end{{document}}")
    subprocess.run(["pdflatex", "-halt-on-error", "all.tex"], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize("name", [*tables.OWN, "paper_gv_table1", "pairings_difference", "suite_ranks"])
def test_a_suite_named_as_another_table_has_a_file_of_its_own(name):
    assert tables.suite_table(name) == f"suite_{name}"


@pytest.mark.parametrize("name", ["matched_psnr", "pairings_difference"])
@pytest.mark.slow
def test_a_suite_named_as_another_table_takes_nothing_from_it(study, name):
    suites = study.runs["suites"].map(lambda own: [name if suite == "pairings" else suite for suite in own])
    other = replace(study, runs=study.runs.assign(suites=suites))
    assert frames(other)[f"suite_{name}"].equals(frames(study)["pairings"])
    assert frames(other)[f"suite_{name}_difference"].equals(frames(study)["pairings_difference"])
    assert set(laid_out(other)) == set(frames(other)) - {"alpha_control", "alpha_sweep", "cost"} > {"matched_psnr"}
    assert frames(other)["cost"].equals(frames(study)["cost"])
