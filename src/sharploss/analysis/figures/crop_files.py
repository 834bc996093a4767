"""Which crops a study shows, and the files they are in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from sharploss.analysis.load import Study
from sharploss.analysis.tables.tables import pairing_rows
from sharploss.utils.errors import UserError
from sharploss.utils.yaml_files import load_yaml


def crops_of(study: Study) -> dict[str, dict[str, Any]]:
    """Give the crops of params.yaml whose test set was scored: name -> task, dataset, image, top, left, ..."""
    params = cast("dict[str, Any]", load_yaml(study.root / "params.yaml"))
    crops = cast("dict[str, dict[str, Any]]", params.get("crops") or {})
    tested = set(zip(study.scores["task"], study.scores["dataset"], strict=True))
    return {name: crop for name, crop in crops.items() if (crop["task"], crop["dataset"]) in tested}


def name_of(study: Study, group: dict[str, Any]) -> str:
    """Name the unrestored images of a group's task."""
    return str(study.runs.loc[study.runs["task"] == group["task"], "reference"].iloc[0])


def crop_files(study: Study, crop: str, group: dict[str, Any]) -> list[tuple[str, Path]]:
    """List the pictures of a crop for one network: (title, file), target and unrestored image first, then its losses.

    Args:
        study: the study.
        crop: name of the crop.
        group: "group", "task" and "network" of the runs; runs without scores have no picture and are left out.

    Raises:
        UserError: a picture is missing; the message names it.
    """
    results = study.root / "results"
    finished = study.runs[(study.runs["group"] == group["group"]) & (study.runs["status"] == "finished")]
    variants = finished.merge(pairing_rows(study))["variant"].drop_duplicates()
    reference = results / "unrestored" / str(group["task"])
    files = [(name, reference / f"{crop}-{name}.png") for name in ("target", name_of(study, group))]
    files += [(str(name), results / "crops" / str(group["group"]) / f"{crop}-{name}.png") for name in variants]
    for _, path in files:
        if not path.is_file():
            raise UserError(f"{path} is missing: run 'make repro' to make it.")
    return files
