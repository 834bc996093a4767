"""The tables and figures of a study as one article in LaTeX, to copy from, and its PDF where a TeX is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from sharploss.analysis.figures.draw import study_figures
from sharploss.analysis.figures.study_figure import StudyFigure
from sharploss.analysis.plotting.style import save, style
from sharploss.analysis.report.facts import not_whole
from sharploss.analysis.report.headline import caveat
from sharploss.analysis.study import Study
from sharploss.analysis.tables.latex import escape_latex, latex
from sharploss.analysis.tables.paper_tables import paper_tables
from sharploss.analysis.tables.tables import laid_out
from sharploss.record.paths import PUBLISHED
from sharploss.utils.errors import UserError, cut
from sharploss.utils.files import write_text

BIBLIOGRAPHY = PUBLISHED / "papers.bib"

SECONDS = 300  # far more than a run of pdflatex takes

PREAMBLE = r"""\documentclass{article}
\usepackage{booktabs,longtable,graphicx,float}
\setlength{\LTcapwidth}{\textwidth}
\floatplacement{table}{H}\floatplacement{figure}{H}
\newcommand{\sharplossfigure}[2]{\begin{figure}\centering
\includegraphics[width=\textwidth,height=.55\textheight,keepaspectratio]{#1}\caption{#2}\end{figure}}
"""


def write_paper(study: Study) -> list[str]:
    """Write paper.tex with its figures and papers.bib, and paper.pdf where a TeX is; return what is to be said of it.

    Tables that are mostly sentences are on the page alone.
    """
    folder = study.paths.paper
    drawn = list[StudyFigure]()
    with style():
        for one in study_figures(study):
            if one.figure is not None:
                save(one.figure, folder / "figures", one.name, one.title, "pdf")
                drawn.append(one._replace(figure=None))
    write_text(folder / BIBLIOGRAPHY.name, (study.root / BIBLIOGRAPHY).read_text(encoding="utf-8"))
    write_text(folder / "paper.tex", document(study, drawn))
    if not all(map(shutil.which, ("pdflatex", "bibtex"))):
        return [f"{folder / 'paper.tex'}: there is no TeX here (pdflatex and bibtex) to make the PDF with."]
    pages, wide = compiled(folder)
    return [f"{folder / 'paper.pdf'}: {pages} pages, {len(wide)} lines too wide", *wide]


def document(study: Study, figures: list[StudyFigure]) -> str:
    """Return the article: what the study cannot tell, its own figures and tables, then those of each paper."""
    own = [latex(table) for tables in laid_out(study).values() for table in tables if not table.words]
    parts = [_section("The study", [_figure(one) for one in figures if not one.paper], own)]
    for name, paper in study.about.papers.items():
        tables = [latex(each.table) for each in paper_tables(study).values() if each.paper == name]
        mine = [_figure(one) for one in figures if one.paper == name]
        parts.append(_section(f"{escape_latex(name)}~\\cite{{{paper.cite}}}", mine, tables))
    title = escape_latex(f"sharploss: tables and figures of the study {study.params.study}")
    told = escape_latex(" ".join([*not_whole(study), caveat(study)]))
    begin = f"\\title{{{title}}}\n\\author{{}}\\date{{}}\n\\begin{{document}}\n\\maketitle\n"
    end = "\\bibliographystyle{plain}\n\\bibliography{papers}\n\\end{document}\n"
    return f"{PREAMBLE}{begin}\\begin{{abstract}}\n{told}\n\\end{{abstract}}\n{''.join(parts)}{end}"


def _section(title: str, figures: list[str], tables: list[str]) -> str:
    nothing = "" if figures or tables else "This study has no figure or table of it."
    return "\n".join([f"\\section{{{title}}}", nothing, *figures, *tables, ""])


def _figure(one: StudyFigure) -> str:
    text = f"\\textbf{{{escape_latex(one.title)}.}} {escape_latex(one.caption)}"
    return f"\\sharplossfigure{{figures/{one.name}.pdf}}{{{text}}}\n"


def compiled(folder: Path) -> tuple[int, list[str]]:
    """Make paper.pdf of paper.tex; return its number of pages, and what TeX says of lines that are too wide."""
    tex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"]
    whole_lines = {**os.environ, "max_print_line": "1000"}
    for command in (tex, ["bibtex", "paper"], tex, tex):  # the last for references and the widths of long tables
        ran = subprocess.run(command, cwd=folder, env=whole_lines, capture_output=True, check=False, timeout=SECONDS)
        if ran.returncode:
            said = re.search(r"^!.*", ran.stdout.decode(errors="replace"), re.MULTILINE)
            why = said[0] if said else "it says no more"
            raise UserError(f"{command[0]} fails at {folder / 'paper.tex'} ({cut(why, 200)}): see paper.log beside it.")
    log = (folder / "paper.log").read_text(encoding="utf-8", errors="replace")
    pages = re.search(r"Output written on .*\((\d+) pages?", log)
    return int(pages[1]) if pages else 0, re.findall(r"^Overfull \\[hv]box .*", log, re.MULTILINE)
