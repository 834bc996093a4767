"""What the stages of dvc.yaml depend on instead of code and parameters: settings, and fingerprints of the code used.

That is one file for each run: DVC writes its lock file anew after every stage, in a time that grows with its length.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sharploss.config.params import Params
from sharploss.planning.fingerprint import fingerprint
from sharploss.planning.plan import Group, Plan, PlannedRun
from sharploss.record.paths import StudyPaths, paths
from sharploss.utils.errors import UserError
from sharploss.utils.files import read_json, write_text

# How a file is found and downloaded; what was found is in the receipts of `fetch`.
ASSET_CODE = tuple(f"sharploss.assets{part}" for part in ("", ".download", ".fetch", ".lookup", ".unpack"))

# Which weights a loss reads is in the receipts, too.
SOURCES = tuple(f"sharploss.assets.{part}" for part in ("catalogue", "leakage", "weights"))

STAGES = ("prepare", "calibrate", "extract", "evaluate")
"""Stages that depend on their code alone, and on parameters that dvc.yaml names."""


def write_stage_files(params: Params, plan: Plan) -> None:
    """Write the files that do not hold their text yet, and remove others from their folder."""
    files = paths(params.study)
    texts = stage_files(params, plan, files)
    for path in set(files.code.glob("*")) - texts.keys():
        path.unlink()
    for path, text in texts.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)


def stage_files(params: Params, plan: Plan, files: StudyPaths) -> dict[Path, str]:
    """Return {file: its text} of what the stages depend on."""
    from sharploss.losses import required_assets

    settings: dict[Path, Any] = {
        files.required_assets: {name: required_assets(spec) for name, spec in params.losses.items()},
        files.input_baseline_settings: input_baseline_settings(params),
        **{files.run_settings(key): run_settings(params, run) for key, run in plan["runs"].items()},
        **{files.group_settings(key): group_settings(params, group) for key, group in plan["groups"].items()},
    }
    code = {files.stage_code(stage): "".join(f"{line}\n" for line in _code(stage)) for stage in STAGES}
    return code | {path: json.dumps(value, indent=2) + "\n" for path, value in settings.items()}


def run_settings(params: Params, run: PlannedRun) -> dict[str, Any]:
    """Return what a training depends on beside its data, as JSON has it."""
    from sharploss.losses import TERMS

    loss = params.losses[run["loss"]]
    terms = [*(TERMS[term].__module__ for term in loss.terms), "sharploss.losses.weighted_sum"]
    return {
        "network": params.networks[run["network"]].model_dump(mode="json"),
        "loss": loss.model_dump(mode="json"),
        "recipe": _plain(params.recipes)[run["recipe"]],
        "seed": run["seed"],
        "code": {
            "train": _code("train"),
            "network": _network_code(params, run["network"]),
            "loss": _fingerprint(*terms, without=(*ASSET_CODE, *SOURCES)),
        },
    }


def group_settings(params: Params, group: Group) -> dict[str, Any]:
    """Return what the evaluation of a group depends on beside its data, as JSON has it."""
    task, network = group["task"], group["network"]
    return {
        "runs": group["runs"],
        "task": _plain(params.tasks)[task],
        "network": params.networks[network].model_dump(mode="json"),
        "crops": {name: crop for name, crop in _plain(params.crops).items() if crop["task"] == task},
        "code": {"evaluate": _code("evaluate"), "network": _network_code(params, network)},
    }


def input_baseline_settings(params: Params) -> dict[str, Any]:
    """Return what the input baselines depend on beside their data, as JSON has it."""
    return {"tasks": _plain(params.tasks), "crops": _plain(params.crops), "code": _code("evaluate")}


def check_settings(path: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return `wanted`; UserError where the file that DVC takes for a stage's settings does not say so.

    DVC looks at parameters and code when it begins, and a stage can begin hours later, or be run alone.
    """
    written = read_json(path)
    changed = [name for name in wanted if written.get(name) != wanted[name]]
    if changed:
        raise UserError(
            f"{path} has another {' and '.join(changed)} than params.yaml and src/sharploss have now: run 'dvc repro "
            "plan' to write it again, then the same command."
        )
    return wanted


def check_code(stage: str, files: StudyPaths) -> list[str]:
    """Return the fingerprints of a stage's code; UserError where there is a file of them for DVC, and it has others."""
    path, code = files.stage_code(stage), _code(stage)
    if path.is_file() and path.read_text(encoding="utf-8").splitlines() != code:
        raise UserError(f"{path} is of other code than src/sharploss has now: run 'dvc repro plan', then this again.")
    return code


def _code(stage: str) -> list[str]:
    # What a run uses of losses and networks is apart from its stage; a discriminator belongs to its loss.
    choices = ("sharploss.losses", "sharploss.losses.adversarial", "sharploss.networks")
    module, without = {
        "prepare": ("data.prepare", ASSET_CODE),
        "calibrate": ("evaluation.calibration", ASSET_CODE),
        "extract": ("training.extractor", ()),
        "train": ("training.loop", choices),
        "evaluate": ("evaluation.group", choices),
    }[stage]
    return _fingerprint(f"sharploss.{module}", without=without)


def _network_code(params: Params, name: str) -> list[str]:
    from sharploss.networks import NETWORKS

    return _fingerprint(NETWORKS[params.networks[name].network].__module__)


@cache
def _fingerprint(*modules: str, without: tuple[str, ...] = ()) -> list[str]:
    return fingerprint(modules, without=without).splitlines()


def _plain(section: Mapping[str, BaseModel]) -> dict[str, dict[str, Any]]:
    """Return a section of params.yaml, what is left at its default left out: a new setting is to change nothing."""
    return {name: model.model_dump(mode="json", exclude_defaults=True) for name, model in section.items()}
