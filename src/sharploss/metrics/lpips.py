"""LPIPS (Zhang et al., CVPR 2018) by the authors' package, with the backbone from the catalogue."""

import contextlib
import io
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn


def load_lpips(backbone: Path, device: torch.device) -> nn.Module:
    """Build LPIPS, network AlexNet, linear heads v0.1, without any download.

    Args:
        backbone: AlexNet's convolutions as safetensors, keys `features.0.weight` and so on as torchvision names them
            (asset `alexnet`).
        device: where to compute.

    Returns:
        A frozen module for `lpips`.
    """
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # of torchvision's arguments that the package still uses
        import lpips as package

        # pnet_rand: do not fetch a backbone; the linear heads come with the package.
        model = package.LPIPS(net="alex", version="0.1", pnet_rand=True, verbose=False).eval()
    weights = load_file(backbone)
    for name, parameter in model.net.named_parameters():
        # slice1.0.weight of the package is features.0.weight of torchvision: the last number is the layer's.
        _, layer, kind = name.split(".")
        parameter.data.copy_(weights[f"features.{layer}.{kind}"])
    return model.requires_grad_(False).to(device)


def lpips(model: nn.Module, output: Tensor, target: Tensor, border: int = 4) -> Tensor:
    """Give the LPIPS distance of each image.

    Args:
        model: from `load_lpips`.
        output: (N, 3, H, W) RGB in [0, 1].
        target: ground truth, the same shape.
        border: pixels shaved off each side.

    Returns:
        (N,) float64; 0 for identical images.
    """
    inside = (..., slice(border, output.shape[-2] - border), slice(border, output.shape[-1] - border))
    with torch.no_grad():
        return model(output[inside].float() * 2 - 1, target[inside].float() * 2 - 1).flatten().double()
