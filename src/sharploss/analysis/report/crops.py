"""The crops that the report's explorer shows: files beside the page, with what was measured on them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from sharploss.analysis.figures.crops import crop_files, crops_of
from sharploss.analysis.plotting.pixels import Floats, psnr, read_picture, sobel
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import records


def explorer(study: Study, folder: Path) -> list[dict[str, Any]]:
    """List every crop of every network, with addresses of the pictures for a page in `folder`.

    Returns:
        Per crop: name, image, task and networks, each with name, width, height (pixels) and pictures: title, address
        and note; the target and the input come first.

    Raises:
        UserError: a picture is missing; the message names it.
    """
    found: list[dict[str, Any]] = []
    for name, crop in crops_of(study).items():
        groups = records(study.runs.loc[study.runs["task"] == crop["task"], ["group", "network"]].drop_duplicates())
        networks: list[dict[str, Any]] = []
        for group in groups:
            read = [(title, path, read_picture(path)) for title, path in crop_files(study, name, group["group"])]
            target = read[0][2]
            pictures = [
                {"title": title, "address": address(path, folder), "note": note(picture, target)}
                for title, path, picture in read
            ]
            height, width = target.shape[:2]
            networks.append({"name": group["network"], "width": width, "height": height, "pictures": pictures})
        if networks:
            found.append({"name": name, "image": crop["image"], "task": crop["task"], "networks": networks})
    return found


def address(path: Path, folder: Path) -> str:
    """Return the address of a file for a page in a folder."""
    return quote(Path(os.path.relpath(path, folder)).as_posix())


def note(picture: Floats, target: Floats) -> str:
    """Return what was measured on a picture (H, W, 3) in [0, 1] beside its target, in words."""
    if np.array_equal(picture, target):
        return "the target itself"
    slope, whole = (float(np.hypot(*sobel(each)).mean()) for each in (picture, target))
    share = f"{slope / whole:.2f}" if whole else "—"
    return f"PSNR {psnr(picture, target):.2f} dB (RGB), mean gradient {share} of the target's"
