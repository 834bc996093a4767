from sharploss.analysis.load import load_study
from sharploss.analysis.stats.baselines import added, partner_of, terms_of, weight

LOSSES = {
    "l1": {"l1": 1.0},
    "l2": {"l2": 1.0},
    "l1_gv": {"l1": 1.0, "gv": 0.01},
    "l2_gv": {"l2": 1.0, "gv": 0.01},
    "esrgan": {"l1": 0.01, "vgg": 1.0, "ragan": 0.005},
    "esrgan_sploss": {"sploss": 0.01, "vgg": 1.0, "ragan": 0.005},
    "sploss": {"sploss": 1.0},
}


def test_a_weight_is_a_number_or_one_of_the_parameters():
    assert weight(0.1) == 0.1
    assert weight({"weight": 2, "alpha": 1}) == 2.0
    assert weight({"alpha": 1}) == 1.0


def test_a_loss_adds_one_term_to_another_of_the_same_weights():
    assert added(LOSSES) == {"l1_gv": ("l1", "gv"), "l2_gv": ("l2", "gv")}


def test_partners_are_what_a_term_is_added_to_or_replaced_in():
    assert partner_of(LOSSES) == {"l1_gv": "l1", "l2_gv": "l2", "esrgan_sploss": "esrgan", "l2": "l1", "sploss": "l1"}
    assert partner_of({"l2": {"l2": 1.0}}) == {}


def test_terms_are_those_of_the_losses_that_were_planned(study_root):
    terms = terms_of(load_study("mini", study_root))
    assert terms["l1_gv"] == {"l1": 1.0, "gv": 0.01}
    assert "esrgan" not in terms
