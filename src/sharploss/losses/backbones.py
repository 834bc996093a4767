"""What losses that need a trained network have in common: weights from the catalogue of assets, frozen."""

from typing import Protocol, TypeVar, runtime_checkable

from torch import nn

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
        """Load the weights. Raises AssetMissingError where they cannot be had."""
        ...


def freeze(network: Network) -> Network:
    """Turn parameters into constants that move with the module, are not trained and are stored in no checkpoint."""
    for module in network.modules():
        constants = {**dict(module.named_parameters(recurse=False)), **dict(module.named_buffers(recurse=False))}
        for name, value in constants.items():
            delattr(module, name)
            module.register_buffer(name, value.detach(), persistent=False)
    return network.eval()
