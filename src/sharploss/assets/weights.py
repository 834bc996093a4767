"""Read the weights that some metrics and losses need."""

from pathlib import Path
from typing import TYPE_CHECKING

from sharploss.assets.catalogue import ASSETS
from sharploss.assets.fetch import choose, locate
from sharploss.assets.lookup import present
from sharploss.utils.errors import AssetMissingError

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
