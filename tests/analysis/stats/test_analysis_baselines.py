import pytest
import yaml

from sharploss.analysis.papers import Baselines, load_about
from sharploss.analysis.stats.baselines import added, baseline_of
from sharploss.utils.errors import UserError

LOSSES = {
    "l1": {"l1": 1.0},
    "l2": {"l2": 1.0},
    "l1_gv": {"l1": 1.0, "gv": 0.01},
    "l2_gv": {"l2": 1.0, "gv": 0.01},
    "esrgan": {"l1": 0.01, "vgg": 1.0, "ragan": 0.005},
    "esrgan_sploss": {"sploss": 0.01, "vgg": 1.0, "ragan": 0.005},
    "sploss": {"sploss": 1.0},
}
BASELINES = Baselines(references=["l1", "esrgan"], replaces={"esrgan_sploss": "esrgan"})


def test_a_loss_adds_one_term_to_another_of_the_same_weights():
    assert added(LOSSES) == {"l1_gv": ("l1", "gv"), "l2_gv": ("l2", "gv")}


def test_baselines_are_what_a_term_is_added_to_or_replaced_in():
    assert baseline_of(LOSSES, BASELINES) == {
        "l1_gv": "l1",
        "l2_gv": "l2",
        "esrgan_sploss": "esrgan",
        "l2": "l1",
        "sploss": "l1",
    }
    assert baseline_of({"l2": {"l2": 1.0}}, BASELINES) == {}


def test_terms_are_those_of_the_losses_that_were_planned(study):
    terms = study.terms
    assert terms["l1_gv"] == {"l1": 1.0, "gv": 0.01}
    assert "esrgan" not in terms


def test_pairings_are_data(study_root, tmp_path):
    """A sixth paper's loss gets its baseline in claims.yaml alone."""
    known = load_about(study_root).baselines
    assert (known.references[0], known.replaces["mprnet_sploss"]) == ("l1", "mprnet_original")
    section = {"references": ["base", "l1"], "replaces": {"sixth": "fifth"}}
    content = yaml.safe_load((study_root / "claims.yaml").read_text())
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump(content | {"baselines": section}))
    losses = {
        "fifth": {"l1": 1.0, "vgg": 1.0},
        "sixth": {"new": 1.0, "vgg": 1.0},
        "base": {"l2": 1.0},
        "l1": {"l1": 1.0},
    }
    assert baseline_of(losses, load_about(tmp_path).baselines) == {"fifth": "l1", "sixth": "fifth", "l1": "base"}


def test_a_file_without_baselines_is_named(tmp_path):
    (tmp_path / "claims.yaml").write_text("claims: {}\npapers: {}\nsubject: {loss: a, budgets: [a], claim: E1}\n")
    with pytest.raises(UserError, match=r"claims\.yaml: baselines is missing"):
        load_about(tmp_path)


def test_a_study_has_the_baselines_of_its_losses(study, study_root):
    assert study.references == load_about(study_root).baselines.references
    assert study.baseline_of["l2_gv"] == "l2"
