"""What the report tells beside the study's tables: questions, protocols side by side, costs, failures, the runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sharploss.analysis.load import Study
from sharploss.analysis.measures import ARROWS, TIMES
from sharploss.analysis.tables.layout import NOT_MEASURED, Cell, Table, records
from sharploss.analysis.tables.tables import cost
from sharploss.config.protocols import METRIC_INFO, PROTOCOLS
from sharploss.record.run import Provenance

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("colour", "rounding", "border", "window")
BOTH = ("psnr", "ssim")


def questions(study: Study) -> dict[str, str]:
    """Return what each suite of the study asks: suite -> question."""
    return {name: suite.question for name, suite in study.params.suites.items()}


def protocol_tables(study: Study) -> list[Table]:
    """Lay out protocols.csv, one picture under every protocol; nothing where that was not made."""
    import pandas as pd

    path = study.paths.protocols / "protocols.csv"
    if not path.is_file():
        return []
    rows = records(pd.read_csv(path, dtype=str, keep_default_na=False))
    value = {(row["protocol"], row["metric"]): row["value"] for row in rows}
    named = [name for name in PROTOCOLS if any((name, metric) in value for metric in BOTH)]
    sided = [
        [
            Cell(PROTOCOLS[name]["title"]),
            *(Cell(value.get((name, metric), "—")) for metric in BOTH),
            *(Cell(PROTOCOLS[name][part]) for part in PARTS),
        ]
        for name in named
    ]
    others = [_other(row) for row in rows if row["metric"] not in BOTH and row["metric"] in METRIC_INFO]
    same = "one photograph, made four times smaller and enlarged again by bicubic: the same pixels in every row."
    return [
        Table(f"PSNR and SSIM of {same}", ["protocol", "PSNR (dB)", "SSIM", *PARTS], sided, labels=1, words=True),
        Table(f"The other metrics of {same}", ["metric", "protocol", "value", "better"], others, labels=2, words=True),
    ]


def _other(row: dict[str, Any]) -> list[Cell]:
    info, protocol = METRIC_INFO[row["metric"]], row["protocol"]
    title = PROTOCOLS[protocol]["title"] if protocol in PROTOCOLS else protocol
    value = Cell(f"{row['value']} {info['unit']}".strip()) if row["value"] else Cell(NOT_MEASURED, "gone")
    return [Cell(info["title"]), Cell(title), value, Cell(ARROWS[info["direction"]])]


def cost_tables(study: Study) -> list[Table]:
    """Sum up what trainings cost: a table of losses (relative to L1 of the same network), and one of networks."""
    numbers = cost(study)
    trained = numbers[numbers["steps_per_second"].notna()]
    by_loss = [_loss_cost(str(loss), part) for loss, part in trained.groupby("loss", sort=False)]
    by_network = [_network_cost(str(name), part) for name, part in trained.groupby("network", sort=False)]
    return [
        Table(
            "What each loss costs: seconds of training together, and the time per step where L1 of the same network, "
            "task and recipe takes 1 (the median, and the range over networks and tasks).",
            ["loss", "trainings", "seconds", f"time per step, L1 = 1 ({TIMES})", "range"],
            by_loss,
            labels=1,
        ),
        Table(
            "What each network costs (ranges over tasks, recipes and losses).",
            ["network", "trainings", "parameters", "seconds", "steps/s"],
            by_network,
            labels=1,
        ),
    ]


def _loss_cost(loss: str, part: pd.DataFrame) -> list[Cell]:
    relative = part["relative_to_l1"].dropna()
    known = len(relative) > 0
    return [
        Cell(loss),
        Cell(str(len(part))),
        Cell(f"{part['seconds'].sum():.1f}"),
        Cell(f"{relative.median():.2f}") if known else Cell("—", "gone"),
        Cell(_range(relative, ".2f")) if known else Cell("—", "gone"),
    ]


def _network_cost(network: str, part: pd.DataFrame) -> list[Cell]:
    columns = (part["parameters"], part["seconds"], part["steps_per_second"])
    ranges = map(_range, columns, (",.0f", ".1f", ".1f"))
    return [Cell(network), Cell(str(len(part))), *map(Cell, ranges)]


def _range(values: pd.Series[float], form: str) -> str:
    """Return "3", or "3 to 5"."""
    return " to ".join(dict.fromkeys([f"{values.min():{form}}", f"{values.max():{form}}"]))


def failures(study: Study) -> dict[str, list[str]]:
    """Group the runs without scores by their reason: reason -> runs."""
    found: dict[str, list[str]] = {}
    for row in records(study.runs):
        if row["failure"]:
            found.setdefault(row["failure"], []).append(row["run"])
    return found


def run_rows(study: Study) -> list[dict[str, Any]]:
    """List every run: run, suites, status, steps, seconds, started, commit, identity, files (of its record)."""
    return [_run_row(row, study.provenance.get(row["run"])) for row in records(study.runs)]


def _run_row(row: dict[str, Any], origin: Provenance | None) -> dict[str, Any]:
    return {
        "run": row["run"],
        "suites": ", ".join(row["suites"]),
        "status": row["status"].replace("_", " "),
        "steps": f"{row['step']:,.0f}" if origin else "—",
        "seconds": f"{row['seconds']:.1f}" if origin else "—",
        "started": origin.started[:16].replace("T", " ") if origin else "—",
        "commit": short(origin.commit) if origin else "—",
        "identity": (origin.identity if origin else "") or "—",
        "files": ["metrics.json", *(["provenance.json", "history.jsonl"] if origin else [])],
    }


def short(commit: str) -> str:
    """Shorten a commit's hash to seven digits; "+changes" behind it stays."""
    return re.sub(r"^([0-9a-f]{7})[0-9a-f]+", r"\1", commit)
