"""Where the numbers come from: machine, versions, time, data and their licences."""

from __future__ import annotations

from typing import NamedTuple

from sharploss.analysis.load import Study
from sharploss.analysis.measures import metric_title
from sharploss.assets.catalogue import ASSETS, Asset
from sharploss.record.run import Provenance


class Source(NamedTuple):
    """A data set or weights that the study used."""

    name: str
    role: str
    licence: str
    citation: str
    files: list[str]


def provenance(study: Study, command: str, wall_seconds: float | None) -> dict[str, str]:
    """Return the facts behind the numbers as label -> text, in the order shown; runs that differ are listed."""
    runs = list(study.provenance.values())
    versions = sorted({f"{name} {version}" for run in runs for name, version in run.versions.items()})
    facts = {
        "Command": command,
        "Date": _span([run.started for run in runs]),
        "Hardware": _all(runs, "hardware"),
        "Device": _all(runs, "device"),
        "Runs": _runs(study),
        "Training": duration(float(study.runs["seconds"].sum())),
        "Measuring": duration(study.evaluation_seconds),
        "Commit": _all(runs, "commit"),
        "Versions": ", ".join(versions),
    }
    if wall_seconds is not None:
        facts["From start to end"] = duration(wall_seconds)
    return facts


def _runs(study: Study) -> str:
    counts = study.runs["status"].value_counts()
    gone = int(counts.get("not_trained", 0))
    text = f"{len(study.runs)}, of which {int(counts.get('diverged', 0))} diverged"
    return f"{text} and {gone} could not be trained" if gone else text


def _all(runs: list[Provenance], key: str) -> str:
    return "; ".join(dict.fromkeys(str(getattr(run, key)) for run in runs))


def _span(started: list[str]) -> str:
    first, last = min(started)[:16].replace("T", " "), max(started)[:16].replace("T", " ")
    return first if first[:10] == last[:10] else f"{first} to {last}"


def duration(seconds: float) -> str:
    """Return "42 s", "3 min 5 s", "2 h 10 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def sources(study: Study) -> list[Source]:
    """List the data sets of the study's tasks, in order of use, and the weights behind what was measured."""
    tasks = [run.config["task"] for run in study.provenance.values()]
    names = dict.fromkeys(
        name for task in tasks for role in ("train", "validation", "test", "tune") for name in task.get(role, [])
    )
    metrics = {metric_title(str(metric)) for metric in study.scores["metric"].unique()}
    weights = [n for n, asset in ASSETS.items() if asset.kind == "weights" and metrics & set(asset.role.split())]
    used = [name for name in names if name in ASSETS and name not in study.missing_sets]
    return [_source(name, ASSETS[name]) for name in [*used, *weights]]


def _source(name: str, asset: Asset) -> Source:
    files = [f"{file.title}: {file.licence}, {file.author}" for file in asset.files if file.title]
    return Source(name, asset.role, asset.licence, asset.citation, files)
