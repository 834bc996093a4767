"""What is measured on restored images, image by image, and of whole sets of them.

Metrics take `output`, restored images, and `target`, the ground truth: (N, 3, H, W) sRGB, uint8 or in [0, 1], rounded
to 8 bits here; `protocol`, what of the colours counts (`sharploss.config.protocols`); and `border`, the pixels left out
on each side: the scale in super-resolution, else 0. They raise UserError on other images, an unknown protocol, or a
border that leaves nothing of the image.
"""

from collections.abc import Callable

from torch import Tensor

from sharploss.metrics.cached_image import CachedImage
from sharploss.metrics.colour_shift import colour_shift
from sharploss.metrics.edges import edge_psnr, overshoot
from sharploss.metrics.fid import load_fid
from sharploss.metrics.lpips import load_lpips
from sharploss.metrics.ms_ssim import ms_ssim
from sharploss.metrics.niqe import load_niqe
from sharploss.metrics.psnr import psnr
from sharploss.metrics.sharpness import blurred_edge_share, gradient_variance_ratio
from sharploss.metrics.ssim import ssim

__all__ = ["METRICS", "SET_METRICS", "CachedImage", "Measure", "psnr", "ssim"]

Measure = Callable[[CachedImage, CachedImage, str, int], Tensor]
"""A metric of (output, target, protocol, border), images (N, 3, H, W) uint8 or in [0, 1], to (N,)."""


def _lpips(net: str) -> Measure:
    distance = load_lpips(net)
    return lambda output, target, _protocol, _border: distance(output, target)


def _niqe() -> Measure:
    quality = load_niqe()
    return lambda output, _target, _protocol, border: quality(output, border)


METRICS: dict[str, Callable[[], Measure]] = {
    "psnr": lambda: psnr,
    "ssim": lambda: ssim,
    "ms_ssim": lambda: ms_ssim,
    "edge_psnr": lambda: edge_psnr,
    "lpips": lambda: _lpips("alex"),
    "lpips_vgg": lambda: _lpips("vgg"),
    "niqe": _niqe,
    "gradient_variance_ratio": lambda: gradient_variance_ratio,
    "blurred_edge_share": lambda: blurred_edge_share,
    "overshoot": lambda: overshoot,
    "colour_shift": lambda: lambda output, target, _protocol, border: colour_shift(output, target, border),
}
"""How each metric of one image is loaded: AssetMissingError where its weights cannot be had."""

SET_METRICS: dict[str, Callable[[], Callable[[CachedImage], Tensor]]] = {"fid": load_fid}
"""How what is compared of two sets of images is loaded: a function from a CachedImage to features (n, D), between which
`sharploss.metrics.fid.frechet_distance` is the metric. With METRICS these are the metrics of METRIC_INFO."""
