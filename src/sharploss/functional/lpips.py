"""The network of LPIPS (Zhang et al., CVPR 2018), as its authors' package builds it, for the metric and the loss."""

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sharploss.utils.optional import optional_package

BACKBONES = {"alex": ("alexnet", "alexnet_torchvision"), "vgg": ("vgg16_torchvision",)}
"""Assets that each backbone comes from: its convolutions alone, or torchvision's whole network."""

MIN_SIZE = {"alex": 31, "vgg": 16}  # pixels a side below which the network's last layer has nothing to look at


def build_lpips(net: str, weights: Mapping[str, Tensor]) -> nn.Module:
    """Build the package's network, version 0.1, in eval mode: of two batches (N, 3, H, W) in [-1, 1], to (N, 1, 1, 1).

    `net` is a key of BACKBONES, `weights` has its convolutions by torchvision's names, features.0.weight and so on.
    """
    lpips = optional_package("lpips")
    # pnet_rand: without it the package downloads a backbone. Its random weights must not move anybody's random state.
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        network = lpips.LPIPS(net=net, version="0.1", pnet_rand=True, verbose=False)
    # The package cuts networks into slices: what torchvision calls features.3.weight is slice2.3.weight in AlexNet's.
    names = network.net.state_dict()
    network.net.load_state_dict({name: weights[f"features.{name.split('.', 1)[1]}"] for name in names})
    return network.requires_grad_(False)
