"""The images below a folder: by-products of other programs are skipped and counted, links are followed once."""

import os
import unicodedata
from pathlib import Path, PurePath
from typing import NamedTuple

from sharploss.utils.errors import printable

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
"""What the name of an image ends in, in either case."""

_BY_PRODUCTS = {
    *("__macosx", "icon\r", "network trash folder", "temporary items"),  # macOS
    *("$recycle.bin", "desktop.ini", "ehthumbs.db", "system volume information", "thumbs.db"),  # Windows
    *("recycler", "found.000", "lost.dir"),  # memory cards
    *("@eadir", "@recently-snapshot", "@recycle", "@tmp", "#recycle", "#snapshot", "~snapshot"),  # network drives
    *("lost+found", "__pycache__"),
}


class Listing(NamedTuple):
    """What is below a folder; the paths begin with the folder's own, and each list is sorted."""

    folder: Path
    images: list[Path]  # by their names
    by_products: list[Path]  # of other programs, such as thumbnails; all that is hidden is of these
    others: list[Path]  # files that are no images
    repeated: list[Path]  # links to folders whose files are listed already
    broken: list[Path]  # links to nothing, and what is neither a file nor a folder

    @property
    def skipped(self) -> str:
        """Return how many entries are skipped, of which kinds, in words; "" when there are none."""
        kinds = ", ".join(sorted({path.suffix.lower() or path.name for path in self.others})[:8])
        parts = [
            (self.by_products, "by-product", "of other programs, such as {}"),
            (self.others, "other file", f"({kinds})"),
            (self.repeated, "link", "to a folder that is listed already, such as {}"),
        ]
        texts = [
            f"{len(found)} {one}{'s' * (len(found) > 1)} {what.replace('{}', str(found[0].relative_to(self.folder)))}"
            for found, one, what in parts
            if found
        ]
        return printable("; ".join(texts))


def is_by_product(path: PurePath) -> bool:
    """Return whether any part of a path, relative to its set's folder, has a name that other programs give."""
    return any(part.startswith(".") or part.lower() in _BY_PRODUCTS for part in path.parts)


def is_plain(name: str) -> bool:
    """Return whether a name is text: UTF-8 (others reach Python as surrogates) without control characters."""
    return not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in name)


def list_folder(folder: Path) -> Listing:
    """List what is below a folder, at any depth; links are followed, but not to a folder that holds `folder`.

    A folder that several names lead to is listed once, under its own name where that is below `folder` too.
    """
    found = Listing(folder, [], [], [], [], [])
    top, seen = folder.resolve(), set[Path]()
    waiting, links = [folder], list[Path]()
    while waiting or links:
        here = waiting.pop() if waiting else links.pop(0)
        real = here.resolve()
        if real in seen or (here != folder and top.is_relative_to(real)):
            found.repeated.append(here)
            continue
        seen.add(real)
        for path in sorted(here.iterdir()):
            if is_by_product(path.relative_to(here)):
                found.by_products.extend(_files_in(path))
            elif path.is_dir():
                (links if path.is_symlink() else waiting).append(path)
            elif not path.is_file():
                found.broken.append(path)
            else:
                (found.images if path.suffix.lower() in IMAGES else found.others).append(path)
    for paths in found[1:]:
        paths.sort()
    return found


def _files_in(path: Path) -> list[Path]:
    """List a by-product, or the files in a folder of them; what cannot be read there does not matter."""
    if path.is_symlink() or not path.is_dir():
        return [path]
    return [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
