"""What is measured on restored images: PSNR, SSIM, LPIPS, NIQE and two diagnostics of sharpness."""

from collections.abc import Callable

from torch import Tensor

from sharploss.metrics.psnr import psnr
from sharploss.metrics.ssim import ssim

__all__ = ["METRICS", "Measure", "psnr", "ssim"]

Measure = Callable[[Tensor, Tensor, str, int], Tensor]
"""A metric of (output, target, protocol, border): images (N, 3, H, W) in [0, 1], to (N,)."""


def _lpips() -> Measure:
    from sharploss.metrics.lpips import load_lpips

    distance = load_lpips()
    return lambda output, target, _protocol, _border: distance(output, target)


def _niqe() -> Measure:
    from sharploss.metrics.niqe import load_niqe

    quality = load_niqe()
    return lambda output, _target, _protocol, border: quality(output, border)


def _gradient_variance_ratio() -> Measure:
    from sharploss.metrics.sharpness import gradient_variance_ratio  # it imports losses, which import ssim from here

    return gradient_variance_ratio


def _blurred_edge_share() -> Measure:
    from sharploss.metrics.sharpness import blurred_edge_share

    return blurred_edge_share


METRICS: dict[str, Callable[[], Measure]] = {
    "psnr": lambda: psnr,
    "ssim": lambda: ssim,
    "lpips": _lpips,
    "niqe": _niqe,
    "gradient_variance_ratio": _gradient_variance_ratio,
    "blurred_edge_share": _blurred_edge_share,
}
"""How each metric of `sharploss.protocols.METRIC_INFO` is loaded: AssetMissing where its weights cannot be had."""
