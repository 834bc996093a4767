"""What is measured on restored images."""

from collections.abc import Callable

from torch import Tensor

from sharploss.metrics.psnr import psnr
from sharploss.metrics.sharpness import blurred_edge_share, gradient_variance_ratio
from sharploss.metrics.ssim import ssim

__all__ = ["MEASURES", "blurred_edge_share", "gradient_variance_ratio", "psnr", "ssim"]

MEASURES: dict[tuple[str, str], Callable[..., Tensor]] = {
    ("psnr", "y"): psnr,
    ("psnr", "rgb"): psnr,
    ("ssim", "y"): ssim,
    ("ssim", "rgb"): ssim,
    ("gradient_variance_ratio", "grey"): gradient_variance_ratio,
    ("blurred_edge_share", "rgb"): blurred_edge_share,
}
"""What needs no weights: (metric, protocol) to a function of (output, target, protocol=, border=) giving (N,)."""
