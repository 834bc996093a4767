"""Look for the files of assets that are here: in an installed package, the local cache or a mirror.

SHARPLOSS_CACHE names the cache folder, SHARPLOSS_MIRROR a folder that holds assets in the same layout and is only read.
"""

import importlib.util
import os
from pathlib import Path, PurePath

from sharploss.assets.catalogue import ASSETS, Asset, File
from sharploss.utils.errors import UserError, unknown
from sharploss.utils.files import sha256

# What counts as an image of an unpacked folder; hidden files, which some archives from macOS hold, do not.
IMAGES = {".bmp", ".jpg", ".jpeg", ".png", ".tif", ".tiff"}


def present(name: str) -> list[Path] | None:
    """Find the files of an asset that are here already, without network and without reading them.

    Args:
        name: a key of `ASSETS`.

    Returns:
        One path a file in the catalogue's order, or the sorted images of the unpacked folder; None when any is missing.

    Raises:
        UserError: there is no such asset.
    """
    asset = asset_named(name)
    if asset.archives:
        unpacked = (images_below(asset, root / asset.folder) for root in roots())
        return next((images for images in unpacked if len(images) == expected(asset)), None)
    paths = [find(asset, file) for file in asset.files]
    found = [path for path in paths if path is not None]
    return found if len(found) == len(paths) else None


def asset_named(name: str) -> Asset:
    """Return an entry of the catalogue; UserError where there is no such asset."""
    if name not in ASSETS:
        raise unknown("asset", name, ASSETS)
    return ASSETS[name]


def cache_folder() -> Path:
    """Return the folder that downloads go to: SHARPLOSS_CACHE, or the platform's cache folder."""
    if folder := os.environ.get("SHARPLOSS_CACHE"):
        return Path(folder)
    import platformdirs

    return Path(platformdirs.user_cache_dir("sharploss"))


def roots() -> list[Path]:
    """Return the folders that assets are looked up in, in order: the cache, the mirror where there is one."""
    mirror = os.environ.get("SHARPLOSS_MIRROR")
    return [cache_folder(), *([Path(mirror)] if mirror else [])]


def find(asset: Asset, file: File) -> Path | None:
    """Return where a file of an asset is, without reading it; None when it is not here."""
    places = _package_roots(asset.package) if asset.package else roots()
    return next((path for root in places if (path := root / file.path).is_file()), None)


def is_image(asset: Asset, path: PurePath) -> bool:
    """Return whether a path is an image of the asset; of pairs, one in the folders of targets and inputs."""
    image = path.suffix.lower() in IMAGES and not path.name.startswith(".")
    return image and (not asset.pairs or path.parent.name in asset.pairs)


def images_below(asset: Asset, folder: Path) -> list[Path]:
    """List the images of an unpacked asset in a folder; of pairs, both sides."""
    return sorted(path for path in folder.rglob("*") if is_image(asset, path) and path.is_file())


def expected(asset: Asset) -> int:
    """Return the number of images that `folder` must hold: two for each pair."""
    return asset.images * (2 if asset.pairs else 1)


def _package_roots(package: str) -> list[Path]:
    # find_spec does not import the package, which takes seconds for some and downloads for others.
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):  # a half-installed one
        spec = None
    return [Path(root).parent for root in (spec.submodule_search_locations or [])] if spec else []


def check(path: Path, file: File) -> None:
    """Refuse a file whose content is not what the catalogue says.

    Raises:
        UserError: it is not; the message names the file and both sums or sizes.
    """
    found, size = sha256(path) if file.sha256 else "", path.stat().st_size
    if not found.startswith(file.sha256):
        said = f"sha256 {found} but should have {file.sha256}"
    elif file.bytes not in {None, size}:
        said = f"{size} bytes but should have {file.bytes}"
    elif not size:
        said = "no content"
    else:
        return
    raise UserError(f"{path} has {said}: replace it with the right file or delete it.")
