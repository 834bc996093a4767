"""`report`: one page with the answer, the tables, the figures and where it all comes from."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, cast

from sharploss.analysis import headline
from sharploss.analysis.calibration import calibration
from sharploss.analysis.crops import crop_files, crops_of
from sharploss.analysis.layout import Table, gap_notes, records
from sharploss.analysis.load import Study, load_study
from sharploss.analysis.measures import measures_of
from sharploss.analysis.paper_tables import paper_tables
from sharploss.analysis.provenance import provenance, sources
from sharploss.analysis.statistics import differences
from sharploss.analysis.tables import alpha_control, display, shown_suites
from sharploss.analysis.verdict_tables import anomaly_table, ledger
from sharploss.errors import UserError
from sharploss.files import read_json, write_text
from sharploss.protocols import METRIC_INFO, PROTOCOLS

TEMPLATE = "report.html.jinja"


def report(root: Path, *, command: str, wall_seconds: float | None = None) -> None:
    """Write reports/index.html of the study in `root`: self-contained, no script, no network.

    Args:
        root: the study's folder; `plot` has been run in it.
        command: what a reader types to make the study again.
        wall_seconds: how long the whole study took, where known.

    Raises:
        UserError: a result file, column, figure or crop is missing; the message names it.
    """
    study = load_study(root)
    write_text(root / "reports" / "index.html", render(study, command, wall_seconds))


def render(study: Study, command: str, wall_seconds: float | None = None) -> str:
    """Give the page as HTML; every text of the study is escaped. Arguments as in `report`."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    compared = differences(study.scores)
    found, tables = headline.answers(study, compared), display(study, compared)
    asked = {name for measure in measures_of(study) for name in measure}
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template(TEMPLATE).render(
        lead=headline.lead(found),
        control=headline.control(alpha_control(study)),
        caveat=headline.caveat(study),
        answers=found,
        first=study.datasets[0],
        tables=tables,
        suites=[(name, tables[name], tables[f"{name}_difference"]) for name in shown_suites(study)],
        papers=[table for _, table in paper_tables(study).values()],
        verdicts=verdicts(study.root),
        figures=figures(study.root / "reports" / "figures"),
        crops=crops(study),
        metrics=[METRIC_INFO[name] for name in METRIC_INFO if name in asked],
        protocols=[PROTOCOLS[name] for name in PROTOCOLS if name in asked],
        gaps=gap_notes(study),
        failed=[row for row in records(study.runs) if row["failure"]],
        facts=provenance(study, command, wall_seconds),
        sources=sources(study),
        calibration=calibration(study.root),
    )


def verdicts(root: Path) -> list[Table]:
    """Lay out what `judge` found: the ledger of claims and the anomalies; nothing where it has not run."""
    path = root / "results" / "verdicts.json"
    if not path.is_file():
        return []
    found = cast("dict[str, Any]", read_json(path))
    return [ledger(found["claims"], found["seeds"]), anomaly_table(found["anomalies"])]


def figures(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Read what `plot` wrote: section -> figures with caption, alt and the picture as a data URI.

    Raises:
        UserError: figures.json or a figure is missing; the message names it.
    """
    sections: dict[str, list[dict[str, str]]] = {}
    for entry in cast("list[dict[str, str]]", read_json(folder / "figures.json")):
        if entry["section"] != "crops" and "not_drawn" not in entry:  # the page shows the crops themselves
            picture = data_uri(folder / f"{entry['name']}.svg", "image/svg+xml")
            sections.setdefault(entry["section"], []).append({**entry, "picture": picture})
    return sections


def crops(study: Study) -> list[dict[str, Any]]:
    """Give each crop of each network: crop, image, network, and its pictures with title and data URI."""
    groups = records(study.runs[["group", "task", "network"]].drop_duplicates())
    return [
        {
            "crop": name,
            "image": crop["image"],
            "network": group["network"],
            "pictures": [(label, data_uri(path, "image/png")) for label, path in crop_files(study, name, group)],
        }
        for name, crop in crops_of(study).items()
        for group in groups
        if group["task"] == crop["task"]
    ]


def data_uri(path: Path, kind: str) -> str:
    """Give a file as a `data:` address.

    Args:
        path: the file.
        kind: its media type.

    Raises:
        UserError: the file is missing; the message names it.
    """
    try:
        return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run 'make repro' to make it.") from None
