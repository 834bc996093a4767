"""LPIPS, the learned perceptual distance (Zhang et al., CVPR 2018), by its authors' package."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sharploss.assets.weights import local_only, read_weights
from sharploss.functional.lpips import BACKBONES, MIN_SIZE, build_lpips
from sharploss.metrics.cached_image import CachedImage, Images, cached_pair
from sharploss.utils.optional import optional_package


def load_lpips(net: str = "alex") -> Callable[[Images, Images], Tensor]:
    """Load LPIPS, version 0.1, or raise AssetMissingError; the linear layers come with the package.

    `net` is "alex" (AlexNet, what its authors measure with) or "vgg" (VGG-16; only where its 528 MB are here already).
    It is a function of output and target, both (N, 3, H, W) RGB, to (N,) float32: 0 for identical images, lower is
    better. No border is left out. NaN where a side is below 31 pixels (16 for "vgg").
    """
    if net == "vgg":
        local_only(*BACKBONES["vgg"])
    network = build_lpips(net, read_weights(BACKBONES[net])[1])

    def distance(output: Images, target: Images) -> Tensor:
        one, other = cached_pair(output, target)
        if min(one.image.shape[-2:]) < MIN_SIZE[net]:
            return torch.full((len(one.image),), math.nan)
        with torch.inference_mode():
            return _distance(network.to(one.image.device), net, one, other)

    return distance


def _distance(network: Any, net: str, one: CachedImage, other: CachedImage) -> Tensor:
    """Sum over layers the mean over the image of the weighted squared differences between features."""
    wanted = other.once(("lpips", net), lambda: _features(network, other))
    total = torch.zeros(len(one.image), device=one.image.device)
    for linear, features, truth in zip(network.lins, _features(network, one), wanted, strict=True):
        squares = torch.einsum("nchw,c->nhw", (features - truth).square_(), linear.model[-1].weight.flatten())
        total += squares.mean(dim=(1, 2))
    return total


def _features(network: Any, picture: CachedImage) -> list[Tensor]:
    """Return what each layer makes of an image, every place's channels scaled to length 1."""
    lpips = optional_package("lpips")
    # The package takes [-1, 1]; images in [0, 1] give values that are too low and look plausible.
    image = picture.levels().float() * 2 - 1
    return [lpips.normalize_tensor(layer) for layer in network.net(network.scaling_layer(image))]
