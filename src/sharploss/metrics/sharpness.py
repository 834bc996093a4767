"""Sharpness, measured on edges: how strong they are, and on which side of the truth they err."""

import torch
from torch import Tensor

from sharploss.losses.filters import laplacian, sobel_x, sobel_y
from sharploss.losses.gradient_variance import patch_variance
from sharploss.metrics.colour import in_protocol
from sharploss.metrics.psnr import check_same_size


def gradient_variance_ratio(output: Tensor, target: Tensor, protocol: str = "grey", border: int = 4) -> Tensor:
    """Give each image's local variance of gradients over that of the ground truth.

    The variance the GV loss compares (Abrahamyan et al. 2022): of Sobel's two gradient maps, in patches of 8x8 pixels,
    unbiased; here its mean over patches and directions.

    Args:
        output: (N, 3, H, W) RGB in [0, 1]; clamped and rounded to 8 bits first.
        target: ground truth, the same shape.
        protocol: "grey", "y" or "rgb".
        border: pixels shaved off each side.

    Returns:
        (N,) float64: below 1 is blurrier than the truth, above 1 harsher; not a number where the truth is constant.
    """
    check_same_size(output, target)
    return _gradient_variance(in_protocol(output, protocol, border)) / _gradient_variance(
        in_protocol(target, protocol, border)
    )


def _gradient_variance(images: Tensor) -> Tensor:
    maps = torch.cat([sobel_x(images, "replicate"), sobel_y(images, "replicate")], dim=1)
    return patch_variance(maps, 8).mean(dim=(1, 2, 3))


def blurred_edge_share(
    output: Tensor, target: Tensor, protocol: str = "rgb", border: int = 4, threshold: float = 0.0
) -> Tensor:
    """Give the share of each image's pixels whose error has the sign of blur.

    That is SPLoss's mask (Wang et al., eq. 2): error and Laplacian of the ground truth (4 neighbours, centre negative)
    both above 0 or both not. Pixels without error, or of a flat neighbourhood, say nothing and are left out.

    Args:
        output: (N, 3, H, W) RGB in [0, 1]; clamped and rounded to 8 bits first.
        target: ground truth, the same shape.
        protocol: "rgb" (each channel for itself, as the loss), "y" or "grey".
        border: pixels shaved off each side.
        threshold: only pixels count whose Laplacian is larger than this in magnitude (0 to 4).

    Returns:
        (N,) float64 in [0, 1]; 0.5 where no pixel counts.
    """
    check_same_size(output, target)
    truth = in_protocol(target, protocol, border)
    error, curvature = in_protocol(output, protocol, border) - truth, laplacian(truth)
    # Values are multiples of 1/255, or weighted sums of such, up to rounding: below this they are 0.
    counted = (error.abs() > 1e-9) & (curvature.abs() > max(threshold, 1e-9))
    blurred = counted & ((error > 0) == (curvature > 0))
    number = counted.sum(dim=(1, 2, 3))
    return torch.where(number > 0, blurred.sum(dim=(1, 2, 3)) / number.clamp(min=1), 0.5).double()
