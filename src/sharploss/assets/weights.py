"""Reading the tensors of a file of weights that several assets can stand for."""

from pathlib import Path
from typing import TYPE_CHECKING

from sharploss.assets.fetch import choose, locate

if TYPE_CHECKING:
    from torch import Tensor


def read_weights(assets: tuple[str, ...]) -> "tuple[str, dict[str, Tensor]]":
    """Read the weights of one of several assets, as `sharploss.assets.choose` chooses, downloading where possible.

    Args:
        assets: keys of `sharploss.assets.ASSETS` of one file each, the best first.

    Returns:
        The asset's name, and its tensors by name, as they are in the file.

    Raises:
        AssetMissing: it cannot be had; the message says what to do.
    """
    asset = choose(assets)
    return asset, _read(locate(asset)[0])


def _read(path: Path) -> "dict[str, Tensor]":
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    import torch

    return torch.load(path, map_location="cpu", weights_only=True)
