"""Networks for image restoration: each maps (N, C, h, w) in [0, 1] to (N, C, scale*h, scale*w)."""

from typing import Any

from torch import nn

from sharploss.construct import construct
from sharploss.networks.edsr import EDSR
from sharploss.networks.espcn import ESPCN
from sharploss.networks.vdsr import VDSR

__all__ = ["EDSR", "ESPCN", "NETWORKS", "VDSR", "build_network"]

NETWORKS: dict[str, type[nn.Module]] = {"edsr": EDSR, "espcn": ESPCN, "vdsr": VDSR}


def build_network(name: str, **parameters: Any) -> nn.Module:
    """Build a network, with initial weights from torch's global random state.

    Args:
        name: a key of NETWORKS.
        parameters: arguments of its class, such as scale, width and channels; the defaults are its paper's sizes.

    Raises:
        UserError: an unknown network or parameter (the message names the nearest one), or a size that cannot be.
    """
    return construct("network", name, NETWORKS, parameters)
