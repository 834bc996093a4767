"""The article of all tables and figures: what it holds, that it compiles, and that nothing is wider than its text."""

import shutil
from pathlib import Path

import pytest

from sharploss.analysis.report import paper
from sharploss.analysis.tables.latex import LINE, latex
from sharploss.analysis.tables.layout import Cell, Table

ROOT = Path(__file__).parents[3]
WITH_TEX = pytest.mark.skipif(
    not all(map(shutil.which, ("pdflatex", "bibtex"))), reason="there is no TeX (pdflatex and bibtex)"
)
HOSTILE = r"it's_100% & $5 #1 {a}~\input{/etc/passwd} | <b> ^2 é 日本"
LONG = "a_name_of_many_words_" * 8


def article(*tables):
    return f"{paper.PREAMBLE}\\begin{{document}}{''.join(map(latex, tables))}\\end{{document}}"


def made(folder, text):
    """Compile an article without references; return its number of pages and the lines that are too wide."""
    (folder / "paper.tex").write_text(
        text.replace(r"\end{document}", r"\nocite{*}\bibliographystyle{plain}\bibliography{papers}\end{document}")
    )
    shutil.copy(ROOT / paper.BIBLIOGRAPHY, folder)
    return paper.compiled(folder)


def test_the_article_has_every_table_and_cites_every_paper(study):
    text = paper.document(study, [])
    for name, about in study.about.papers.items():
        assert f"\\section{{{name}~\\cite{{{about.cite}}}}}" in text
        assert f"{{{about.cite},\n" in (ROOT / paper.BIBLIOGRAPHY).read_text(encoding="utf-8")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") > 10
    assert "Means on Set5" in text


def test_without_a_tex_the_source_is_written_and_a_sentence_says_so(study, monkeypatch):
    monkeypatch.setattr(paper, "study_figures", lambda _: [])
    monkeypatch.setattr(shutil, "which", lambda _: None)
    (said,) = paper.write_paper(study)
    assert "there is no TeX here" in said
    assert (study.paths.paper / "paper.tex").is_file()
    assert (study.paths.paper / "papers.bib").is_file()


@WITH_TEX
def test_names_of_any_letters_and_lengths_fit_an_articles_text(tmp_path):
    cells = [
        Cell(HOSTILE),
        Cell("WMWM MS-SSIM+GV"),
        Cell("+0.0298 [+0.0256, +0.0324]", "best"),
        Cell(LONG),
        Cell("[x]", "second"),
    ]
    heads = [HOSTILE, "WMWMWM", "PSNR → SSIM ↑ ", LONG, "n"]
    gone = [Cell(LONG), *[Cell(f"not trained: {LONG} {HOSTILE}", "gone")] * 4]
    tables = [
        Table(f"{HOSTILE} {LONG}", heads, [cells, gone] * rows, labels, [LONG, HOSTILE])
        for labels, rows in ((1, 1), (2, 2), (4, 3), (1, 40))
    ]
    pages, wide = made(tmp_path, article(*tables, Table("nothing", heads, [])))
    assert pages >= 4
    assert wide == []


@WITH_TEX
def test_a_line_that_is_too_wide_is_found(tmp_path):
    _, wide = made(
        tmp_path,
        article().replace(
            r"\begin{document}", rf"\begin{{document}}\hbox to {LINE - 1}pt{{\rule{{{LINE + 9}pt}}{{1pt}}}}"
        ),
    )
    assert len(wide) == 1


@WITH_TEX
def test_an_error_of_tex_is_one_sentence(tmp_path):
    with pytest.raises(paper.UserError, match=r"pdflatex fails at .*Undefined control sequence.*paper\.log"):
        made(tmp_path, article().replace(r"\begin{document}", r"\begin{document}\nosuchcommand"))


@WITH_TEX
@pytest.mark.slow
def test_a_whole_study_is_one_pdf_without_lines_that_are_too_wide(wide):
    said = paper.write_paper(wide)
    assert said[0].endswith("0 lines too wide"), said
    assert (wide.paths.paper / "paper.pdf").stat().st_size > 100_000


@WITH_TEX
@pytest.mark.slow
def test_the_committed_tables_fit_an_articles_text(benchmark, tmp_path):
    pages, wide = made(tmp_path, paper.document(benchmark, []).partition(r"\bibliographystyle")[0] + r"\end{document}")
    assert pages > 40
    assert wide == []
