"""Trained networks that are used and never trained."""

from typing import TypeVar

from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def freeze(network: Network) -> Network:
    """Turn parameters into constants that move with the module, are not trained and are stored in no checkpoint."""
    for module in network.modules():
        constants = {**dict(module.named_parameters(recurse=False)), **dict(module.named_buffers(recurse=False))}
        for name, value in constants.items():
            delattr(module, name)
            module.register_buffer(name, value.detach(), persistent=False)
    return network.eval()
