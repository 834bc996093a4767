"""The images of a user's own data set: a folder, or a zip file, that params.yaml names."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sharploss.assets.download import locked
from sharploss.assets.folder import IMAGES, Listing, is_plain, list_folder
from sharploss.assets.lookup import cache_folder, roots
from sharploss.assets.unpack import fresh_folder, unpack
from sharploss.utils.errors import UserError
from sharploss.utils.files import sha256

_CURE = "rename it, or take it out of the set"


def own_images(place: str, name: str) -> Listing:
    """List a folder or a zip file (unpacked into the cache once), the `place` of the set `name` in params.yaml.

    A relative place is looked for here, then in the cache and in the mirror. UserError where nothing is there, or no
    image, or a broken link, or an image has a name that results cannot hold.
    """
    where = f"datasets.{name}"
    places = [Path(place), *(root / place for root in roots())]
    path = next((path for path in places if path.is_dir() or (path.suffix.lower() == ".zip" and path.is_file())), None)
    if path is None:
        copy = (
            f" in {Path.cwd()}: check the path in params.yaml; in a clone or worktree, and where 'dvc exp run' works, "
            "there is only what is in git: give an absolute path, or put it into the folder that SHARPLOSS_MIRROR names"
        )
        how = ": check the path in params.yaml" if Path(place).is_absolute() else copy
        raise UserError(f"{where}: there is no folder or zip file {place}{how}.")
    found = list_folder(path if path.is_dir() else _unpacked(path))
    if found.broken:
        count = f" ({len(found.broken)} such)" if len(found.broken) > 1 else ""
        raise UserError(f"{where}: {found.broken[0]} is a link to nothing, or no file{count}: mend or remove it.")
    if not found.images:
        skipped = f"; skipped: {found.skipped}" if found.skipped else ""
        raise UserError(f"{where}: {place} holds no images ({', '.join(IMAGES)}){skipped}: check the path.")
    for image in found.images:
        inside = str(image.relative_to(found.folder))
        if not is_plain(inside):
            raise UserError(f"{where}: {inside!r} in {place} has a name that is not UTF-8 text: {_CURE}.")
        if image.stem == "*":
            raise UserError(f"{where}: {image} has the name that stands for a whole set in scores: {_CURE}.")
    return found


def own_receipt(name: str, places: Iterable[str]) -> dict[str, Any]:
    """Return the receipt (`sharploss.assets.receipts`) of a user's own set; what was skipped of it is counted there."""
    sums, skipped = dict[str, str](), dict[str, str]()
    for place in places:
        found = own_images(place, name)
        sums |= {f"{place}: {path.relative_to(found.folder).as_posix()}": sha256(path) for path in found.images}
        if found.skipped:
            skipped[place] = found.skipped
    return {"name": name, "available": True, "sha256": sums, "reason": "", "skipped": skipped}


def _unpacked(archive: Path) -> Path:
    # By content, so that a changed archive is unpacked anew.
    folder = cache_folder() / "own" / f"{archive.stem}-{sha256(archive)[:12]}"
    with locked(folder):
        if not folder.is_dir():
            with fresh_folder(folder) as temporary:
                unpack(archive, temporary, lambda names: {name: name for name in names if is_plain(str(name))})
    return folder
