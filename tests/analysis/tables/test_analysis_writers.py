import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharploss.analysis.tables.latex import escape_latex, latex
from sharploss.analysis.tables.layout import Cell, Table
from sharploss.analysis.tables.writers import escape_markdown, markdown

# Hypothesis would sort all of Unicode first, six seconds.
LETTERS = "".join(map(chr, [*range(0x180), 0x300, 0x2028, 0x202E, 0x4E00, 0xFFFD, 0x1F600]))
HOSTILE = r"<script>alert(1)</script> & 100% $x_1^2$ #{a}~\input{/etc/passwd} | `b` *c*"


def table(text):
    return Table(text, [text, "n"], [[Cell(text), Cell("1.0", "best")], [Cell("[x]"), Cell("2", "worse")]], 1, [text])


def test_latex_specials_show_as_they_are():
    assert escape_latex("a_b & 5% $c$ #d {e}") == r"a\_b \& 5\% \$c\$ \#d \{e\}"
    assert escape_latex("\\input{x}") == r"\textbackslash{}input\{x\}"


@given(st.text(LETTERS))
def test_no_text_gets_a_bare_special_into_latex(text):
    escaped = escape_latex(text)
    for made in (
        r"\textbackslash{}",
        r"\textasciitilde{}",
        r"\textasciicircum{}",
        r"\textless{}",
        r"\textgreater{}",
        r"\textbar{}",
    ):
        escaped = escaped.replace(made, "")
    bare = re.sub(r"\$(-|\\[a-z]+)\$", "", escaped)
    assert not re.search(r"(?<!\\)[&%$#_{}~^]", bare)
    assert "\n" not in escaped


@given(st.text(LETTERS))
def test_no_text_opens_html_or_a_column_in_markdown(text):
    assert not re.search(r"(?<!\\)[<>|*`]", re.sub(r"\\\\", "", escape_markdown(text)))


def test_markdown_rows_keep_their_columns():
    lines = [line for line in markdown(table(HOSTILE)).splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 3 for line in lines)
    assert "| **1.0** |" in lines[2]


def test_an_interval_stays_readable_in_markdown():
    assert escape_markdown("+0.12 [+0.03, +0.20] l1_gv") == "+0.12 [+0.03, +0.20] l1_gv"


def test_latex_marks_and_guards_brackets():
    text = latex(table("name"))
    assert r"\textbf{1.0}" in text
    assert r"{[x]} & \textit{2} \\" in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_hostile_latex_compiles(tmp_path):
    body = latex(table(HOSTILE))
    (tmp_path / "t.tex").write_text(
        f"\\documentclass{{article}}\\usepackage{{booktabs,longtable}}\\begin{{document}}{body}\\end{{document}}"
    )
    subprocess.run(["pdflatex", "-halt-on-error", "t.tex"], cwd=tmp_path, check=True, capture_output=True)


def test_a_table_too_wide_for_an_articles_text_is_divided_and_a_long_one_breaks_over_pages():
    heads = [f"a heading of words {at}" for at in range(12)]
    rows = [[Cell(f"row {at}"), *(Cell("+0.012 [+0.003, +0.020]") for _ in heads)] for at in range(3)]
    text = latex(Table("c", ["loss", *heads], rows, labels=1))
    assert text.count(r"\begin{tabular}") == text.count("row 2 &") == 4
    assert text.count(r"\begin{table}") == text.count(r"\caption") == 1
    assert r"\shortstack[r]{a heading of \\ words 0}" in text
    several = latex(Table("c", ["loss", *heads], rows * 9, labels=1))
    assert several.count(r"\begin{table}") == several.count(r"\caption") == 2  # a page each
    assert several.count("(continued)") == 1
    assert latex(Table("c", ["loss", *heads], rows * 30, labels=1)).count(r"\begin{longtable}") == 4


def test_a_reason_that_fills_a_row_is_given_once():
    rows = [[Cell("a"), Cell("gone", "gone"), Cell("gone", "gone")], [Cell("b"), Cell("gone", "gone"), Cell("1.0")]]
    made = Table("c", ["n", "x", "y"], rows, labels=1)
    assert "| a | gone |  |" in markdown(made)
    assert "| b | gone | 1.0 |" in markdown(made)
    assert r"a & \multicolumn{2}{l}{\rlap{\parbox[t]{100pt}{\raggedright gone}}} \\" in latex(made)
