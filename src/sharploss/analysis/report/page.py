"""The report stage: one page with the verdicts, the answer, the tables, the pictures and where it all comes from."""

from __future__ import annotations

import base64
import hashlib
from itertools import count
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from sharploss.analysis.claims import summary
from sharploss.analysis.claims.versions import history
from sharploss.analysis.figures.crops import address, explorer
from sharploss.analysis.files import FigureEntry, load_answer, load_evaluated, load_figures, save_answer, save_headline
from sharploss.analysis.report import facts, headline
from sharploss.analysis.report.first_screen import first_screen
from sharploss.analysis.study import Study
from sharploss.analysis.tables.best_weight import lay_out
from sharploss.analysis.tables.layout import gap_notes
from sharploss.analysis.tables.paper_tables import paper_tables
from sharploss.analysis.tables.suite_view import view
from sharploss.analysis.tables.tables import frames, laid_out, shown_suites
from sharploss.config.protocols import METRIC_INFO, PROTOCOLS
from sharploss.planning.plan import expand
from sharploss.record.paths import FRONT_PAGE, paths
from sharploss.record.study import load_study_params
from sharploss.utils.errors import UserError
from sharploss.utils.files import write_text

HERE = Path(__file__).parent
SCRIPTS = ("tables.js", "claims.js", "explorer.js", "page.js")  # what the page says is ready when the last has run
ANSWER = "benchmark"  # the study whose results answer the question; those of others, as mini, are no evidence


def write_page(study: Study, command: str) -> None:
    """Write the page of a study whose figures are drawn, and its answer; `command` makes it again."""
    save_answer(study.paths, first_screen(study), headline.answers(study))
    save_headline(study.paths, headline.numbers(study))
    write_text(study.paths.page, render(study, command))


def write_front_page(root: Path) -> None:
    """Write the front page: what the committed study answers so far, as it was written with that study's page."""
    files, runs = paths(ANSWER, root), expand(load_study_params(ANSWER, root))["runs"]
    here = sum(files.run(key).metrics.is_file() for key in runs)
    known = load_answer(files) if here else None
    told = load_evaluated(files) if known else None
    page = files.page.relative_to(root / FRONT_PAGE.parent).as_posix() if files.page.is_file() else ""
    text = _template("front.html.jinja").render(
        {"first": known and known["first"], "answer": known["answers"][:1] if known else [], "page": page},
        name=ANSWER,
        here=here,
        planned=len(runs),
        claims=summary.claims(told["claims"] if told else {}),
        letters=summary.LETTERS,
    )
    write_text(root / FRONT_PAGE, f"{text}\n")


def render(study: Study, command: str) -> str:
    """Return the page as HTML; every text of the study is escaped. Arguments as in `write_page`."""
    ids, crops = count(), explorer(study, study.paths.reports)

    def record_of(run: str) -> dict[str, str]:
        return {name: address(path, study.paths.reports) for name, path in study.paths.run(run)._asdict().items()}

    return _template("page.html.jinja").render(
        study=study.params.study,
        new_id=lambda: f"t{next(ids)}",
        scripts=[(HERE / name).read_text(encoding="utf-8") for name in SCRIPTS],
        hash_of=hash_of,
        **_claims(study),
        **_measured(study),
        **_described(study),
        crops=crops,
        crop_of=crop_of(crops),
        facts=facts.provenance(study, command),
        record_of=record_of,
    )


def crop_of(crops: list[dict[str, Any]]) -> dict[tuple[str, str, str], str]:
    """Name a crop of the explorer for every task, network and variant that has one, the first of several."""
    return {
        (crop["task"], network["name"], picture["name"]): crop["name"]
        for crop in reversed(crops)
        for network in crop["networks"]
        for picture in network["pictures"]
        if picture["address"]
    }


def _template(name: str) -> Template:
    kept: dict[str, Any] = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    return Environment(loader=FileSystemLoader(HERE), autoescape=True, **kept).get_template(name)


def hash_of(script: str) -> str:
    """Return the hash under which the page's policy lets a script run, and none that is not its own."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def figures(folder: Path) -> tuple[dict[str, list[FigureEntry]], list[FigureEntry]]:
    """Read the list of figures: section -> its figures, and the entries of those that were not drawn."""
    sections, not_drawn = dict[str, list[FigureEntry]](), list[FigureEntry]()
    for entry in load_figures(folder):
        path = folder / f"{entry['name']}.svg"
        if "not_drawn" in entry:
            not_drawn.append(entry)
        elif not path.is_file():
            raise UserError(f"{path} is missing: run 'make repro' to make it.")
        else:
            sections.setdefault(entry["section"], []).append(entry)
    return sections, not_drawn


def _claims(study: Study) -> dict[str, Any]:
    """Format the claims with their results, their counts, and the anomalies; nothing where they were not evaluated."""
    found = load_evaluated(study.paths)
    if not found:
        return {"claims": [], "untestable": []}
    claims = summary.claims(found["claims"])
    return {
        "claims": claims,
        "verdicts": summary.VERDICTS,
        "letters": summary.LETTERS,
        "versions": history(study.paths, found["claims"]),
        "tally": summary.tally(claims),
        "pages": found["papers"],
        "anomalies": summary.anomaly_table(found["anomalies"]),
        "untestable": [claim for claim in claims if claim.measured.verdict == "not testable"],
    }


def _measured(study: Study) -> dict[str, Any]:
    """Format the numbers: answers, tables, the papers' tables, the control."""
    return {
        "first": first_screen(study),
        "answers": headline.answers(study),
        "tables": laid_out(study),
        "suites": [view(study, suite) for suite in shown_suites(study)],
        "best_weight": lay_out(study, frames(study)["best_weight"]),
        "papers": {name: each.table for name, each in paper_tables(study).items()},
        "control": headline.control(study, frames(study)["alpha_control"]),
        "calibration": facts.calibration(study.paths),
    }


def _described(study: Study) -> dict[str, Any]:
    """Gather what is said in words: caveat, figures, protocols, gaps, runs, sources."""
    asked = {name for measure in study.measures for name in measure}
    sections, skipped = figures(study.paths.figures)
    return {
        "caveat": " ".join([headline.caveat(study), *facts.not_whole(study)]),
        "figures": sections,
        "skipped": skipped,
        "metrics": [METRIC_INFO[name] for name in METRIC_INFO if name in asked],
        "protocols": [PROTOCOLS[name] for name in PROTOCOLS if name in asked],
        "protocol_table": facts.protocol_table(study),
        "gaps": [*facts.not_whole(study), *gap_notes(study)],
        "failures": facts.failures(study),
        "cures": study.cures,
        "runs": facts.run_rows(study),
        "cost": facts.cost_table(study),
        "sources": facts.sources(study),
    }
