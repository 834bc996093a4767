"""LPIPS, the learned perceptual distance (Zhang et al., CVPR 2018), by its authors' package."""

import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from sharploss.assets.fetch import AssetMissing, locate
from sharploss.metrics.colour import check_pair, quantise

BACKBONES = ("alexnet", "alexnet_torchvision")
"""Assets that AlexNet comes from: its convolutions alone, or else torchvision's whole network."""


def load_lpips() -> Callable[[Tensor, Tensor], Tensor]:
    """Load LPIPS, AlexNet, version 0.1; the linear layers come with the package, nothing is downloaded behind our back.

    Returns:
        A function of output and target, both (N, 3, H, W) RGB in [0, 1] and rounded to 8 bits there, that gives (N,)
        float32: 0 for identical images, lower is better. No border is left out.

    Raises:
        AssetMissing: AlexNet's weights cannot be had.
    """
    network = _build(_backbone())

    def distance(output: Tensor, target: Tensor) -> Tensor:
        check_pair(output, target)
        # The package takes [-1, 1]; images in [0, 1] give values that are too low and look plausible.
        images = (quantise(image.float()) * 2 - 1 for image in (output, target))
        with torch.inference_mode():
            return network.to(output.device)(*images).flatten()

    return distance


def _backbone() -> dict[str, Tensor]:
    """Give AlexNet's convolutions by torchvision's names, features.0.weight and so on."""
    try:
        return _read(locate(BACKBONES[0])[0])
    except AssetMissing:
        return _read(locate(BACKBONES[1])[0])


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _build(backbone: dict[str, Tensor]) -> nn.Module:
    import lpips

    # pnet_rand: without it the package downloads a backbone. Its random weights must not move anybody's random state.
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        network = lpips.LPIPS(net="alex", version="0.1", pnet_rand=True, verbose=False)
    # The package cuts AlexNet into slices: what torchvision calls features.3.weight is slice2.3.weight there.
    names = network.net.state_dict()
    network.net.load_state_dict({name: backbone[f"features.{name.split('.', 1)[1]}"] for name in names})
    return network.requires_grad_(False)
