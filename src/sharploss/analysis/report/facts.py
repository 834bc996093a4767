"""What the report tells beside the study's tables: instruments, costs, the runs, and where the numbers come from."""

from __future__ import annotations

import re
from collections import Counter

from sharploss.analysis.measures import MINUS, TIMES, metric_title
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import Cell, Table, records
from sharploss.analysis.tables.tables import cost
from sharploss.assets.catalogue import ASSETS
from sharploss.config.protocols import PROTOCOLS
from sharploss.record.paths import StudyPaths
from sharploss.record.tables import CalibrationRow, ProtocolRow, load_rows

PARTS = ("colour", "rounding", "border", "window")
BOTH = ("psnr", "ssim")
CALIBRATED = ["set", "what", "measured on", "metric", "published", "measured", "difference", "tolerance"]
WHAT = {"sr": "bicubic, x{}", "jpeg": "JPEG, quality {}", "lr": "small images, x{}, against the published ones"}
CALIBRATED_BY = {"psnr": "PSNR (dB)", "ssim": "SSIM", "differing_samples": "samples that differ"}
MEASURED_ON = {"luma alone": "luma alone", "grey8": "grey 8-bit", "rgb": "RGB"}


def calibration(files: StudyPaths) -> Table:
    """Format calibration.csv, what we measure beside what the literature prints; no rows where that was not made."""
    rows = load_rows(files.calibration, CalibrationRow) if files.calibration.is_file() else []
    notes = list(dict.fromkeys(f"{row.dataset}: {row.explanation}." for row in rows if row.explanation))
    notes.append(f"Published numbers: {'; '.join(dict.fromkeys(row.source for row in rows))}.")
    if not any(row.measured for row in rows):
        notes = ["Nothing was calibrated: none of the benchmark's sets was at hand."]
    caption = "Our degradations and metrics against published numbers, on the sets that were at hand."
    return Table(caption, CALIBRATED, list(map(_calibrated, rows)), labels=4, notes=notes)


def _calibrated(row: CalibrationRow) -> list[Cell]:
    what, metric = WHAT[row.kind].format(row.setting), CALIBRATED_BY[row.metric]
    about = (row.dataset, what, MEASURED_ON[row.protocol], metric, row.published)
    off = row.status == "off"
    measured, difference = row.measured, f"{row.difference} (off)" if off else row.difference
    if row.status == "not calibrated":
        measured, difference, off = "not calibrated", "—", True
    mark = "gone" if off else ""
    return [*map(Cell, about), Cell(measured, mark), Cell(difference.replace("-", MINUS), mark), Cell(row.tolerance)]


def protocol_table(study: Study) -> Table | None:
    """Format protocols.csv, one picture under every protocol; None where that was not made."""
    path = study.paths.protocol_table
    rows = load_rows(path, ProtocolRow) if path.is_file() else []
    value = {(row.protocol, row.metric): row.value for row in rows}
    texts = [
        [about["title"], *(value.get((name, metric), "—") for metric in BOTH), *(about[part] for part in PARTS)]
        for name, about in PROTOCOLS.items()
        if any((name, metric) in value for metric in BOTH)
    ]
    caption = (
        "PSNR and SSIM of one photograph, made four times smaller and enlarged again by bicubic: the same pixels in "
        "every row."
    )
    cells = [[*map(Cell, row)] for row in texts]
    return Table(caption, ["protocol", "PSNR (dB)", "SSIM", *PARTS], cells, labels=1, words=True) if rows else None


def cost_table(study: Study) -> Table:
    """Sum up what trainings cost, loss by loss, relative to L1 of the same network."""
    numbers = cost(study)
    rows: list[list[Cell]] = []
    for loss, part in numbers[numbers["seconds"].notna()].groupby("loss", sort=False):
        relative = part["relative_to_l1"].dropna()
        ends = dict.fromkeys([f"{relative.min():.2f}", f"{relative.max():.2f}"])
        known = [f"{relative.median():.2f}", " to ".join(ends)] if len(relative) else ["not measured", "—"]
        rows.append([*map(Cell, (study.titles[str(loss)], str(len(part)), f"{part['seconds'].sum():.1f}", *known))])
    caption = (
        "What each loss costs: seconds of training together, and the time per step where L1 of the same network, task "
        "and recipe takes 1 (the median, and the range over networks and tasks, of those where both were timed)."
    )
    times = f"time per step, L1 = 1 ({TIMES})"
    return Table(caption, ["loss", "trainings", "seconds", times, "range"], rows, labels=1)


def failures(study: Study) -> dict[str, list[str]]:
    """Group the runs without scores by their reason: reason -> runs."""
    failed = study.runs[study.runs["failure"] != ""]
    return {str(reason): list(part["run"]) for reason, part in failed.groupby("failure", sort=False)}


def run_rows(study: Study) -> list[dict[str, str]]:
    """List every run: run, suites, status, steps, seconds, started, commit, identity."""
    found: list[dict[str, str]] = []
    for row in records(study.runs):
        about = {"run": row["run"], "suites": ", ".join(row["suites"]), "status": row["status"].replace("_", " ")}
        origin = study.provenance.get(row["run"])
        numbers = {
            "steps": f"{row['step']:,.0f}",
            "seconds": f"{row['seconds']:.1f}",
            "started (UTC)": _minute(origin.started) if origin else "",
            "commit": short(origin.commit) if origin else "",
            "identity": (origin.identity if origin else "") or "—",
        }
        found.append(about | (numbers if origin else dict.fromkeys(numbers, "—")))
    return found


def not_whole(study: Study) -> list[str]:
    """State which planned runs have no results, and what of those that were trained elsewhere is lacking."""
    absent, imported = len(study.absent), Counter[tuple[str, str]]()
    for origin in study.provenance.values():
        imported.update((origin.imported, reason) for reason in ("", *origin.partial) if origin.imported)
    lines = [f"{absent} of {absent + len(study.runs)} planned runs have no results yet."] if absent else []
    for name in dict.fromkeys(name for name, _ in imported):
        n = imported[name, ""]
        reasons = [(why, times) for (which, why), times in imported.items() if which == name and why]
        partial = "; ".join(f"{why}{f' ({times} runs)' if times < n else ''}" for why, times in reasons)
        lines.append(f"{n} runs were trained elsewhere and imported from {name}{f': {partial}' if partial else ''}.")
    return lines


def short(commit: str) -> str:
    """Shorten a commit's hash to seven digits; "+changes" behind it stays."""
    return re.sub(r"^([0-9a-f]{7})[0-9a-f]+", r"\1", commit)


def provenance(study: Study, command: str) -> dict[str, str]:
    """Return the facts behind the numbers as label -> text, in the order shown; runs that differ are listed."""
    runs = list(study.provenance.values())
    started = sorted(_minute(run.started) for run in runs) or ["—"]
    statuses = study.runs["status"].value_counts()
    return {
        "Command": command,
        "Date": " to ".join(dict.fromkeys([started[0], started[-1]])),
        "Hardware": "; ".join(dict.fromkeys(run.hardware for run in runs)),
        "Device": "; ".join(dict.fromkeys(run.device for run in runs)),
        "Runs": ", ".join(f"{n} {str(status).replace('_', ' ')}" for status, n in statuses.items()),
        "Training": duration(float(study.runs["seconds"].sum())),
        "Measuring": duration(study.evaluation_seconds),
        "Commit": "; ".join(dict.fromkeys(run.commit for run in runs)),
        "Versions": ", ".join(sorted({f"{name} {version}" for run in runs for name, version in run.versions.items()})),
    }


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")


def duration(seconds: float) -> str:
    """Return "42.0 s", "3 min 5 s", "2 h 10 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def sources(study: Study) -> Table:
    """Format the data sets of the study's tasks, in order of use, and the weights behind what was measured."""
    tasks = [run.config.task for run in study.provenance.values()]
    sets = dict.fromkeys(
        name for task in tasks for role in (task.train, task.validation, task.test, task.tune) for name in role
    )
    metrics = {metric_title(str(metric)) for metric in study.scores["metric"].unique()}
    weights = [n for n, asset in ASSETS.items() if asset.kind == "weights" and metrics & set(asset.role.split())]
    used = [*(name for name in sets if name in ASSETS and name not in study.missing_sets), *weights]
    rows = [
        [*map(Cell, (name, asset.role, asset.licence, asset.citation))] for name in used for asset in [ASSETS[name]]
    ]
    files = [
        f"{file.title}: {file.licence}, {file.author}." for name in used for file in ASSETS[name].files if file.title
    ]
    columns = ["name", "used for", "licence", "source"]
    return Table("Data sets and weights, and the licences of single images.", columns, rows, 1, files, words=True)
