"""The report stage: one page with the verdicts, the answer, the tables, the pictures and where it all comes from."""

from __future__ import annotations

import base64
import hashlib
from itertools import count
from pathlib import Path
from typing import Any, cast

from sharploss.analysis.claims import summary
from sharploss.analysis.load import Study, load_study
from sharploss.analysis.measures import measures_of
from sharploss.analysis.report import headline
from sharploss.analysis.report.calibration import calibration
from sharploss.analysis.report.crops import explorer
from sharploss.analysis.report.facts import cost_tables, failures, protocol_tables, questions, run_rows
from sharploss.analysis.report.figures import figures
from sharploss.analysis.report.provenance import provenance, sources
from sharploss.analysis.tables.best_weight import lay_out
from sharploss.analysis.tables.layout import gap_notes
from sharploss.analysis.tables.paper_tables import paper_tables
from sharploss.analysis.tables.tables import shown_suites
from sharploss.config.protocols import METRIC_INFO, PROTOCOLS
from sharploss.utils.files import read_json, write_text

HERE = Path(__file__).parent
TEMPLATE, SCRIPT = "page.html.jinja", "page.js"


def write_report(study: str, root: Path, command: str, wall_seconds: float | None = None) -> None:
    """Write the page of a study; its pictures are files beside it, and no network is asked.

    Args:
        study: its name; its figures are drawn, and its claims and protocols are shown where they are there.
        root: the repository's folder.
        command: what a reader types to make the study again.
        wall_seconds: how long the whole study took, where known.

    Raises:
        UserError: a result file, column, figure or crop is missing; the message names it.
    """
    write_page(load_study(study, root), command, wall_seconds)


def write_page(study: Study, command: str, wall_seconds: float | None = None) -> None:
    """Do what `write_report` does for a study that was read."""
    write_text(study.paths.page, render(study, command, wall_seconds))


def render(study: Study, command: str, wall_seconds: float | None = None) -> str:
    """Return the page as HTML; every text of the study is escaped. Arguments as in `write_report`."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    ids, script = count(), (HERE / SCRIPT).read_text(encoding="utf-8")
    return pages.get_template(TEMPLATE).render(
        study=study.params.study,
        new_id=lambda: f"t{next(ids)}",
        script=script,
        script_hash=hash_of(script),
        **_claims(study),
        **_measured(study),
        **_pictured(study),
        **_described(study),
        facts=provenance(study, command, wall_seconds),
    )


def hash_of(script: str) -> str:
    """Return the hash under which the page's policy lets its one script run, and no other."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _claims(study: Study) -> dict[str, Any]:
    """Lay out the claims with their results, their counts, and the anomalies; nothing where they were not evaluated."""
    path = study.paths.claims
    if not path.is_file():
        return {"claims": [], "tally": None, "anomalies": [], "untestable": []}
    found = cast("dict[str, Any]", read_json(path))
    claims = summary.claims(found["claims"])
    return {
        "claims": claims,
        "tally": summary.tally(claims),
        "pages": found["papers"],
        "anomalies": [summary.anomaly_table(found["anomalies"])],
        "untestable": [claim for claim in claims if claim.measured.verdict == "not testable"],
    }


def _measured(study: Study) -> dict[str, Any]:
    """Lay out the numbers: answers, tables, the papers' tables, the control."""
    compared = study.compared
    found, tables = headline.answers(study, compared), study.tables
    asked = questions(study)
    suites = [(name, asked.get(name, ""), tables[name], tables[f"{name}_difference"]) for name in shown_suites(study)]
    return {
        "lead": headline.lead(found),
        "answers": found,
        "several_tasks": len({one.task for one in found}) > 1,
        "tables": tables,
        "suites": suites,
        "best_weight": lay_out(study, study.frames["best_weight"]),
        "papers": {name: table for name, (_, table) in paper_tables(study).items()},
        "control": headline.control(study.frames["alpha_control"]),
        "calibration": calibration(study.paths),
    }


def _pictured(study: Study) -> dict[str, Any]:
    """List the pictures: figures by section, and what the explorer shows."""
    sections, skipped = figures(study.paths.figures)
    return {"figures": sections, "skipped": skipped, "crops": explorer(study, study.paths.reports)}


def _described(study: Study) -> dict[str, Any]:
    """Gather what is said in words: caveat, protocols, gaps, runs, sources."""
    asked = {name for measure in measures_of(study) for name in measure}
    return {
        "caveat": headline.caveat(study),
        "first": study.datasets[0],
        "metrics": [METRIC_INFO[name] for name in METRIC_INFO if name in asked],
        "protocols": [PROTOCOLS[name] for name in PROTOCOLS if name in asked],
        "protocol_tables": protocol_tables(study),
        "gaps": gap_notes(study),
        "failures": failures(study),
        "cures": study.cures,
        "runs": run_rows(study),
        "costs": cost_tables(study),
        "sources": sources(study),
    }
