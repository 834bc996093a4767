"""Look for the files of assets that are here: in an installed package, the local cache or a mirror.

SHARPLOSS_CACHE names the cache folder, SHARPLOSS_MIRROR a folder that holds assets in the same layout and is only read.
"""

import importlib.util
import os
from importlib.machinery import ModuleSpec
from pathlib import Path, PurePath

from sharploss.assets.catalogue import ASSETS, Asset, File
from sharploss.assets.folder import IMAGES, is_by_product, list_folder
from sharploss.utils.errors import UserError, unknown
from sharploss.utils.files import sha256
from sharploss.utils.optional import optional_package


def present(name: str) -> list[Path] | None:
    """Find the files of an asset as `locate` would, without network and without reading them; None if any lacks."""
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
    return Path(os.environ.get("SHARPLOSS_CACHE") or optional_package("platformdirs").user_cache_dir("sharploss"))


def roots() -> list[Path]:
    """Return the folders that assets are looked up in, in order: the cache, the mirror where there is one.

    UserError where the mirror is no folder: what is in it would be taken for what cannot be had.
    """
    mirror = os.environ.get("SHARPLOSS_MIRROR")
    if mirror and not Path(mirror).is_dir():
        raise UserError(f"SHARPLOSS_MIRROR is {mirror!r}, and there is no such folder: mount it, or unset that.")
    return [cache_folder(), *([Path(mirror)] if mirror else [])]


def find(asset: Asset, file: File) -> Path | None:
    """Return where a file of an asset is, without reading it; None when it is not here."""
    places = roots()
    if asset.package:
        spec = package_spec(asset.package)
        places = [Path(root).parent for root in (spec and spec.submodule_search_locations) or ()]
    return next((path for root in places if (path := root / file.path).is_file()), None)


def package_spec(package: str) -> ModuleSpec | None:
    """Look for an installed package without importing it, which takes seconds for some and downloads for others."""
    try:
        return importlib.util.find_spec(package)
    except (ImportError, ValueError):  # a half-installed one
        return None


def is_image(asset: Asset, path: PurePath) -> bool:
    """Return whether a path within an archive is an image of the asset; of pairs, one in their folders."""
    image = path.suffix.lower() in IMAGES and not is_by_product(path)
    return image and (not asset.pairs or path.parent.name in asset.pairs)


def images_below(asset: Asset, folder: Path) -> list[Path]:
    """List the images of an unpacked asset in a folder; of pairs, both sides."""
    images = list_folder(folder).images if folder.is_dir() else []
    return [path for path in images if not asset.pairs or path.parent.name in asset.pairs]


def expected(asset: Asset) -> int:
    """Return the number of images that `folder` must hold: two for each pair."""
    return asset.images * (2 if asset.pairs else 1)


def fault(path: Path, file: File) -> str:
    """Return what is wrong with a file's content, such as "sha256 X, not Y"; "" when it is as the catalogue says."""
    found, size = sha256(path) if file.sha256 else "", path.stat().st_size
    if not found.startswith(file.sha256):
        return f"sha256 {found}, not {file.sha256}"
    if file.bytes not in {None, size}:
        return f"{size} bytes, not {file.bytes}"
    return "" if size else "no content"
