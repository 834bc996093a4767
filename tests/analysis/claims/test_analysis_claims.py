import shutil
from pathlib import Path

import pytest
import yaml

from sharploss.analysis.claims.spec import load_claims
from sharploss.utils.errors import UserError

ROOT = Path(__file__).parents[3]
PAIR = {"kind": "direction", "metrics": ["psnr"], "sense": "higher", "pairs": [["sploss", "l1"]]}
NOTHING = {"kind": "not_testable", "reason": "why"}
PAPER = {"page": "p", "cite": "p", "loss": "sploss", "terms": {"sploss": "P"}}
BESIDE = {
    "papers": {"P": PAPER},
    "baselines": {"references": ["l1"]},
    "subject": {"loss": "sploss", "budgets": ["sploss"], "claim": "E1"},
}


@pytest.fixture
def claim_file(tmp_path):
    """Write a claims file with one claim and give the folder."""
    shutil.copytree(ROOT / "results" / "published", tmp_path / "results" / "published")
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")

    def write(measured, others=None, beside=None, **changes):
        claim = {
            "paper": "P",
            "where": "w",
            "statement": "s",
            "published": [NOTHING],
            "measured": [measured],
            **changes,
        }
        claims = {"E1": claim} | {key: claim | {"measured": [test]} for key, test in (others or {}).items()}
        (tmp_path / "claims.yaml").write_text(
            yaml.safe_dump(BESIDE | (beside or {}) | {"claims": claims}, sort_keys=False)
        )
        return tmp_path

    return write


def test_the_32_claims_of_the_papers_come_first_and_all_names_exist(real_claims):
    assert list(real_claims)[:32] == [f"E{number}" for number in range(1, 33)]
    assert {paper for claim in real_claims.values() for paper in claim.papers} == load_claims(ROOT).papers.keys()


def test_measured_tests_name_no_published_table_and_published_ones_do(real_claims):
    for claim in real_claims.values():
        assert not any(getattr(test, "tables", []) for test in claim.measured)
        assert all(test.tables for test in claim.published if hasattr(test, "tables"))


def test_sides_are_listed(real_claims):
    claims = real_claims
    assert claims["E27"].published[0].pairs == [("nonbn_resg:l1", "resg:l1")]
    assert claims["E19"].published[0].pairs == [("l1", "l2"), ("ssim", "l1")]
    assert claims["E12"].measured[0].losses == ["bicubic", "input", "l1"]
    assert claims["E10"].published[0].pairs[0][0] == "sploss"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": ["pnsr"]}, "There is no metric 'pnsr': did you mean 'psnr'"),
        ({"pairs": [["sploss", "l11"]]}, "There is no loss 'l11': did you mean 'l1'"),
        ({"pairs": [["edrs:sploss", "l1"]]}, "There is no network 'edrs': did you mean 'edsr'"),
        ({"tables": ["gv_tabel1"]}, "There is no table 'gv_tabel1': did you mean 'gv_table1'"),
        ({"recipes": ["minni"]}, "There is no recipe 'minni': did you mean 'mini'"),
        ({"tasks": ["sr_x5"]}, "There is no task 'sr_x5': did you mean 'sr_x"),
        ({"datasets": ["set55"]}, "There is no data set 'set55': did you mean 'set5'"),
        ({"without_datasets": ["urban10"]}, "There is no data set 'urban10': did you mean 'urban100'"),
        ({"protocols": ["gv_cod"]}, "There is no protocol 'gv_cod': did you mean 'gv_code'"),
    ],
)
def test_a_name_that_nothing_has_is_told_with_its_claim_and_the_nearest(claim_file, change, message):
    with pytest.raises(UserError) as error:
        load_claims(claim_file(PAIR | change))
    assert str(error.value).startswith("claims.yaml, E1: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        ({"papers": {"Q": PAPER}}, "E1: There is no paper 'P': known are: Q."),
        ({"papers": {"P": PAPER | {"loss": "splos"}}}, "papers.P: There is no loss 'splos': did you mean 'sploss'"),
        ({"papers": {"P": PAPER | {"metrics": {"gv": "psnrr"}}}}, "papers.P: There is no metric 'psnrr'"),
        ({"subject": BESIDE["subject"] | {"budgets": ["l11"]}}, "subject: There is no loss 'l11': did you mean 'l1'"),
        ({"subject": BESIDE["subject"] | {"claim": "E9"}}, "subject: There is no claim 'E9': did you mean 'E1'"),
    ],
)
def test_a_name_beside_the_claims_that_nothing_has_is_told_with_its_place(claim_file, beside, message):
    with pytest.raises(UserError) as error:
        load_claims(claim_file(PAIR, beside=beside))
    assert str(error.value).startswith(f"claims.yaml, {message}")


def test_a_claim_that_is_not_there_cannot_be_joined(claim_file):
    with pytest.raises(UserError, match="E1: There is no claim 'E9': did you mean 'E1'"):
        load_claims(claim_file({"kind": "all_of", "claims": ["E1", "E9"]}))


def join(*names):
    return {"kind": "all_of", "claims": list(names)}


@pytest.mark.parametrize(
    ("first", "others"),
    [
        (join("E2", "E3"), {"E2": PAIR, "E3": join("E1", "E2")}),
        (join("E2", "E3"), {"E2": PAIR, "E3": join("E2", "E4"), "E4": PAIR}),
        (join("E1", "E1"), {}),
    ],
)
def test_claims_that_join_others_are_joined_by_none(claim_file, first, others):
    with pytest.raises(UserError, match=r"claims\.yaml, E1: its test 'measured' joins E\d, which joins other claims"):
        load_claims(claim_file(first, others))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": ["fid"]}, "There is no metric 'fid': known are: lpips, niqe, psnr, ssim."),
        ({"pairs": [["sploss", "l2"]]}, "There is no loss 'l2': did you mean 'l1'?"),
        ({"networks": ["vdsr"]}, "There is no network 'vdsr'"),
        ({"datasets": ["urban100"]}, "There is no data set 'urban100'"),
    ],
)
def test_a_published_test_asks_its_tables_for_what_one_of_them_has(claim_file, change, message):
    test = PAIR | {"tables": ["sploss_table3"]}
    assert load_claims(claim_file(NOTHING, published=[test]))
    with pytest.raises(UserError) as error:
        load_claims(claim_file(NOTHING, published=[test | change]))
    assert str(error.value).startswith(f"claims.yaml, E1, published in sploss_table3: {message}")


def test_of_several_tables_one_has_to_have_the_name(claim_file):
    test = PAIR | {"tables": ["sploss_table3", "gv_table1"], "networks": ["vdsr"], "without_datasets": ["b100"]}
    assert load_claims(claim_file(NOTHING, published=[test]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sence": "higher"}, "There is no key 'sence': did you mean 'sense'"),
        ({"sense": "sharper"}, "sense is 'sharper'"),
        ({"pairs": []}, "pairs is"),
        ({"kind": "directon"}, "claims.E1.measured.0.kind: There is no kind 'directon': did you mean 'direction'?"),
        ({"tolerance": -1}, "tolerance is -1"),
    ],
)
def test_a_bad_key_or_value_is_told_with_its_place(claim_file, change, message):
    with pytest.raises(UserError) as error:
        load_claims(claim_file(PAIR | change))
    assert "claims.E1.measured.0" in str(error.value)
    assert message in str(error.value)


def test_names_of_the_studys_own_count(claim_file):
    root = claim_file(PAIR | {"pairs": [["mine", "l1"]]})
    with pytest.raises(UserError, match="no loss 'mine'"):
        load_claims(root)
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["losses"]["mine"] = {"l1": 2}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    assert "E1" in load_claims(root).claims


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"claims\.yaml is missing"):
        load_claims(tmp_path)


def test_the_paper_study_trains_what_a_claim_about_its_budget_asks_for():
    suites = yaml.safe_load((ROOT / "studies" / "paper.yaml").read_text())["suites"].values()
    for test in load_claims(ROOT).claims["E16"].measured:
        wanted = {"recipe": test.recipes[0], "task": test.tasks[0], "network": test.networks[0]}
        assert any(
            wanted["recipe"] == suite["recipe"]
            and wanted["task"] in suite["tasks"]
            and wanted["network"] in suite["networks"]
            and set(test.pairs[0]) <= set(suite["losses"])
            for suite in suites
        ), wanted
