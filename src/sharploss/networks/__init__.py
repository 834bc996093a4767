"""Networks for image restoration: each maps (N, C, h, w) in [0, 1] to (N, C, scale*h, scale*w).

All of them, and the discriminators, take `channels`, 3 for RGB or 1 for Y; an argument out of range raises ValueError.
"""

from typing import Any

from torch import nn

from sharploss.networks.discriminators import DISCRIMINATORS, Discriminator
from sharploss.networks.dncnn import DnCNN
from sharploss.networks.edsr import EDSR
from sharploss.networks.espcn import ESPCN
from sharploss.networks.mprnet import MPRNet
from sharploss.networks.nlsn import NLSN
from sharploss.networks.rrdbnet import RRDBNet
from sharploss.networks.sharpgan import NonBNResG, ResG, StackedG
from sharploss.networks.srresnet import SRResNet
from sharploss.networks.vdsr import VDSR
from sharploss.utils.registry import construct

__all__ = ["DISCRIMINATORS", "NETWORKS", "build_discriminator", "build_network"]

NETWORKS: dict[str, type[nn.Module]] = {
    "dncnn": DnCNN,
    "edsr": EDSR,
    "espcn": ESPCN,
    "mprnet": MPRNet,
    "nlsn": NLSN,
    "nonbn_resg": NonBNResG,
    "resg": ResG,
    "rrdbnet": RRDBNet,
    "srresnet": SRResNet,
    "stackedg": StackedG,
    "vdsr": VDSR,
}


def build_network(name: str, **parameters: Any) -> nn.Module:
    """Build a network of NETWORKS, with initial weights from torch's global random state.

    `parameters` are arguments of its class, such as scale, width and channels; the defaults are its paper's sizes.
    UserError for an unknown network or parameter (the message names the nearest one), or a size that cannot be.

    >>> import torch
    >>> build_network("espcn", scale=4)(torch.rand(1, 3, 8, 8)).shape
    torch.Size([1, 3, 32, 32])
    """
    return construct("network", name, NETWORKS, parameters)


def build_discriminator(name: str, **parameters: Any) -> Discriminator:
    """Build a discriminator of DISCRIMINATORS, as `build_network`; parameters are such as size (of patches), width.

    >>> import torch
    >>> build_discriminator("srgan", size=32, width=4)(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 1])
    """
    return construct("discriminator", name, DISCRIMINATORS, parameters)
