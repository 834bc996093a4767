"""NIQE, quality without a reference (Mittal, Soundararajan, Bovik, IEEE SPL 2013), by pyiqa."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from sharploss.assets.fetch import locate
from sharploss.metrics.colour import quantise

BLOCK = 96
"""Side of the blocks whose statistics are compared with those of undistorted photographs, in pixels."""


def load_niqe() -> Callable[[Tensor, int], Tensor]:
    """Load NIQE with the parameters of its authors' MATLAB release.

    Returns:
        A function of restored images, (N, 3, H, W) RGB in [0, 1], rounded there to 8 bits, and of the border in pixels
        that is left out on each side, that gives (N,) float64: lower is better. It looks at BT.601 studio-range luma
        rounded to 8 bits. NaN where fewer than two blocks of 96x96 pixels fit, which have no covariance; with fewer
        than some 40 it is noisy.

    Raises:
        AssetMissing: the parameters cannot be had.
    """
    path = locate("niqe")[0]
    from pyiqa.archs.niqe_arch import NIQE

    network = NIQE(color_space="ycbcr", pretrained_model_path=str(path))

    def quality(output: Tensor, border: int) -> Tensor:
        height, width = output.shape[-2:]
        if ((height - 2 * border) // BLOCK) * ((width - 2 * border) // BLOCK) < 2:
            return torch.full((len(output),), math.nan, dtype=torch.float64)
        network.crop_border = border
        with torch.inference_mode():
            # One at a time and on the CPU: the value then depends on neither the batch nor the device.
            return torch.stack([network(image[None]).reshape(()) for image in quantise(output).cpu()])

    return quality
