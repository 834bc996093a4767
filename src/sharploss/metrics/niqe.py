"""NIQE (Mittal, Soundararajan, Bovik, IEEE SPL 2013) by pyiqa, with the authors' pristine model from the catalogue."""

import warnings
from pathlib import Path

import torch
from torch import Tensor

from sharploss.errors import UserError

BLOCK = 96
"""Side of NIQE's blocks, in pixels; an image has to hold one."""


def load_niqe(parameters: Path) -> dict[str, Tensor]:
    """Read the pristine model: `mu_prisparam` and `cov_prisparam` of the release's modelparameters.mat (asset `niqe`)."""
    from scipy.io import loadmat

    content = loadmat(parameters)
    return {
        "mu_pris_param": torch.from_numpy(content["mu_prisparam"].ravel()[None]),
        "cov_pris_param": torch.from_numpy(content["cov_prisparam"][None]),
    }


def niqe(model: dict[str, Tensor], output: Tensor, border: int = 0) -> Tensor:
    """Give the NIQE of each image: the distance of its luma's statistics from those of pristine photographs.

    Args:
        model: from `load_niqe`.
        output: (N, 3, H, W) RGB in [0, 1].
        border: pixels shaved off each side; 0, as the release measures whole images.

    Returns:
        (N,) float64, lower is more natural.

    Raises:
        UserError: the image is smaller than one block of 96x96 pixels.
    """
    height, width = output.shape[-2:]
    if min(height, width) - 2 * border < BLOCK:
        raise UserError(f"NIQE needs images of at least {BLOCK}x{BLOCK} pixels, not {width}x{height}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyiqa.archs.niqe_arch import calculate_niqe

        # One image at a time: pyiqa drops the batch axis of a single result and its statistics are per image anyway.
        values = [
            calculate_niqe(image[None].double(), crop_border=border, color_space="ycbcr", **model) for image in output
        ]
    return torch.stack([value.reshape(()) for value in values]).double().cpu()
