"""FID, the Frechet distance between two sets of images (Heusel et al., NeurIPS 2017), on patches, with pyiqa's network.

A set of test images is far too small for FID, so patches of the images are compared: that ranks runs on the same
patches, and is comparable with no published number, since the estimate is biased upwards the more, the fewer they are.
"""

import math
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from sharploss.assets.weights import local_only
from sharploss.metrics.cached_image import CachedImage, Images, cached
from sharploss.utils.optional import optional_package

PATCH, STRIDE = 128, 64  # side of the patches and distance from one to the next, in pixels
BATCH = 32  # patches that go through the network at a time

Features = Callable[[Images], Tensor]
"""From images (N, 3, H, W) RGB in [0, 1], rounded there to 8 bits, to the features of their patches, (patches, D)."""


def load_fid() -> Features:
    """Load what FID compares: the 2048 features of TensorFlow's Inception of 2015, patches enlarged to 299x299.

    They are float64, with no rows of an image below 128 pixels a side. AssetMissingError where the network's weights
    are not here (measuring does not download their 95 MB), or pyiqa cannot be imported.
    """
    network = build_inception(local_only("inception_fid"))

    def features(images: Images) -> Tensor:
        picture = cached(images)
        network.to(picture.image.device)
        with torch.inference_mode():
            # Resized and scaled to [-1, 1] as the original code for PyTorch does: its two flags.
            parts = [
                network(batch, True, True)[0].flatten(1).double().cpu()
                for batch in patches_of(picture).split(BATCH)
                if len(batch)
            ]
        return torch.cat(parts) if parts else torch.zeros(0, 2048, dtype=torch.float64)

    return features


def build_inception(path: Path) -> nn.Module:
    """Build pyiqa's copy of the network with the weights of a file, downloading nothing."""
    inception = optional_package("pyiqa.archs.inception")

    def read(network: nn.Module, *_: object) -> None:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))

    download, inception.load_pretrained_network = inception.load_pretrained_network, read
    try:
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")
            return inception.InceptionV3().eval()
    finally:
        inception.load_pretrained_network = download


def patches_of(picture: CachedImage) -> Tensor:
    """Cut images into overlapping patches, (patches, 3, 128, 128) float32 in [0, 1], rounded to 8 bits.

    What is left over at the right and bottom edge is left out, as is an image that is smaller.
    """
    if min(picture.image.shape[-2:]) < PATCH:
        return picture.image.new_zeros(0, 3, PATCH, PATCH, dtype=torch.float32)
    grid = picture.levels().float().unfold(2, PATCH, STRIDE).unfold(3, PATCH, STRIDE)
    return grid.permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, PATCH, PATCH)


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Compute the squared Frechet distance between the Gaussians of two sets of features, (n, D) and (m, D) float64.

    |m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1 C2)^(1/2)), covariances unbiased. The last trace is the sum of the singular
    values of the product of both sets' centred features. NaN where a set has fewer than two members.
    """
    if min(len(one), len(other)) < 2:
        return math.nan
    shift = (one.mean(dim=0) - other.mean(dim=0)).square().sum()
    first, second = (_root(features) for features in (one, other))
    common = torch.linalg.svdvals(first @ second.T).sum()
    return (shift + first.square().sum() + second.square().sum() - 2 * common).item()


def _root(features: Tensor) -> Tensor:
    """Compute a matrix R with R^T R the unbiased covariance of features (n, D), of at most D rows."""
    centred = (features - features.mean(dim=0)) / math.sqrt(len(features) - 1)
    return torch.linalg.qr(centred, mode="r").R
