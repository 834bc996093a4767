"""LPIPS, the learned perceptual distance (Zhang et al., CVPR 2018), by its authors' package."""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sharploss.assets.weights import local_only, read_weights
from sharploss.metrics.picture import STRIP, CachedImage, Images, Strip, pair_of, strips

BACKBONES = {"alex": ("alexnet", "alexnet_torchvision"), "vgg": ("vgg16_torchvision",)}
"""Assets that each backbone comes from: its convolutions alone where a mirror has them, or torchvision's whole network.
"""

SMALLEST = {"alex": 31, "vgg": 16}
"""Pixels a side below which the network's last layer has nothing to look at."""

STRIDES = {"alex": (4, 8, 16, 16, 16), "vgg": (1, 2, 4, 8, 16)}
"""Pixels from place to place in each of the five layers that are compared."""

REACH, GRID = 128, 16
"""Images are looked at in tiles, which reach so far beyond what they count: more than the last layers see. They begin
at multiples of the coarsest layers' stride, so that all layers fall on the same grid."""


def load_lpips(net: str = "alex") -> Callable[[Images, Images], Tensor]:
    """Load LPIPS, version 0.1; the linear layers come with the package, nothing is downloaded behind our back.

    Args:
        net: "alex" (AlexNet, what its authors measure with) or "vgg" (VGG-16; only where its 528 MB are here already).

    Returns:
        A function of output and target, both (N, 3, H, W) RGB in [0, 1] and rounded to 8 bits there, that gives (N,)
        float32: 0 for identical images, lower is better. No border is left out. NaN where a side is below 31 pixels (16
        for "vgg").

    Raises:
        AssetMissingError: the network's weights cannot be had.
    """
    if net == "vgg":
        local_only(*BACKBONES["vgg"])
    network = build_lpips(net, read_weights(BACKBONES[net])[1])

    def distance(output: Images, target: Images) -> Tensor:
        one, other = pair_of(output, target)
        if min(one.image.shape[-2:]) < SMALLEST[net]:
            return torch.full((len(one.image),), math.nan)
        with torch.inference_mode():
            return _distance(network.to(one.image.device), net, one, other)

    return distance


def _distance(network: Any, net: str, one: CachedImage, other: CachedImage) -> Tensor:
    """Sum over layers the mean over the image of the weighted squared differences between features."""
    totals, counts = [torch.zeros(len(one.image), device=one.image.device) for _ in STRIDES[net]], [0] * 5
    for rows, columns in _tiles(*one.image.shape[-2:]):
        tile = (rows, columns)
        wanted = other.once(("lpips", net, tile), lambda tile=tile: _features(network, other, *tile))
        layers = zip(network.lins, _features(network, one, *tile), wanted, STRIDES[net], strict=True)
        for index, (linear, features, truth, stride) in enumerate(layers):
            squares = torch.einsum("nchw,c->nhw", (features - truth).square_(), linear.model[-1].weight.flatten())
            sizes = zip(tile, one.image.shape[-2:], strict=True)
            counted = squares[:, *(_counting(strip, size, stride) for strip, size in sizes)]
            totals[index] += counted.sum(dim=(1, 2))
            counts[index] += counted[0].numel()
    return torch.stack([total / count for total, count in zip(totals, counts, strict=True)]).sum(dim=0)


def _tiles(height: int, width: int) -> Iterator[tuple[Strip, Strip]]:
    """Cut an image into strips, and these, where what they reach beyond makes them large, across: rows and columns."""
    for rows in strips(height, width, most=STRIP, grid=GRID, reach=REACH):
        for columns in strips(width, rows.stop - rows.start, most=4 * STRIP, grid=GRID, reach=REACH):
            yield rows, columns


def _counting(strip: Strip, size: int, stride: int) -> slice:
    """Give the places of a layer that count."""
    return slice(
        (strip.first - strip.start) // stride, None if strip.last == size else (strip.last - strip.start) // stride
    )


def _features(network: Any, picture: CachedImage, rows: Strip, columns: Strip) -> list[Tensor]:
    """Give what each layer makes of a tile, every place's channels scaled to length 1."""
    import lpips

    # The package takes [-1, 1]; images in [0, 1] give values that are too low and look plausible.
    image = picture.levels(rows)[..., columns.start : columns.stop].float() * 2 - 1
    return [lpips.normalize_tensor(layer) for layer in network.net(network.scaling_layer(image))]


def build_lpips(net: str, weights: Mapping[str, Tensor]) -> nn.Module:
    """Make the package's network, version 0.1, without its download of a backbone.

    Args:
        net: a key of BACKBONES.
        weights: the backbone's convolutions by torchvision's names, features.0.weight and so on.

    Returns:
        The package's module in eval mode, frozen: of two images (N, 3, H, W) in [-1, 1], to (N, 1, 1, 1).
    """
    import lpips

    # pnet_rand: without it the package downloads a backbone. Its random weights must not move anybody's random state.
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        network = lpips.LPIPS(net=net, version="0.1", pnet_rand=True, verbose=False)
    # The package cuts networks into slices: what torchvision calls features.3.weight is slice2.3.weight in AlexNet's.
    names = network.net.state_dict()
    network.net.load_state_dict({name: weights[f"features.{name.split('.', 1)[1]}"] for name in names})
    return network.requires_grad_(False)
