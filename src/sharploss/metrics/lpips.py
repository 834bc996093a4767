"""LPIPS, the learned perceptual distance (Zhang et al., CVPR 2018), by its authors' package."""

import warnings
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from sharploss.assets.weights import read_weights
from sharploss.metrics.colour import check_pair, quantise

BACKBONES = {"alex": ("alexnet", "alexnet_torchvision"), "vgg": ("vgg16_torchvision",)}
"""Assets that each backbone comes from: its convolutions alone where a mirror has them, or torchvision's whole network.
"""


def load_lpips() -> Callable[[Tensor, Tensor], Tensor]:
    """Load LPIPS, AlexNet, version 0.1; the linear layers come with the package, nothing is downloaded behind our back.

    Returns:
        A function of output and target, both (N, 3, H, W) RGB in [0, 1] and rounded to 8 bits there, that gives (N,)
        float32: 0 for identical images, lower is better. No border is left out.

    Raises:
        AssetMissing: AlexNet's weights cannot be had.
    """
    network = build_lpips("alex", read_weights(BACKBONES["alex"])[1])

    def distance(output: Tensor, target: Tensor) -> Tensor:
        check_pair(output, target)
        # The package takes [-1, 1]; images in [0, 1] give values that are too low and look plausible.
        images = (quantise(image.float()) * 2 - 1 for image in (output, target))
        with torch.inference_mode():
            return network.to(output.device)(*images).flatten()

    return distance


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
    # The package cuts networks into slices: what torchvision calls features.3.weight is slice2.3.weight there.
    names = network.net.state_dict()
    network.net.load_state_dict({name: weights[f"features.{name.split('.', 1)[1]}"] for name in names})
    return network.requires_grad_(False)
