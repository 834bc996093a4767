"""A sixth paper is data and a file of figures: nothing else of the analysis changes."""

import json

import pytest
import yaml

import synthetic
from sharploss.analysis import figures
from sharploss.analysis.claims.evaluate import write_claims
from sharploss.analysis.claims.spec import load_claims
from sharploss.analysis.figures import draw
from sharploss.analysis.load import load_study
from sharploss.analysis.published import PUBLISHED, load_index
from sharploss.analysis.report.page import render
from sharploss.analysis.report.paper import document
from sharploss.utils.errors import UserError
from sharploss.utils.files import sha256

FIGURES = '''"""The figures of the TOY paper."""

from sharploss.analysis.figures.study_figure import StudyFigure
from sharploss.analysis.plotting.style import new_figure


def toys(study):
    figure = new_figure(3, 2)
    figure.subplots()
    yield StudyFigure("toy_points", "Toys at play", figure, f"Toys have {len(study.runs)} runs", "Caption.", "Text.")


FIGURES = {"toy_points": toys, "toy_lines": lambda study: iter(())}
NEEDS = {"toy_points": ("a toy", ""), "toy_lines": ("more toys", "")}
'''
CLAIM = {
    "paper": "TOY",
    "where": "Table 1",
    "statement": "The toy loss raises PSNR.",
    "published": [{"kind": "direction", "tables": ["toy_table1"], "metrics": ["psnr"], "sense": "higher",
                   "pairs": [["l1_tv", "l1"]]}],
    "measured": [{"kind": "direction", "tasks": ["sr_x4"], "metrics": ["psnr"], "sense": "higher",
                  "pairs": [["l1_tv", "l1"]]}],
}  # fmt: skip
TABLE = """paper,table,task,dataset,scale,network,loss,alpha,metric,value
TOY,1,SR,Set5,4,EDSR,L1,,PSNR,32.10
TOY,1,SR,Set5,4,EDSR,L1+TV,,PSNR,32.30
"""
ABOUT = {
    "paper": "TOY",
    "where": "Table 1",
    "title": "Toys added to L1",
    "rows": 2,
    "budget": "a day",
    "protocol": "the usual one",
    "tasks": {"SR 4": ["sr_x4"]},
    "metrics": {"PSNR": ["psnr", "y"]},
}


@pytest.fixture
def sixth(tmp_path, monkeypatch):
    """An invented study's folder with a sixth paper in its data, for which total variation is a toy."""
    losses = {"networks": ("edsr",), "losses": ("l1", "l1_tv"), "alphas": ("sploss",)}
    own_root = synthetic.make_study(tmp_path / "study", diverged=(), **losses)
    claims = yaml.safe_load((own_root / "claims.yaml").read_text())
    claims["papers"]["TOY"] = {"page": "toy", "cite": "toy", "loss": "l1_tv", "terms": {"tv": "Toy"}}
    claims["claims"] = {name: claims["claims"][name] for name in ("E4", "E13", "E20", "E25", "E27")} | {"E33": CLAIM}
    (own_root / "claims.yaml").write_text(yaml.safe_dump(claims, sort_keys=False))
    published = own_root / PUBLISHED
    (published / "toy_table1.csv").write_text(TABLE)
    tables = yaml.safe_load((published / "tables.yaml").read_text())
    tables["tables"]["toy_table1"] = ABOUT | {"sha256": sha256(published / "toy_table1.csv")}
    (published / "tables.yaml").write_text(yaml.safe_dump(tables, sort_keys=False))
    (published / "papers.bib").write_text("@article{toy,\n title = {Toys}\n}\n")
    (tmp_path / "toy.py").write_text(FIGURES)
    monkeypatch.setattr(figures, "__path__", [*figures.__path__, str(tmp_path)])
    load_index.cache_clear()
    return own_root


def test_a_sixth_paper_is_everywhere_where_papers_are(sixth, monkeypatch):
    study = load_study("mini", sixth)
    files = draw.figure_files(study)
    assert [*files][-1] == "TOY"
    monkeypatch.setattr(draw, "figure_files", lambda _: {"TOY": files["TOY"]})
    draw.write_figures(study)
    listed = json.loads((study.paths.figures / "figures.json").read_text())
    assert [(one["name"], one["paper"], "not_drawn" in one) for one in listed] == [
        ("toy_points", "TOY", False),
        ("toy_lines", "TOY", True),
    ]
    found = write_claims(study)["claims"]["E33"]
    assert (found["published"]["verdict"], found["published"]["cells"]["total"]) == ("supported", 1)
    assert found["measured"]["cells"]["total"] > 0
    assert "# TOY: what we found" in (study.paths.claim_pages / "toy.md").read_text()
    assert study.titles["l1_tv"] == "L1 + Toy"
    page = render(study, "make")
    for part in ("<caption>TOY</caption>", "<h3>Toys at play</h3>", "TOY, Table 1: Toys added to L1.", "L1 + Toy"):
        assert part in page
    article = document(study, [])
    assert "\\section{TOY~\\cite{toy}}" in article
    assert "TOY, Table 1: Toys added to L1." in article


def test_a_paper_that_is_not_listed_is_named(sixth):
    path = sixth / "claims.yaml"
    path.write_text(path.read_text().replace("  TOY:", "  TOYS:"))
    with pytest.raises(UserError, match=r"E33: There is no paper 'TOY': did you mean 'TOYS'"):
        load_claims(sixth)
