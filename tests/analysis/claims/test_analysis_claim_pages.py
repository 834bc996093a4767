import json
import re
from collections import Counter

import pytest

import synthetic
from sharploss.analysis.claims.spec import load_claims
from sharploss.analysis.claims.summary import VERDICTS, page, write_pages
from sharploss.analysis.titles import name_title

PAGES = {name: paper.page for name, paper in load_claims(synthetic.REPOSITORY).papers.items()}


@pytest.fixture(scope="module")
def root(evaluated):
    return evaluated[0]


@pytest.fixture(scope="module")
def verdicts(root):
    return json.loads((root / "results" / "mini" / "claims.json").read_text())


@pytest.mark.parametrize("paper", PAGES)
def test_a_page_has_every_claim_of_its_paper_and_no_other(verdicts, paper):
    mine = [key for key, claim in verdicts["claims"].items() if paper in claim["paper"].split(" and ")]
    assert mine
    assert re.findall(r"^## (E\d+)$", page(paper, verdicts), flags=re.MULTILINE) == mine


def test_a_claim_has_both_verdicts_their_cells_and_the_effect_with_its_interval(verdicts):
    claim = verdicts["claims"]["E1"]
    row = next(line for line in page("SPLoss", verdicts).splitlines() if line.startswith("| E1 |"))
    cells = [cell.strip(" *") for cell in row.split("|")[4:-1]]
    for side, word, counts in (("published", *cells[:2]), ("measured", *cells[3:5])):
        scope = claim[side]["scope"]
        assert word == f"{claim[side]['verdict']}{f' ({scope})' if scope else ''}"
        assert counts == f"{claim[side]['cells']['for']} of {claim[side]['cells']['total']}"
    effect = claim["measured"]["effects"]["lpips"]
    told = [float(number.replace("\N{MINUS SIGN}", "-")) for number in re.findall(r"[+\N{MINUS SIGN}][\d.]+", cells[5])]
    assert told == pytest.approx([effect["change"], effect["low"], effect["high"]], abs=5e-5)


def test_the_counts_at_the_top_are_those_of_the_claims(verdicts):
    row = next(line for line in page("GV", verdicts).splitlines() if line.startswith("| all |"))
    counts = [int(cell.strip(" *").replace("·", "0")) for cell in row.split("|")[3:-1]]
    mine = [c for c in verdicts["claims"].values() if "GV" in c["paper"].split(" and ")]
    told = [side[word] for side in (counts_of(mine, "published"), counts_of(mine, "measured")) for word in VERDICTS]
    assert counts == told


def counts_of(claims, side):
    return Counter(claim[side]["verdict"] for claim in claims)


def test_the_cells_that_are_not_for_a_claim_are_listed(verdicts):
    key, claim = next(
        (k, c) for k, c in verdicts["claims"].items() if c["measured"]["exceptions"] and c["paper"] == "GV"
    )
    part = page("GV", verdicts).split(f"## {key}\n")[1].split("\n## ")[0]
    assert f"{key}, measured: cells that are not for the claim." in part
    assert f"| {name_title(claim['measured']['exceptions'][0]['network'])} |" in part


def test_the_study_is_said(verdicts):
    assert f"the study `{verdicts['study']}`." in page("MDF", verdicts)


def test_every_measured_verdict_names_its_steps_and_seeds(verdicts):
    told = {key: claim["measured"]["scope"] for key, claim in verdicts["claims"].items() if claim["measured"]["seeds"]}
    assert all(re.fullmatch(r"preliminary, one seed; at (60|200)( to 200)? steps", scope) for scope in told.values())
    assert f"({told['E13']})" in page("GV", verdicts)


def test_what_a_claim_says_is_text_and_no_markup(verdicts):
    hostile = {"E1": verdicts["claims"]["E1"] | {"statement": "a | b <script>x</script>", "note": "<b>"}}
    text = page("SPLoss", verdicts | {"claims": hostile})
    assert re.search(r"(?<!\\)<\w", text) is None
    assert "a \\| b" in text


def test_evaluating_writes_the_pages(verdicts, root, tmp_path):
    write_pages(tmp_path, verdicts)
    for name in PAGES.values():
        written = root / "reports" / "mini" / "claims" / f"{name}.md"
        assert written.read_text() == (tmp_path / f"{name}.md").read_text()
