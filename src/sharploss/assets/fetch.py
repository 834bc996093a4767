"""Finding the files of an asset: installed package, local cache, mirror, official address, in that order.

SHARPLOSS_CACHE names the cache folder, SHARPLOSS_MIRROR a folder that holds assets in the same layout and is only read,
SHARPLOSS_OFFLINE=1 switches downloads off.
"""

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from sharploss.assets.catalogue import ASSETS, Asset, File
from sharploss.errors import UserError, unknown
from sharploss.files import atomic_path, sha256, write_json

# Seconds to connect and seconds without a byte: a machine without network must find out quickly.
TIMEOUT = (5, 30)

# What counts as an image of an unpacked folder; hidden files, which some archives from macOS hold, do not.
IMAGES = {".bmp", ".jpg", ".jpeg", ".png", ".tif", ".tiff"}

# Hosts that did not answer in this process: nobody waits for them twice.
_unreachable: set[str] = set()


class AssetMissing(UserError):  # noqa: N818 - it says what is the case, as its sentence does
    """An asset cannot be had here.

    Attributes:
        reason: why, without anything that differs from machine to machine.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def locate(name: str) -> list[Path]:
    """Find every file of an asset, downloading what is in neither the cache nor the mirror, and check its sha256.

    Files of a mirror or an installed package are used where they are; downloads go to the cache.

    Args:
        name: a key of `ASSETS`.

    Returns:
        One path a file, in the catalogue's order.

    Raises:
        AssetMissing: a file cannot be had; the message says where it was looked for and what to do.
        UserError: there is no such asset, or a file that was found has another content than it should.
    """
    asset = _asset(name)
    return [_locate_file(name, asset, file) for file in asset.files]


def present(name: str) -> list[Path] | None:
    """Find the files of an asset that are here already, without network and without reading them.

    Args:
        name: a key of `ASSETS`.

    Returns:
        One path a file in the catalogue's order, or the sorted images of the unpacked folder; None when any is missing.

    Raises:
        UserError: there is no such asset.
    """
    asset = _asset(name)
    if asset.archives:
        unpacked = (_images(root / asset.folder) for root in _roots())
        return next((images for images in unpacked if len(images) == asset.count), None)
    paths = [_find(asset, file) for file in asset.files]
    found = [path for path in paths if path is not None]
    return found if len(found) == len(paths) else None


def receipts(names: Iterable[str], folder: str | Path) -> dict[str, str]:
    """Write what was found of each asset to <folder>/<name>.json, for DVC stages to depend on.

    A receipt holds name, available, sha256 ({file: sum}) and reason, and is the same on every machine that has the
    asset.

    Returns:
        {name: reason} of the assets that cannot be had.

    Raises:
        UserError: there is no such asset, or a file that was found has another content than it should.
    """
    missing: dict[str, str] = {}
    for name in names:
        sums: dict[str, str] = {}
        try:
            paths = locate(name)
            sums = {file.path: sha256(path) for file, path in zip(ASSETS[name].files, paths, strict=True)}
        except AssetMissing as error:
            missing[name] = error.reason
        receipt = {"name": name, "available": name not in missing, "sha256": sums, "reason": missing.get(name, "")}
        write_json(Path(folder) / f"{name}.json", receipt)
    return missing


def cache_folder() -> Path:
    """Give the folder that downloads go to: SHARPLOSS_CACHE, or the platform's cache folder."""
    if folder := os.environ.get("SHARPLOSS_CACHE"):
        return Path(folder)
    import pooch

    return Path(pooch.os_cache("sharploss"))


def _asset(name: str) -> Asset:
    if name not in ASSETS:
        raise unknown("asset", name, ASSETS)
    return ASSETS[name]


def _roots() -> list[Path]:
    """Give the folders that assets are looked up in, in order: the cache, the mirror where there is one."""
    mirror = os.environ.get("SHARPLOSS_MIRROR")
    return [cache_folder(), *([Path(mirror)] if mirror else [])]


def _find(asset: Asset, file: File) -> Path | None:
    roots = _package_roots(asset.package) if asset.package else _roots()
    return next((path for root in roots if (path := root / file.path).is_file()), None)


def _images(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGES and not path.name.startswith("."))
    return sorted(path for path in found if path.is_file())


def _locate_file(name: str, asset: Asset, file: File) -> Path:
    if asset.package:
        return _in_package(name, asset, file)
    if path := _find(asset, file):
        _check(path, file)
        return path
    mirror = os.environ.get("SHARPLOSS_MIRROR")
    cached = cache_folder() / file.path
    reason = _download(file, cached)
    if not reason:
        return cached
    looked = f"{cached.parent}, {Path(mirror) / Path(file.path).parent if mirror else 'no mirror (SHARPLOSS_MIRROR)'}"
    raise AssetMissing(
        f"{file.path} of asset '{name}' is missing (looked in {looked}; {reason}): "
        "put the file into the cache folder, or set SHARPLOSS_MIRROR to a folder that has it.",
        f"{file.path} is in neither the cache nor a mirror, and {reason}",
    )


def _in_package(name: str, asset: Asset, file: File) -> Path:
    if path := _find(asset, file):
        _check(path, file)
        return path
    reason = f"the installed package {asset.package} does not ship {file.path}"
    raise AssetMissing(f"Asset '{name}' is missing: {reason}, so install the version in requirements.lock.", reason)


def _package_roots(package: str) -> list[Path]:
    # find_spec does not import the package, which takes seconds for some and downloads for others.
    spec = importlib.util.find_spec(package)
    return [Path(root).parent for root in (spec.submodule_search_locations or [])] if spec else []


def _check(path: Path, file: File) -> None:
    """Refuse a file whose content is not what the catalogue says."""
    found = sha256(path)
    if not found.startswith(file.sha256):
        raise UserError(
            f"{path} has sha256 {found} but should have {file.sha256}: replace it with the right file or delete it."
        )


def _download(file: File, target: Path) -> str:
    """Download a file to `target`: "" when it is there, else why it is not, in words that any machine would use."""
    if not file.urls:
        return "it has no download address"
    if os.environ.get("SHARPLOSS_OFFLINE") == "1":
        return "downloads are switched off (SHARPLOSS_OFFLINE)"
    reason = ""
    for url in file.urls:
        reason = _try_url(url, file, target)
        if not reason:
            break
    return reason


def _try_url(url: str, file: File, target: Path) -> str:
    """Try one address once: "" when the file is there, else why not."""
    import requests

    host = urlsplit(url).netloc
    reason = f"{host} cannot be reached"
    if host in _unreachable:
        return reason
    try:
        _stream(url, file, target)
        reason = ""
    except _WrongContentError as error:
        reason = f"{host} sent a file with {error}"
    except requests.HTTPError as error:
        reason = f"{host} answered '{error.response.reason if error.response is not None else error}'"
    except (requests.ConnectionError, requests.Timeout):
        _unreachable.add(host)
    except requests.RequestException:
        reason = f"the download from {host} broke off"
    except OSError as error:
        reason = f"the cache cannot be written ({error.strerror})"
    return reason


def _stream(url: str, file: File, target: Path) -> None:
    """Download into a temporary file, which becomes `target` only when its sha256 is right."""
    import pooch

    get = pooch.HTTPDownloader(progressbar=True, chunk_size=1 << 18, timeout=TIMEOUT)
    with atomic_path(target) as temporary:
        get(url, str(temporary), None)  # pyright: ignore[reportArgumentType]
        found = sha256(temporary)
        if not found.startswith(file.sha256):
            raise _WrongContentError(f"sha256 {found}, not {file.sha256}")


class _WrongContentError(Exception):
    """A download brought other bytes than it should."""
