"""What the stages of dvc.yaml depend on instead of code and parameters: settings, and fingerprints of the code used.

A run or an evaluation depends on one such file instead of a dozen parameters and fingerprints: DVC writes its lock file
anew after every stage, in a time that grows with the length of all entries.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sharploss.config.params import Params
from sharploss.planning.fingerprint import fingerprint
from sharploss.planning.plan import Plan
from sharploss.record.paths import StudyPaths, paths
from sharploss.utils.files import write_text

# How a file is found and downloaded; what was found is in the receipts of `fetch`.
ASSETS = tuple(f"sharploss.assets{part}" for part in ("", ".download", ".fetch", ".lock", ".lookup", ".unpack"))

# Which weights a loss reads is in the receipts, too.
SOURCES = tuple(f"sharploss.assets.{part}" for part in ("asset", "catalogue", "leakage", "weights"))

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
    """Return what each stage depends on: {file: its text}."""
    from sharploss.losses import required_assets

    code, networks, losses = fingerprints(params)
    tasks, recipes, crops = _plain(params.tasks), _plain(params.recipes), _plain(params.crops)
    texts = {files.stage_code(stage): code[stage] for stage in STAGES}
    texts[files.required_assets] = _as_json({name: required_assets(spec) for name, spec in params.losses.items()})
    texts[files.input_baseline_settings] = _as_json(
        {"tasks": tasks, "crops": crops, "code": code["evaluate"].splitlines()}
    )
    for key, run in plan["runs"].items():
        used = {"train": code["train"], "network": networks[run["network"]], "loss": losses[run["loss"]]}
        settings = {
            "network": params.networks[run["network"]].model_dump(mode="json"),
            "loss": params.losses[run["loss"]].model_dump(mode="json"),
            "recipe": recipes[run["recipe"]],
            "seed": run["seed"],
            "code": {part: text.splitlines() for part, text in used.items()},
        }
        texts[files.run_settings(key)] = _as_json(settings)
    for key, group in plan["groups"].items():
        used = {"evaluate": code["evaluate"], "network": networks[group["network"]]}
        settings = {
            "runs": group["runs"],
            "task": tasks[group["task"]],
            "network": params.networks[group["network"]].model_dump(mode="json"),
            "crops": {name: crop for name, crop in crops.items() if crop["task"] == group["task"]},
            "code": {part: text.splitlines() for part, text in used.items()},
        }
        texts[files.group_settings(key)] = _as_json(settings)
    return texts


def fingerprints(params: Params) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Return the fingerprints of stages' code, of networks' and of losses', by their names."""
    from sharploss.losses import TERMS
    from sharploss.networks import NETWORKS

    # What a run uses of losses and networks is apart from its stage; a discriminator belongs to its loss.
    choices = ("sharploss.losses", "sharploss.losses.adversarial", "sharploss.networks")
    stages = {
        "prepare": fingerprint(["sharploss.data.prepare"], without=ASSETS),
        "calibrate": fingerprint(["sharploss.evaluation.calibration"], without=ASSETS),
        "extract": fingerprint(["sharploss.training.extractor"]),
        "train": fingerprint(["sharploss.training.loop"], without=choices),
        "evaluate": fingerprint(
            ["sharploss.evaluation.group", "sharploss.evaluation.input_baselines"], without=choices
        ),
    }
    networks = {name: fingerprint([NETWORKS[spec.network].__module__]) for name, spec in params.networks.items()}
    losses = {
        name: fingerprint(
            [*(TERMS[term].__module__ for term in spec.terms), "sharploss.losses.weighted_sum"],
            without=(*ASSETS, *SOURCES),
        )
        for name, spec in params.losses.items()
    }
    return stages, networks, losses


def _plain(section: Mapping[str, BaseModel]) -> dict[str, dict[str, Any]]:
    """Return a section of params.yaml, what is left at its default left out: a new setting is to change nothing."""
    return {name: model.model_dump(mode="json", exclude_defaults=True) for name, model in section.items()}


def _as_json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"
