"""Find the files of an asset: installed package, local cache, mirror, official address, in that order.

A set that comes in archives is unpacked into the cache once; an unpacked folder in cache or mirror will do as well.
SHARPLOSS_OFFLINE=1 switches downloads off.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

from sharploss.assets import lookup
from sharploss.assets.catalogue import ASSETS, Asset, File
from sharploss.assets.download import DownloadError, download, locked
from sharploss.assets.lookup import asset_named, cache_folder, expected, fault, find, images_below, present, roots
from sharploss.assets.unpack import fresh_folder, unpack
from sharploss.utils.errors import AssetMissingError, UserError
from sharploss.utils.files import sha256, write_json


def locate(name: str) -> list[Path]:
    """Find every file of an asset, downloading what is not here to the cache, and check its sha256.

    Archives are unpacked in the cache, and removed from it when every asset that comes in them is; their images are
    counted, since their publishers give no checksums.

    Returns:
        One path a file, in the catalogue's order, or the sorted images of the unpacked folder.

    Raises:
        AssetMissingError: a file cannot be had; the message says where it was looked for and what to do.
        UserError: there is no such asset, a file that was found has another content than it should, a folder holds
            another number of images, or an archive is damaged or dangerous.
    """
    asset = asset_named(name)
    if asset.archives:
        return _locate_images(name, asset)
    return [_locate_file(name, asset, file) for file in asset.files]


def receipts(files: Mapping[str, Path]) -> None:
    """Write the `receipt` of each asset to its file, for DVC stages to depend on."""
    for name, found in {name: receipt(name) for name in files}.items():
        write_json(files[name], found)


def receipt(name: str) -> dict[str, Any]:
    """Locate an asset and return name, available, sha256 ({file: sum}) and reason: the same wherever it was found.

    Of an unpacked folder the sum is that of its images' names and sizes: hashing gigabytes at every run of the pipeline
    would cost minutes.
    """
    try:
        return {"name": name, "available": True, "sha256": _sums(asset_named(name), locate(name)), "reason": ""}
    except AssetMissingError as error:
        return {"name": name, "available": False, "sha256": {}, "reason": error.reason}


def choose(names: Sequence[str]) -> str:
    """Choose among assets that serve the same purpose, the best first: what is here, else what can be downloaded."""
    here = (name for name in names if present(name))
    downloadable = (name for name in names if all(file.urls for file in ASSETS[name].files))
    return next(chain(here, downloadable, names))


def _sums(asset: Asset, paths: list[Path]) -> dict[str, str]:
    if not asset.archives:
        return {file.path: sha256(path) for file, path in zip(asset.files, paths, strict=True)}
    root = next(root / asset.folder for root in roots() if paths[0].is_relative_to(root / asset.folder))
    listing = "".join(f"{path.relative_to(root).as_posix()} {path.stat().st_size}\n" for path in paths)
    return {asset.folder: hashlib.sha256(listing.encode()).hexdigest()}


def _locate_images(name: str, asset: Asset) -> list[Path]:
    """Find the images of a set that comes in archives, unpacking these when need be."""
    if images := present(name):
        return images
    for root in roots():
        if found := len(images_below(asset, root / asset.folder)):
            what = f"{found} images but '{name}' has {expected(asset)}"
            raise UserError(f"{root / asset.folder} holds {what}: complete the folder or delete it.")
    for archive in asset.archives:
        if not find(asset, archive) and (reason := _obstacle(archive)):
            raise _missing(name, archive, reason)
    target = cache_folder() / asset.folder
    try:
        with locked(target):
            if not present(name):  # another process may have unpacked it meanwhile
                _unpack(name, asset, target)
    except (OSError, DownloadError) as error:
        reason = error.reason if isinstance(error, DownloadError) else f"the cache cannot be written ({error.strerror})"
        raise AssetMissingError(
            f"Asset '{name}' cannot be unpacked into {target} ({error}): put that right, or set SHARPLOSS_CACHE to "
            f"another folder, or SHARPLOSS_MIRROR to one that has {asset.folder}.",
            f"it cannot be unpacked: {reason}",
        ) from None
    _remove_archives(asset)
    return images_below(asset, target)


def _remove_archives(asset: Asset) -> None:
    """Remove from the cache the archives that no asset needs any more; they would double what the sets take."""
    for archive in asset.archives:
        users = [name for name, other in ASSETS.items() if archive.path in {file.path for file in other.archives}]
        if all(map(present, users)):
            (cache_folder() / archive.path).unlink(missing_ok=True)


def _unpack(name: str, asset: Asset, target: Path) -> None:
    archives = [_locate_file(name, asset, archive) for archive in asset.archives]
    with fresh_folder(target) as temporary:
        found = sum(unpack(archive, temporary, lambda names: _choose(asset, names)) for archive in archives)
        if found != expected(asset):
            what = f"{found} images of '{name}' instead of {expected(asset)}"
            raise UserError(f"{archives[0]} holds {what}: replace or delete it.")


def _choose(asset: Asset, names: Iterable[PurePosixPath]) -> dict[PurePosixPath, PurePosixPath]:
    """Choose an asset's images in an archive: those below a folder of its name, or all where there is none.

    One archive can hold several sets (GoPro's train and test), and may wrap them in folders.
    """
    images = [path for path in names if lookup.is_image(asset, path)]
    folder = PurePosixPath(asset.folder).name
    below = [path for path in images if folder in path.parts[:-1]]
    if not below:
        return {path: path for path in images}
    return {path: PurePosixPath(*path.parts[path.parts.index(folder) + 1 :]) for path in below}


def _locate_file(name: str, asset: Asset, file: File) -> Path:
    if path := find(asset, file):
        if wrong := fault(path, file):
            raise UserError(f"{path} has {wrong}: replace it with the right file or delete it.")
        return path
    if asset.package:
        reason = f"the installed package {asset.package} does not ship {file.path}"
        do = "install the version in requirements.lock"
        raise AssetMissingError(f"Asset '{name}' is missing: {reason}, so {do}.", reason, do)
    if reason := _obstacle(file):
        raise _missing(name, file, reason)
    cached = cache_folder() / file.path
    try:
        # Images hardly compress: what comes out of an archive needs as much room again.
        download(file, cached, room=2 if asset.archives else 1)
    except DownloadError as error:
        raise _missing(name, file, error.reason, str(error)) from None
    return cached


def _obstacle(file: File) -> str:
    """Return why a download need not be tried; "" when it may."""
    if not file.urls:
        return "it has no download address"
    return "downloads are switched off (SHARPLOSS_OFFLINE)" if os.environ.get("SHARPLOSS_OFFLINE") == "1" else ""


def _missing(name: str, file: File, reason: str, message: str = "") -> AssetMissingError:
    looked = ", ".join(str((root / file.path).parent) for root in roots())
    if len(roots()) == 1:
        looked += ", no mirror (SHARPLOSS_MIRROR)"
    do, cure = "put the file there", f"put {file.path} into a folder that SHARPLOSS_MIRROR names"
    if file.urls:
        do = f"download {file.urls[0]} and save it"
        command = f"'python -m sharploss data fetch {name}' downloads {file.path}"
        cure = f"{command}, or a folder that SHARPLOSS_MIRROR names has it"
    return AssetMissingError(
        f"{file.path} of asset '{name}' is missing (looked in {looked}; {message or reason}): "
        f"{do} as {cache_folder() / file.path}, or set SHARPLOSS_MIRROR to a folder that has it.",
        f"{file.path} is in neither the cache nor a mirror, and {reason}",
        cure,
    )
