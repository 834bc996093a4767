"""Reading the tensors of a file of weights that several assets can stand for."""

from pathlib import Path
from typing import TYPE_CHECKING

from sharploss.assets.fetch import AssetMissing, locate

if TYPE_CHECKING:
    from torch import Tensor


def read_weights(assets: tuple[str, ...]) -> "tuple[str, dict[str, Tensor]]":
    """Read the first of several assets that can be had, downloading it where that is possible.

    Args:
        assets: keys of `sharploss.assets.ASSETS` of one file each, the best first.

    Returns:
        The asset's name, and its tensors by name, as they are in the file.

    Raises:
        AssetMissing: none can be had; the message is that of the first.
    """
    first: AssetMissing | None = None
    for asset in assets:
        try:
            return asset, _read(locate(asset)[0])
        except AssetMissing as error:
            first = first or error
    assert first is not None  # there is at least one asset
    raise first


def _read(path: Path) -> "dict[str, Tensor]":
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    import torch

    return torch.load(path, map_location="cpu", weights_only=True)
