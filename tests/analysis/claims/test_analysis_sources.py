from pathlib import Path

import pytest
from pydantic import TypeAdapter

import synthetic
from sharploss.analysis.claims.contrasts import contrasts
from sharploss.analysis.claims.evaluate import evaluate_all, examine, verdict
from sharploss.analysis.claims.sources import measured_source, published_source
from sharploss.analysis.claims.spec import Test
from sharploss.analysis.load import load_study

ROOT = Path(__file__).parents[3]
FEW = {"losses": ("l1", "l2", "l2_gv", "sploss"), "alphas": ()}


def parsed(**test):
    return TypeAdapter(Test).validate_python(test)


def test_a_diverged_run_makes_its_cells_missing(tmp_path):
    """VDSR's run with L2 and GV diverged with one seed of two."""
    root = synthetic.make_study(tmp_path / "study", seeds=(0, 1), **FEW)
    test = parsed(kind="direction", networks=["vdsr"], metrics=["psnr"], sense="higher", pairs=[["l2_gv", "l2"]])
    found = verdict([test], measured_source(load_study("mini", root)), {}, exact=False)
    assert (found["cells"]["missing"], found["cells"]["total"]) == (2, 2)
    assert found["why"] == "2 of 2 cells lack scores (2 of them those of some planned seeds, up to 1 of 2)."


def test_a_seed_of_which_nothing_is_left_is_missed_too(tmp_path):
    keys = [f"sr_x4-{network}-{loss}-s1" for network in synthetic.NETWORKS for loss in FEW["losses"]]
    root = synthetic.make_study(tmp_path / "study", seeds=(0, 1), diverged=keys, **FEW)
    assert not load_study("mini", root).scores.query("seed == 0").empty
    test = parsed(kind="direction", networks=["edsr"], metrics=["psnr"], sense="lower", pairs=[["sploss", "l1"]])
    assert verdict([test], measured_source(load_study("mini", root)), {}, exact=False)["cells"]["missing"] == 2


def test_each_suite_of_a_study_has_its_own_seeds(tmp_path, real_claims):
    """EDSR is trained with two seeds, the others with one."""
    root = synthetic.make_study(tmp_path / "study", seeds=(0, 1), **FEW | {"alphas": synthetic.ALPHAS})

    def change(params):
        pairings = params["suites"]["pairings"]
        params["suites"]["pairings"] = pairings | {"networks": ["espcn", "vdsr"], "seeds": [0]}
        params["suites"]["pairings_edsr"] = pairings | {"networks": ["edsr"]}

    synthetic.edit_params(root, change)
    found = evaluate_all(
        {key: real_claims[key] for key in ("E4", "E7")}, published_source(ROOT), load_study("mini", root)
    )
    assert {key: one["measured"]["seeds"] for key, one in found.items()} == {"E4": 1, "E7": 2}
    assert {one["published"]["seeds"] for one in found.values()} == {None}


def test_runs_are_compared_within_their_task_network_and_recipe(wide):
    study = wide
    place = measured_source(study)
    test = parsed(kind="direction", metrics=["psnr"], sense="lower", pairs=[["esrgan", "l1"]])
    found = contrasts(test, place)
    assert {one.cell.block for one in found} == {"mini_gan"}
    result = examine(found[:1], place, exact=False)
    scores = study.scores.query("task == 'sr_x4' and network == 'edsr' and recipe == 'mini_gan' and protocol == 'y'")
    part = scores[(scores["metric"] == "psnr") & (scores["dataset"] == found[0].cell.dataset)]
    means = part.groupby("loss")["value"].mean()
    assert result.mean == pytest.approx(means["l1"] - means["esrgan"])
    assert result.parts[0][1].table.shape[1] == 2
    assert result.spread == "own"


def test_a_loss_that_could_not_be_trained_is_missing(wide):
    test = parsed(kind="direction", metrics=["psnr"], sense="lower", pairs=[["l1_vgg", "l1"]])
    found = verdict([test], measured_source(wide), {}, exact=False)
    assert (found["verdict"], found["cells"]["missing"]) == ("undecided", 4)
