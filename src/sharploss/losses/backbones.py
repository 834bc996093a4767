"""Frozen networks whose features perceptual losses compare; their weights come from the catalogue of assets."""

from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from sharploss.assets.fetch import choose, locate

Network = TypeVar("Network", bound=nn.Module)


@runtime_checkable
class Loadable(Protocol):
    """A loss term that needs weights from the catalogue.

    Attributes:
        assets: the assets it can do with, any one of them, the best first.
        backbone: what was loaded, for the record; "" before.
    """

    assets: tuple[str, ...]
    backbone: str

    def load(self) -> None:
        """Load the weights. Raises AssetMissing where they cannot be had."""
        ...


def freeze(network: Network) -> Network:
    """Turn parameters into constants that move with the module, are not trained and are stored in no checkpoint."""
    for module in network.modules():
        constants = {**dict(module.named_parameters(recurse=False)), **dict(module.named_buffers(recurse=False))}
        for name, value in constants.items():
            delattr(module, name)
            module.register_buffer(name, value.detach(), persistent=False)
    return network.eval()


def read_weights(assets: tuple[str, ...]) -> tuple[str, dict[str, Tensor]]:
    """Read the weights of one of several assets, as `sharploss.assets.choose` chooses, downloading where possible.

    Returns:
        The asset's name, and its tensors by name, as they are in the file.

    Raises:
        AssetMissing: none is here and the first cannot be downloaded; the message says what to do.
    """
    asset = choose(assets)
    return asset, _read(locate(asset)[0])


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)
