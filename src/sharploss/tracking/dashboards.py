"""W&B workspaces and a report, made from what was published: a workspace for each suite, a report with all of them.

Only `save` needs the package wandb-workspaces, which is optional.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from sharploss.config.params import Params
from sharploss.tracking import follower as tracking
from sharploss.utils.errors import UserError
from sharploss.utils.files import read_json, write_json
from sharploss.utils.optional import optional_package

PANELS = (
    ("train/discriminator/", "Discriminator", "lines"),
    ("train/", "Training", "lines"),
    (f"{tracking.PICTURES}$", "Validation", "media"),
    ("validation/", "Validation", "lines"),
    ("scores$", "Scores", "table"),
    ("scores/.*/(psnr_y|ssim_y|lpips_alex|gradient_variance_ratio)[^/]*$", "Scores", "bars"),
    ("test/crops/", "Crops", "media"),
)
"""How the names of values begin that get a panel, its section and its kind; the table of images has all scores."""


def panels(keys: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the panels for values that were sent (`publish.sent_keys`), by section: (kind, the name of the value)."""
    found: dict[str, list[tuple[str, str]]] = {}
    for key in dict.fromkeys(keys):
        fitting = next(((section, kind) for begin, section, kind in PANELS if re.match(begin, key)), None)
        if fitting:
            found.setdefault(fitting[0], []).append((fitting[1], key))
    return found


def save(params: Params, keys: Mapping[str, Iterable[str]]) -> str:
    """Make a workspace for each suite and one report, or replace those made before, and return where they are.

    `keys` are, by suite, the names of the values that were sent.
    """
    modules = load_modules()
    if tracking.is_offline():
        raise UserError("Workspaces are made on W&B's server: run 'wandb login' first, and leave WANDB_MODE unset.")
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
    """Build the workspaces and the report, by name, without saving them."""
    workspaces, reports = modules
    place = {"entity": entity, "project": tracking.project()}
    built: dict[str, Any] = {}
    blocks: list[Any] = []
    for suite, names in keys.items():
        found = {section: [_panel(reports, *each) for each in some] for section, some in panels(names).items()}
        only = [workspaces.Tags().isin([tracking.suite_tag(suite)])]
        built[f"workspace {suite}"] = workspaces.Workspace(
            **place,
            name=f"{params.study}: {suite}",
            sections=[workspaces.Section(name=name, panels=some, is_open=True) for name, some in found.items()],
            runset_settings=workspaces.RunsetSettings(filters=only),
        )
        runs = reports.Runset(**place, name=suite, filters=only)
        blocks += [reports.H1(text=suite), reports.P(text=params.suites[suite].question)]
        for name, some in found.items():
            blocks += [reports.H2(text=name), reports.PanelGrid(runsets=[runs], panels=some)]
    built[f"report {params.study}"] = reports.Report(**place, title=f"sharploss: {params.study}", blocks=blocks)
    return built


def _panel(reports: Any, kind: str, key: str) -> Any:
    if kind == "lines":
        return reports.LinePlot(title=key, x="Step", y=[key], log_y=key.endswith(("/total", "/gradient")))
    if kind == "bars":
        return reports.BarPlot(title=key.removeprefix("scores/"), metrics=[key])
    if kind == "media":
        return reports.MediaBrowser(title=key, media_keys=[key])
    return reports.WeavePanelSummaryTable(table_name=key)


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
