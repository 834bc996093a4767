"""Read weights, and import packages that only some metrics and losses need: without them, these are not computed."""

import importlib
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharploss.assets.catalogue import ASSETS
from sharploss.assets.fetch import AssetMissingError, choose, locate
from sharploss.assets.lookup import present
from sharploss.utils.errors import cut

if TYPE_CHECKING:
    from torch import Tensor


def read_weights(assets: tuple[str, ...]) -> "tuple[str, dict[str, Tensor]]":
    """Read the weights of one of several assets of one file each, as `choose` chooses it: its name, and the tensors.

    AssetMissingError where none can be had; the message says what to do, and which others would do as well.
    """
    asset = choose(assets)
    try:
        path = locate(asset)[0]
    except AssetMissingError as error:
        others = " or ".join(f"{ASSETS[name].files[0].path} ('{name}')" for name in assets if name != asset)
        if not others:
            raise
        cure = "; ".join(filter(None, [error.cure, f"in its place {others} will do"]))
        raise AssetMissingError(f"{error} In its place {others} will do.", error.reason, cure) from None
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return asset, load_file(path)
    import torch

    return asset, torch.load(path, map_location="cpu", weights_only=True)


def local_only(name: str) -> Path:
    """Find the one file of an asset in the cache or a mirror (else AssetMissingError), and check its sha256."""
    if present(name) is None:
        reason = f"{name} is in neither the cache nor a mirror: 'python -m sharploss data fetch {name}' downloads it"
        raise AssetMissingError(f"{reason}.", reason)
    return locate(name)[0]


def optional_package(module: str) -> Any:
    """Import a module of a package that only some need; AssetMissingError where it fails, in whatever way."""
    package = module.partition(".")[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except (Exception, SystemExit) as error:  # a half-installed package fails with whatever its own imports meet
        absent = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0]
        # Without folders, which differ from machine to machine.
        words = re.sub(r"(/[^\s/:'\"()]+)+/", "", cut(" ".join(str(error).split()), 160)) or type(error).__name__
        what = "is not installed" if absent == package else f"cannot be imported ({words})"
        reason, cure = f"the package {package} {what}", f"'pip install {absent or package}' may help"
        raise AssetMissingError(f"{reason}: {cure}.", reason, cure) from None
