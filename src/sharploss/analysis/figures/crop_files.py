"""Which crops a study shows, and the files they are in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sharploss.analysis.load import Study
from sharploss.analysis.tables.tables import pairing_rows
from sharploss.record.keys import TARGET
from sharploss.utils.errors import UserError


def crops_of(study: Study) -> dict[str, dict[str, Any]]:
    """Give the crops of params.yaml whose test set was scored: name -> task, dataset, image, top, left, ..."""
    crops = {name: crop.model_dump() for name, crop in study.params.crops.items()}
    tested = set(zip(study.scores["task"], study.scores["dataset"], strict=True))
    return {name: crop for name, crop in crops.items() if (crop["task"], crop["dataset"]) in tested}


def name_of(study: Study, group: dict[str, Any]) -> str:
    """Return the name of the input baseline of a group's task."""
    return str(study.runs.loc[study.runs["task"] == group["task"], "reference"].iloc[0])


def crop_files(study: Study, crop: str, group: dict[str, Any]) -> list[tuple[str, Path]]:
    """List the pictures of a crop for one network: (title, file), target and input baseline first, then its losses.

    Args:
        study: the study.
        crop: name of the crop.
        group: "group", "task" and "network" of the runs; runs without scores have no picture and are left out.

    Raises:
        UserError: a picture is missing; the message names it.
    """
    finished = study.runs[(study.runs["group"] == group["group"]) & (study.runs["status"] == "finished")]
    variants = finished.merge(pairing_rows(study))["variant"].drop_duplicates()
    files = [
        (name, study.paths.input_baseline_crop(str(group["task"]), crop, name))
        for name in (TARGET, name_of(study, group))
    ]
    files += [(str(name), study.paths.crop(str(group["group"]), crop, str(name))) for name in variants]
    for _, path in files:
        if not path.is_file():
            raise UserError(f"{path} is missing: run 'make repro' to make it.")
    return files
