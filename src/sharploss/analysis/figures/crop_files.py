"""Which crops a study shows, and the files they are in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sharploss.analysis.load import Study
from sharploss.analysis.tables.tables import pairing_rows
from sharploss.record.keys import TARGET
from sharploss.utils.errors import UserError

Files = list[tuple[str, Path]]
"""Pictures of a crop as (title, PNG file): the target and the unrestored image first."""


def crops_of(study: Study) -> dict[str, dict[str, Any]]:
    """Return the crops of params.yaml whose test set was scored: name -> task, dataset, image, top, left, ..."""
    crops = {name: crop.model_dump() for name, crop in study.params.crops.items()}
    tested = set(zip(study.scores["task"], study.scores["dataset"], strict=True))
    return {name: crop for name, crop in crops.items() if (crop["task"], crop["dataset"]) in tested}


def crops_by_task(study: Study) -> dict[str, list[str]]:
    """Return the names of the crops of each task that has some."""
    found: dict[str, list[str]] = {}
    for name, crop in crops_of(study).items():
        found.setdefault(str(crop["task"]), []).append(name)
    return found


def reference_name(study: Study, task: str) -> str:
    """Name the unrestored images of a task: "bicubic" or "input"."""
    return str(study.runs.loc[study.runs["task"] == task, "reference"].iloc[0])


def crop_files(study: Study, crop: str, group: str) -> Files:
    """List the pictures of a crop for one network: those of its runs that have scores, titled by their variant.

    Args:
        study: the study.
        crop: a key of `crops_of`.
        group: "<task>-<network>".

    Raises:
        UserError: a picture is missing; the message names it.
    """
    finished = study.runs[(study.runs["group"] == group) & (study.runs["status"] == "finished")]
    variants = finished.merge(pairing_rows(study))["variant"].drop_duplicates()
    files = _files(study, crop, group, {str(variant): str(variant) for variant in variants})
    for _, path in files:
        if not path.is_file():
            raise UserError(f"{path} is missing: run 'make repro' to make it.")
    return files


def chosen_files(study: Study, crop: str, group: str, titles: dict[str, str]) -> Files | None:
    """List the pictures of a crop for some runs of a network; None where one of them has none.

    Args:
        study: the study.
        crop: a key of `crops_of`.
        group: "<task>-<network>".
        titles: variant -> title, in the order wanted.
    """
    files = _files(study, crop, group, titles)
    return files if all(path.is_file() for _, path in files) else None


def _files(study: Study, crop: str, group: str, titles: dict[str, str]) -> Files:
    paths, task = study.paths, str(crops_of(study)[crop]["task"])
    names = (TARGET, reference_name(study, task))
    references = [(name, paths.input_baseline_crop(task, crop, name)) for name in names]
    return references + [(title, paths.crop(group, crop, variant)) for variant, title in titles.items()]


def variance_files(study: Study, task: str, groups: list[str]) -> list[Path]:
    """List the tables of gradient variances: a task's input baseline, then each group; none where one is missing."""
    files = [study.paths.input_baseline_variances(task), *map(study.paths.variances, groups)]
    return files if all(path.is_file() for path in files) else []
