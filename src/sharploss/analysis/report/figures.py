"""The figures that the report carries inside, compressed, within a bound on their size."""

from __future__ import annotations

import base64
import io
import re
import zlib
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, cast

from sharploss.utils.errors import UserError
from sharploss.utils.files import read_json

FIGURE_BYTES = 460_000
"""How much the page holds, before base64 adds a third; figures beyond it stay in the folder beside it, linked."""

HEAVY = 50_000
"""Above so many bytes a figure, which then holds photographs, is shown compressed with loss; its file is linked."""


class Figures(NamedTuple):
    """What `figures` gives.

    Attributes:
        sections: section -> its entries of figures.json with `file` (beside the page), `width`, `height` (in pixels)
            and `inside` (whether `pictures` holds it).
        pictures: name -> kind ("svg": zlib-compressed, "png" or "webp") and data (base64).
        skipped: name and reason of those that were not drawn.
    """

    sections: dict[str, list[dict[str, Any]]]
    pictures: dict[str, dict[str, str]]
    skipped: list[dict[str, str]]


class CachedImage(NamedTuple):
    """A figure's file as the page would hold it."""

    kind: str
    content: bytes
    width: int
    height: int


def figures(folder: Path) -> Figures:
    """Read what `plot` wrote; the figures of crops are left out, since the page shows the crops themselves.

    Raises:
        UserError: figures.json or a figure is missing; the message names it.
    """
    listed = cast("list[dict[str, Any]]", read_json(folder / "figures.json"))
    drawn = [entry for entry in listed if not reason(entry) and entry["section"] != "crops"]
    loaded = {entry["name"]: load_figure(folder, entry["name"]) for entry in drawn}
    sections: dict[str, list[dict[str, Any]]] = {}
    for entry in drawn:
        sections.setdefault(entry["section"], []).append(entry)
    chosen = within(_in_turns(list(sections.values())), {name: len(one.content) for name, one in loaded.items()})
    return Figures(
        {name: [_shown(entry, loaded, chosen) for entry in part] for name, part in sections.items()},
        {name: {"kind": loaded[name].kind, "data": text_of(loaded[name].content)} for name in chosen},
        [{"name": str(entry["name"]), "reason": reason(entry)} for entry in listed if reason(entry)],
    )


def reason(entry: dict[str, Any]) -> str:
    """Give why a figure was not drawn; "" when it was."""
    return str(entry.get("not_drawn") or entry.get("skipped") or "")


def load_figure(folder: Path, name: str) -> CachedImage:
    """Read a figure: as compressed svg, as png, or, when both are heavy, as webp, whichever is smallest.

    Raises:
        UserError: its svg is missing; the message names it.
    """
    drawing, pixels = read_bytes(folder / f"{name}.svg"), folder / f"{name}.png"
    width, height = size_of(drawing.decode("utf-8"))
    found = [CachedImage("svg", zlib.compress(drawing, 9), width, height)]
    if pixels.is_file():
        found.append(CachedImage("png", pixels.read_bytes(), width, height))
        if min(len(one.content) for one in found) > HEAVY:
            found.append(CachedImage("webp", lossy(found[-1].content), width, height))
    return min(found, key=lambda one: len(one.content))


def lossy(content: bytes) -> bytes:
    """Give a picture as webp, which keeps all of its pixels but not their exact colours."""
    from PIL import Image

    file = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("RGB").save(file, "webp", quality=70, method=6)
    return file.getvalue()


def size_of(drawing: str) -> tuple[int, int]:
    """Give the width and height of an svg in pixels of 1/96 inch; (0, 0) where it does not say."""
    found = re.search(r'<svg[^>]*?viewBox="0 0 ([\d.]+) ([\d.]+)"', drawing)
    return (round(float(found[1]) * 4 / 3), round(float(found[2]) * 4 / 3)) if found else (0, 0)


def _shown(entry: dict[str, Any], loaded: dict[str, CachedImage], chosen: list[str]) -> dict[str, Any]:
    one = loaded[entry["name"]]
    about = {"file": f"figures/{entry['name']}.svg", "paper": "", "width": one.width, "height": one.height}
    return {**about, **entry, "inside": entry["name"] in chosen}


def _in_turns(sections: list[list[dict[str, Any]]]) -> list[str]:
    """Order names so that every section has its first figure before any has its second."""
    return [entry["name"] for turn in zip_longest(*sections) for entry in turn if entry]


def within(names: list[str], sizes: dict[str, int], most: int = FIGURE_BYTES) -> list[str]:
    """Keep the names, in order, that fit into `most` bytes together."""
    kept: list[str] = []
    for name in names:
        if sizes[name] + sum(sizes[other] for other in kept) <= most:
            kept.append(name)
    return kept


def text_of(content: bytes) -> str:
    """Give bytes as base64."""
    return base64.b64encode(content).decode("ascii")


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises:
        UserError: it is missing; the message names it.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run 'make repro' to make it.") from None
