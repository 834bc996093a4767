"""Reading the tensors of a file of weights that several assets can stand for."""

from pathlib import Path
from typing import TYPE_CHECKING

from sharploss.assets.catalogue import ASSETS
from sharploss.assets.fetch import AssetMissing, choose, locate

if TYPE_CHECKING:
    from torch import Tensor


def read_weights(assets: tuple[str, ...]) -> "tuple[str, dict[str, Tensor]]":
    """Read the weights of one of several assets, as `sharploss.assets.choose` chooses, downloading where possible.

    Args:
        assets: keys of `sharploss.assets.ASSETS` of one file each, the best first.

    Returns:
        The asset's name, and its tensors by name, as they are in the file.

    Raises:
        AssetMissing: none can be had; the message says what to do, and which others would do as well.
    """
    asset = choose(assets)
    try:
        return asset, _read(locate(asset)[0])
    except AssetMissing as error:
        others = [f"{ASSETS[name].files[0].path} ('{name}')" for name in assets if name != asset]
        also = f" In its place {' or '.join(others)} will do." if others else ""
        raise AssetMissing(f"{error}{also}", error.reason) from None


def _read(path: Path) -> "dict[str, Tensor]":
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    import torch

    return torch.load(path, map_location="cpu", weights_only=True)
