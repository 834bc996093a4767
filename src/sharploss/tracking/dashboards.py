"""W&B workspaces and a report: a workspace for each suite, a report with all of them.

A panel asks only for values of runs that were published from here. Only `save` needs the package wandb-workspaces,
which is optional.
"""

import contextlib
import os
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from sharploss.config.params import Params
from sharploss.tracking import follower as tracking
from sharploss.tracking.content import SHOWN
from sharploss.utils.errors import UserError
from sharploss.utils.files import read_json, write_json
from sharploss.utils.optional import optional_package

PSNR, LPIPS = "psnr_y", "lpips_alex_v0.1"
SECTIONS = (
    ("train/discriminator/", "Discriminator", "lines"),
    ("train/", "Training", "lines"),
    (f"{tracking.PICTURES}$", "Validation", "media"),
    ("validation/", "Validation", "lines"),
    ("test/crops/", "Crops", "media"),
    ("images$", "Crops", "table"),
    ("scores$", "Scores", "table"),
)
"""How the names of values begin that have a panel each, its section and its kind."""


class Panel(NamedTuple):
    """A panel: its kind, and the names of what it shows, "config/<name>" where it is of the configuration."""

    kind: str
    names: tuple[str, ...]


def panels(keys: Collection[str]) -> dict[str, list[Panel]]:
    """Return the panels for values that were sent, by section; no panel has a name that is not one of `keys`."""
    found: dict[str, list[Panel]] = {"Trade-off": [], "Alpha": [], "Settings": [], "Crops": [], "Scores": []}
    shown = [key for key in keys if key.startswith("scores/") and SHOWN.match(key.split("/")[-1])]
    for psnr in (key for key in shown if key.endswith(f"/{PSNR}")):
        lpips = psnr.replace(PSNR, LPIPS)
        quality = [key for key in (psnr, lpips) if key in keys]
        if len(quality) == 2:
            found["Trade-off"].append(Panel("scatter", (psnr, lpips)))
        if "config/alpha" in keys:
            found["Alpha"] += [Panel("scatter", ("config/alpha", key)) for key in quality]
        settings = [key for key in keys if key in ("config/network", "config/recipe", "config/loss")]
        its = [key for key in shown if key.rpartition("/")[0] == psnr.rpartition("/")[0]]
        found["Settings"].append(Panel("parallel", (*settings, *its)))
    for key in keys:
        section = next(((name, kind) for begin, name, kind in SECTIONS if re.match(begin, key)), None)
        if section:
            found.setdefault(section[0], []).append(Panel(section[1], (key,)))
    found["Scores"] += [Panel("bars", (key,)) for key in shown]
    return {section: some for section, some in found.items() if some}


def sent(study: str, keys: Collection[str]) -> dict[str, list[str]]:
    """Return the names of what W&B has of these runs of a study, by the tags of their suites."""
    found: dict[str, dict[str, None]] = {}
    for path in sorted(tracking.files_folder().glob(f"*run-*/{tracking.VALUES}")):
        run = read_json(path)
        if run["study"] == study and run["key"] in keys and not tracking.is_unsent(path.parent):
            for tag in run["tags"]:
                found.setdefault(tag, {}).update(dict.fromkeys(run["names"]))
    return {tag: list(names) for tag, names in found.items()}


def save(params: Params, runs: Collection[str]) -> str:
    """Make a workspace for each suite and one report of these runs, or replace those made before; return where."""
    modules = load_modules()
    if tracking.is_offline():
        raise UserError("Workspaces are made on W&B's server: run 'wandb login' first, and leave WANDB_MODE unset.")
    published = sent(params.study, runs)
    keys = {suite: published[tag] for suite in params.suites if (tag := tracking.suite_tag(suite)) in published}
    if not keys:
        raise UserError(
            f"{tracking.files_folder()} has no run of this study that was sent: run 'python -m sharploss publish'."
        )
    import wandb

    kept = tracking.files_folder() / "sharploss-views.json"
    known: dict[str, str] = read_json(kept) if kept.is_file() else {}
    try:
        entity = os.environ.get("WANDB_ENTITY") or str(wandb.Api().default_entity)
        places = [_save(view, known, name) for name, view in build(modules, params, keys, entity).items()]
    except Exception as error:  # the package raises all sorts, bare exceptions too
        raise UserError(f"W&B did not take the workspaces ({tracking.one_line(error)}): try again later.") from None
    write_json(kept, known)
    return "\n".join(places)


def load_modules() -> tuple[Any, Any]:
    """Import the modules of wandb-workspaces, which is optional, for workspaces and for reports."""
    return optional_package("wandb_workspaces.workspaces"), optional_package("wandb_workspaces.reports.v2")


def build(modules: tuple[Any, Any], params: Params, keys: Mapping[str, Iterable[str]], entity: str) -> dict[str, Any]:
    """Build the workspaces and the report, by name, without saving them; `keys` are the names of values, by suite."""
    workspaces, reports = modules
    place = {"entity": entity, "project": tracking.project()}
    built: dict[str, Any] = {}
    blocks: list[Any] = []
    for suite, names in keys.items():
        found = {section: [_panel(reports, each) for each in some] for section, some in panels(list(names)).items()}
        only = [workspaces.Tags().isin([tracking.suite_tag(suite)])]
        asked = params.suites[suite]
        parts = [name for name, some in (("task", asked.tasks), ("network", asked.networks)) if len(some) > 1]
        groups = [*parts, "loss"]  # so that seeds become one line, and a suite's tasks stay apart
        built[f"workspace {suite}"] = workspaces.Workspace(
            **place,
            name=f"{params.study}: {suite}",
            sections=[workspaces.Section(name=name, panels=some, is_open=True) for name, some in found.items()],
            runset_settings=workspaces.RunsetSettings(
                filters=only, groupby=[workspaces.Config(name) for name in groups]
            ),
        )
        runs = reports.Runset(**place, name=suite, filters=only, groupby=[f"config.{name}" for name in groups])
        blocks += [reports.H1(text=suite), reports.P(text=asked.question)]
        for name, some in found.items():
            blocks += [reports.H2(text=name), reports.PanelGrid(runsets=[runs], panels=some)]
    built[f"report {params.study}"] = reports.Report(**place, title=f"sharploss: {params.study}", blocks=blocks)
    return built


def _panel(reports: Any, panel: Panel) -> Any:
    key, shown = panel.names[0], [_value(reports, name) for name in panel.names]
    if panel.kind == "lines":
        return reports.LinePlot(title=key, x="Step", y=[key], log_y=key.endswith(("/total", "/gradient")))
    if panel.kind == "bars":
        return reports.BarPlot(title=key.removeprefix("scores/"), metrics=[key])
    if panel.kind == "media":
        return reports.MediaBrowser(title=key, media_keys=[key])
    if panel.kind == "scatter":
        return reports.ScatterPlot(title=" x ".join(panel.names), x=shown[0], y=shown[1])
    if panel.kind == "parallel":
        return reports.ParallelCoordinatesPlot(
            columns=[reports.ParallelCoordinatesPlotColumn(metric=each) for each in shown]
        )
    return reports.WeavePanelSummaryTable(table_name=key)


def _value(reports: Any, name: str) -> Any:
    """Return what a scatter plot or an axis is told to show."""
    kind, _, rest = name.partition("/")
    return reports.Config(rest) if kind == "config" else reports.SummaryMetric(name)


def _save(view: Any, known: dict[str, str], name: str) -> str:
    """Save a workspace or report in place of the one that was saved under `name` before, if that still exists."""
    if name in known:
        with contextlib.suppress(Exception):  # deleted since: a new one is made
            earlier = type(view).from_url(known[name])
            for part in {"sections", "runset_settings", "blocks"} & set(dir(view)):
                setattr(earlier, part, getattr(view, part))
            view = earlier
    view.save()
    known[name] = view.url
    return f"{name}: {view.url}"
