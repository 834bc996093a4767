"""Read weights: the tensors of a file that several assets can stand for, or a file only where it is here already."""

from pathlib import Path
from typing import TYPE_CHECKING

from sharploss.assets.catalogue import ASSETS
from sharploss.assets.fetch import AssetMissingError, choose, locate
from sharploss.assets.lookup import present

if TYPE_CHECKING:
    from torch import Tensor


def read_weights(assets: tuple[str, ...]) -> "tuple[str, dict[str, Tensor]]":
    """Read the weights of one of several assets, as `sharploss.assets.choose` chooses, downloading where possible.

    Args:
        assets: keys of `sharploss.assets.ASSETS` of one file each, the best first.

    Returns:
        The asset's name, and its tensors by name, as they are in the file.

    Raises:
        AssetMissingError: none can be had; the message says what to do, and which others would do as well.
    """
    asset = choose(assets)
    try:
        return asset, _read(locate(asset)[0])
    except AssetMissingError as error:
        others = [f"{ASSETS[name].files[0].path} ('{name}')" for name in assets if name != asset]
        if not others:
            raise
        place = f"its place {' or '.join(others)} will do"
        cure = "; ".join(filter(None, [error.cure, f"in {place}"]))
        raise AssetMissingError(f"{error} In {place}.", error.reason, cure) from None


def local_only(name: str) -> Path:
    """Find the one file of an asset in the cache or a mirror without downloading it, and check its sha256.

    Raises:
        AssetMissingError: it is in neither; the message says how to fetch it.
        UserError: it is another file than it should be.
    """
    if present(name) is None:
        reason = f"{name} is in neither the cache nor a mirror: 'python -m sharploss data fetch {name}' downloads it"
        raise AssetMissingError(f"{reason}.", reason)
    return locate(name)[0]


def _read(path: Path) -> "dict[str, Tensor]":
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    import torch

    return torch.load(path, map_location="cpu", weights_only=True)
