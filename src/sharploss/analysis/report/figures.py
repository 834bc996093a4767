"""The figures of the page: what `draw_figures` wrote beside it, by section."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from sharploss.utils.errors import UserError
from sharploss.utils.files import read_json

Entries = list[dict[str, Any]]
"""Entries of figures.json."""


def figures(folder: Path) -> tuple[dict[str, Entries], Entries]:
    """Read figures.json; the figures of crops are left out, since the page shows the crops themselves.

    Returns:
        section -> its figures, and the entries of those that were not drawn.

    Raises:
        UserError: figures.json or a figure is missing; the message names it.
    """
    listed = cast("Entries", read_json(folder / "figures.json"))
    sections: dict[str, Entries] = {}
    for entry in listed:
        if entry.get("not_drawn") or entry["section"] == "crops":
            continue
        path = folder / f"{entry['name']}.svg"
        if not path.is_file():
            raise UserError(f"{path} is missing: run 'make repro' to make it.")
        sections.setdefault(entry["section"], []).append(entry)
    return sections, [entry for entry in listed if entry.get("not_drawn")]
