"""W&B workspaces and a report, made from code: a workspace for each suite, and a report with a section for each.

What they show is plain data (`sections`); only `save` needs the package wandb-workspaces, which is optional.
"""

import importlib
import json
import os
from collections.abc import Mapping
from typing import Any

from sharploss.config.loss_spec import ADVERSARIAL
from sharploss.config.params import Params
from sharploss.planning.plan import Plan
from sharploss.tracking import follower as tracking
from sharploss.utils.errors import UserError
from sharploss.utils.files import write_json

Panel = dict[str, Any]
SCORES = ("psnr_y", "ssim_y", "lpips_alex_v0_1", "gradient_variance_ratio_grey")
"""The scores that get a bar chart; the table of images has all."""


def sections(params: Params, plan: Plan, suite: str) -> dict[str, list[Panel]]:
    """Say which panels a suite has, by the name of their section.

    Returns:
        Panels as {"kind", "title", ...}: `lines` and `bars` have `names` of W&B's values, `media` the `names` of
        pictures, `table` the `name` of a table.
    """
    runs = [run for run in plan["runs"].values() if suite in run["suites"]]
    losses = dict.fromkeys(run["loss"] for run in runs)
    terms = list(dict.fromkeys(term for loss in losses for term in params.losses[loss].terms))
    tasks = dict.fromkeys(run["task"] for run in runs)
    datasets = list(dict.fromkeys(name for task in tasks for name in params.tasks[task].test))
    crops = [name for name, crop in params.crops.items() if crop.task in tasks]
    found = {"Training": _training(terms), "Validation": _validation(), "Scores": _scores(datasets, crops)}
    return found | ({"Discriminator": _players()} if set(terms) & set(ADVERSARIAL) else {})


def _training(terms: list[str]) -> list[Panel]:
    total = {"kind": "lines", "title": "the whole loss, weighted", "names": ["train/total"], "log": True}
    each = [{"kind": "lines", "title": f"{term}, unweighted", "names": [f"train/terms/{term}"]} for term in terms]
    gradient = {"kind": "lines", "title": "gradient norm, after clipping", "names": ["train/gradient"], "log": True}
    return [total, *each, gradient, {"kind": "lines", "title": "learning rate", "names": ["train/lr"]}]


def _validation() -> list[Panel]:
    return [
        {"kind": "lines", "title": "PSNR Y (dB)", "names": ["validation/psnr_y"]},
        {"kind": "media", "title": "restored beside target", "names": ["validation/pictures"]},
    ]


def _players() -> list[Panel]:
    name = "train/discriminator"
    return [
        {"kind": "lines", "title": "discriminator's loss", "names": [f"{name}/loss"]},
        {"kind": "lines", "title": "mean logits, real and restored", "names": [f"{name}/real", f"{name}/fake"]},
        {"kind": "lines", "title": "gradient norm, discriminator", "names": [f"{name}/gradient"], "log": True},
        {"kind": "lines", "title": "learning rate, discriminator", "names": [f"{name}/lr"]},
    ]


def _scores(datasets: list[str], crops: list[str]) -> list[Panel]:
    bars = [
        {"kind": "bars", "title": f"{score} on {dataset}", "names": [f"scores/{dataset}/{score}"]}
        for dataset in datasets
        for score in SCORES
    ]
    media = {"kind": "media", "title": "crops of test images", "names": [f"test/crops/{name}" for name in crops]}
    return [{"kind": "table", "title": "every image", "name": "scores"}, *bars, *([media] if crops else [])]


def save(params: Params, plan: Plan) -> str:
    """Make a workspace for each suite and one report, or renew those made before, and say where they are.

    Raises:
        UserError: wandb-workspaces is not installed, W&B is offline, or its server refuses.
    """
    modules = load_modules()
    if tracking.is_offline():
        raise UserError("Workspaces are made on W&B's server: run 'wandb login' first, and leave WANDB_MODE unset.")
    import wandb

    kept = tracking.files_folder() / "sharploss-views.json"
    known: dict[str, str] = json.loads(kept.read_text()) if kept.is_file() else {}
    try:
        entity = os.environ.get("WANDB_ENTITY") or str(wandb.Api().default_entity)
        made: list[str] = []
        for suite in params.suites:
            workspace = build_workspace(modules, params, plan, suite, entity)
            made.append(_renew(workspace, known, f"workspace {suite}", ("sections", "runset_settings")))
        report = build_report(modules, params, plan, entity)
        made.append(_renew(report, known, f"report {params.study}", ("blocks",)))
    except Exception as error:  # the package raises whatever it meets, bare exceptions too
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"W&B did not take the workspaces ({reason}): try again later.") from None
    write_json(kept, known)
    return "\n".join(made)


def load_modules() -> dict[str, Any]:
    """Import the parts of wandb-workspaces that are used here.

    Raises:
        UserError: it is not installed; the message says what to install.
    """
    try:
        return {name: importlib.import_module(f"wandb_workspaces.{name}") for name in ("workspaces", "reports.v2")}
    except ImportError:
        raise UserError(
            "Workspaces need a package that is not installed: run 'uv pip install wandb-workspaces'."
        ) from None


def build_panel(reports: Any, panel: Panel) -> Any:
    """Make the object of wandb_workspaces.reports.v2 for a panel of `sections`."""
    kind, title = panel["kind"], panel["title"]
    if kind == "lines":
        return reports.LinePlot(title=title, x="Step", y=panel["names"], log_y=panel.get("log"))
    if kind == "bars":
        return reports.BarPlot(title=title, metrics=panel["names"])
    if kind == "media":
        return reports.MediaBrowser(title=title, media_keys=panel["names"])
    return reports.WeavePanelSummaryTable(table_name=panel["name"])


def build_workspace(modules: Mapping[str, Any], params: Params, plan: Plan, suite: str, entity: str) -> Any:
    """Make the workspace of a suite, not saved: its sections, and only its runs."""
    workspaces, reports = modules["workspaces"], modules["reports.v2"]
    return workspaces.Workspace(
        entity=entity,
        project=tracking.project(),
        name=f"sharploss: {suite}",
        sections=[
            workspaces.Section(name=name, panels=[build_panel(reports, panel) for panel in panels], is_open=True)
            for name, panels in sections(params, plan, suite).items()
        ],
        runset_settings=workspaces.RunsetSettings(filters=[workspaces.Tags().isin([f"suite:{suite}"])]),
    )


def build_report(modules: Mapping[str, Any], params: Params, plan: Plan, entity: str) -> Any:
    """Make the report, not saved: for each suite its question and its panels, over its runs."""
    workspaces, reports = modules["workspaces"], modules["reports.v2"]
    blocks: list[Any] = []
    for suite, settings in params.suites.items():
        runs = reports.Runset(
            entity=entity, project=tracking.project(), name=suite, filters=[workspaces.Tags().isin([f"suite:{suite}"])]
        )
        blocks += [reports.H1(text=suite), reports.P(text=settings.question)]
        for name, panels in sections(params, plan, suite).items():
            grid = reports.PanelGrid(runsets=[runs], panels=[build_panel(reports, panel) for panel in panels])
            blocks += [reports.H2(text=name), grid]
    return reports.Report(
        entity=entity,
        project=tracking.project(),
        title=f"sharploss: {params.study}",
        description="Which loss makes restored images sharp, and what does it cost?",
        blocks=blocks,
    )


def _renew(built: Any, known: dict[str, str], name: str, parts: tuple[str, ...]) -> str:
    """Save a workspace or report; where one was saved under `name` before, that one gets the `parts` of `built`."""
    earlier = _earlier(type(built), known.get(name))
    if earlier is not None:
        for part in parts:
            setattr(earlier, part, getattr(built, part))
        built = earlier
    built.save()
    known[name] = built.url
    return f"{name}: {built.url}"


def _earlier(kind: Any, url: str | None) -> Any:
    """Load what was saved at `url`, to renew it; None where nothing was, or where it has been deleted since."""
    if url is None:
        return None
    try:
        return kind.from_url(url)
    except Exception:  # the package raises whatever it meets; a new one is made then
        return None
