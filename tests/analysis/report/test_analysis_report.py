import html
import json
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise

import pytest
import yaml
from stand_ins import HOSTILE, with_figures, with_protocols

import synthetic
from sharploss.analysis.claims.evaluate import evaluate_claims, write_claims
from sharploss.analysis.load import load_study
from sharploss.analysis.report.page import SCRIPTS, hash_of, render, write_page


@pytest.fixture(scope="module")
def root(study, study_root):
    write_claims(study)
    return with_protocols(with_figures(study_root))


@pytest.fixture(scope="module")
def page(root, study):
    write_page(study, command="make repro")
    return (root / "reports" / "mini" / "index.html").read_text()


class Outline(HTMLParser):
    """Tags in order, ids, links, images and the text of every script."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.images, self.scripts = [], [], [], [], []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        about = dict(attrs)
        self.tags.append(tag)
        self.ids += [about["id"]] if "id" in about else []
        self.links += [about["href"]] if tag == "a" else []
        self.images += [about] if tag == "img" else []
        self.inside = tag == "script"
        self.scripts += [""] if self.inside else []

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "script"


def data_of(page):
    return json.loads(Outline(page).scripts[0])


def test_the_page_asks_the_network_for_nothing_and_lets_its_own_scripts_run(page):
    outline = Outline(page)
    assert len(outline.scripts) == 1 + len(SCRIPTS)  # the explorer's data comes first
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    hashes = " ".join(f"'{hash_of(script)}'" for script in outline.scripts[1:])
    assert f"script-src {hashes};" in policy.replace("&#43;", "+").replace("&#x2F;", "/")
    assert "default-src 'none'" in policy
    assert "img-src 'self'" in policy.replace("&#39;", "'")
    assert not re.search(r"https?://|@import|url\(|data:", page)


def test_the_verdicts_come_first_and_every_section_can_be_reached(page):
    outline = Outline(page)
    sections = re.findall(r"<h2 id=\"(\w+)\">", page)
    assert sections == ["answer", "verdicts", "suites", "figures", "explorer", "papers", "appendix"]
    parts = re.findall(r"<h3 id=\"([\w-]+)\">", page[page.index('id="appendix"') :])
    assert {"losses", "calibration", "protocols", "cost", "provenance", "gaps"} <= set(parts)
    assert {*sections, *parts} <= {link[1:] for link in outline.links if link.startswith("#")}
    assert outline.tags.count("h1") == outline.tags.count("main") == outline.tags.count("nav") == 1
    assert len(outline.ids) == len(set(outline.ids))


def test_headings_go_down_one_step_at_a_time(page):
    levels = [int(tag[1]) for tag in Outline(page).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_tables_have_captions_and_headers_images_a_text_and_controls_a_label(page):
    tables = re.findall(r"<table.*?</table>", page, re.S)
    assert len(tables) > 50
    assert all("<caption" in table and '<th scope="col"' in table for table in tables)
    assert all(image["alt"] for image in Outline(page).images if "src" in image)
    labelled = set(re.findall(r'<label for="([\w-]+)"', page))
    controls = re.findall(r'<(?:select|input)[^>]* id="([\w-]+)"', page)
    assert len(controls) > 9
    assert set(controls) == labelled


def test_links_lead_to_the_page_or_to_files_beside_it(page, root, study):
    links = set(Outline(page).links)
    assert {link[1:] for link in links if re.match("#(?!explore\\?)", link)} <= set(Outline(page).ids)
    beside = {link for link in links if not link.startswith("#")}
    beside |= {image["src"] for image in Outline(page).images if "src" in image}
    # The tables' files need not be here; everything else has to be.
    missing = {link for link in beside if not (root / "reports" / "mini" / link).exists()}
    assert missing <= {link for link in beside if re.fullmatch(r"tables/\w+\.(md|csv|tex)", link)}
    assert not any(link.startswith("../../results/mini/runs/sr_x4-edsr-gone/") for link in beside)
    assert {f"../../results/mini/runs/{run}/metrics.json" for run in study.runs["run"]} <= beside


def test_the_page_tells_answer_control_failures_and_provenance(page):
    assert re.search(
        r"<li>SPLoss \(. 2\) is closer to the target than L1 by LPIPS, [^<]* at PSNR [^<]* against L1.", page
    )
    sentences = page[page.index('class="sentences"') : page.index('<h2 id="verdicts">')]
    assert sentences.count("<p>") >= 3
    assert re.search(r"<p>SPLoss \(. 2\) instead of L1 brings \w+'s images closer".replace("'", "&#39;"), sentences)
    assert "No evidence: trainings of 200 steps" in page
    assert "Passed: all 72 scores are identical" in page
    assert "1 run without scores, diverged (gv at step 140): sr_x4-vdsr-l2_gv-s0." in page
    assert "Figure g not drawn: Set14 is not here." in page
    for fact in ("make repro", "an invented processor, 2 cores", "torch 2.13.0", "0123abc", "CC0 1.0"):
        assert fact in page


@pytest.mark.slow
def test_what_was_not_trained_is_listed_with_what_to_do(wide_root, tmp_path):
    root = shutil.copytree(wide_root, tmp_path / "study", ignore=shutil.ignore_patterns("reports"))
    evaluate_claims("mini", root)
    with_protocols(with_figures(root))
    write_page(load_study("mini", root), command="make repro")
    text = html.unescape((root / "reports" / "mini" / "index.html").read_text())
    gaps = text.split('<h3 id="gaps">')[1].split("</section>")[0]
    assert gaps.count(f"To train what was not: {synthetic.CURE}.") == 1


def test_every_claim_and_every_published_table_is_in_the_page(page, root):
    claims = json.loads((root / "results" / "mini" / "claims.json").read_text())["claims"]
    assert re.findall(r'<details class="claim" id="(\w+)"', page) == list(claims)
    for name in ("sploss_table1", "gv_table1", "sharpgan_table1"):
        assert f'id="paper_{name}"' in page
        assert f"tables/paper_{name}.csv" in page


def test_each_claim_on_one_seed_says_so(page, root):
    claims = json.loads((root / "results" / "mini" / "claims.json").read_text())["claims"]
    parts = re.findall(r'<details class="claim" id="(\w+)"(.*?)(?=<details class="claim"|</section>)', page, re.DOTALL)
    told = {key for key, part in parts if "preliminary, one seed" in part}
    assert told == {key for key, claim in claims.items() if claim["measured"]["seeds"] == 1} != set()


@pytest.mark.slow
def test_hostile_texts_stay_texts(root, tmp_path):
    own_root = shutil.copytree(root, tmp_path / "study", ignore=shutil.ignore_patterns("reports"))
    with_figures(own_root)
    verdicts = own_root / "results" / "mini" / "claims.json"
    found = json.loads(verdicts.read_text())
    found["claims"]["E1"] |= {"statement": HOSTILE, "paper": HOSTILE, "note": HOSTILE}
    verdicts.write_text(json.dumps(found))
    for path in [*own_root.glob("results/mini/scores/*.json"), *own_root.glob("results/mini/runs/*/provenance.json")]:
        content = json.loads(path.read_text())
        content |= (
            {"hardware": HOSTILE, "commit": HOSTILE}
            if "hardware" in content
            else {"not_measured": {HOSTILE: HOSTILE}, "missing_sets": {HOSTILE: HOSTILE}}
        )
        path.write_text(json.dumps(content))
    params = yaml.safe_load((own_root / "params.yaml").read_text())
    params["suites"]["pairings"]["question"] = HOSTILE
    (own_root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    failed = own_root / "results" / "mini" / "runs" / "sr_x4-vdsr-l2_gv-s0" / "metrics.json"
    failed.write_text(json.dumps(json.loads(failed.read_text()) | {"diverged": {"term": HOSTILE, "step": 3}}))
    study = load_study("mini", own_root)
    # A plan lets no such name in; the page would not be harmed by one.
    study.runs["run"] = study.runs["run"].replace("sr_x4-vdsr-l2_gv-s0", HOSTILE)
    outline = Outline(render(study, HOSTILE))
    assert len(outline.scripts) == 1 + len(SCRIPTS)
    assert "</script" not in outline.scripts[0]
    assert not any(image.get("onerror") for image in outline.images)
    odd = [link for link in outline.links if "alert" in link]
    assert odd
    assert all(link.startswith("../../results/mini/runs/%3C/script%3E%3Cscript%3Ealert%28") for link in odd)


@pytest.mark.slow
def test_without_gaps_claims_and_protocols_the_page_says_so_and_is_the_same_every_time(tmp_path):
    few = {"networks": ("edsr",), "losses": ("l1", "l1_gv", "sploss"), "alphas": ("sploss_a0",)}
    root = with_figures(synthetic.make_study(tmp_path, diverged=(), **few))
    listed = json.loads((root / "reports" / "mini" / "figures" / "figures.json").read_text())
    (root / "reports" / "mini" / "figures" / "figures.json").write_text(json.dumps(listed[:-1]))
    page = render(load_study("mini", root), "make repro")
    assert render(load_study("mini", root), "make repro") == page
    assert "Nothing is missing" in page
    assert "The claims have not been evaluated." in page
    assert "run pipelines/protocols.py" in page


def test_what_was_not_measured_is_listed_with_its_reason(sparse_root):
    with_figures(sparse_root)
    page = render(load_study("mini", sparse_root), "make repro")
    assert "LPIPS not measured: the weights of lpips are in no cache" in page
    assert "set5 not tested" in page


@pytest.mark.slow
def test_a_suite_that_looks_for_weights_shows_each_loss_at_its_best(mini_root, tmp_path):
    study = with_figures(shutil.copytree(mini_root, tmp_path / "study"))
    text = render(load_study("mini", study), "make repro")
    suite = text[text.index("<h3>weights</h3>") :]
    suite = suite[: suite.index("</section>")]
    asked = suite.index("Which loss is best when each has its best of three weights?")
    assert asked < suite.index('<div class="scroll data"') < suite.index("Each loss at its best (weights)")
    assert text.count("Each loss at its best (weights)") == 2  # one per test set
    assert "Each loss at its best (pairings)" not in text
