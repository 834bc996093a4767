"""What is measured on restored images, image by image, and of whole sets of them."""

from collections.abc import Callable

from torch import Tensor

from sharploss.metrics.cached_image import CachedImage
from sharploss.metrics.psnr import psnr
from sharploss.metrics.ssim import ssim

__all__ = ["METRICS", "SET_METRICS", "CachedImage", "Measure", "psnr", "ssim"]

Measure = Callable[[CachedImage, CachedImage, str, int], Tensor]
"""A metric of (output, target, protocol, border): Pictures of images (N, 3, H, W) in [0, 1], to (N,)."""


def _lpips(net: str) -> Measure:
    from sharploss.metrics.lpips import load_lpips

    distance = load_lpips(net)
    return lambda output, target, _protocol, _border: distance(output, target)


def _niqe() -> Measure:
    from sharploss.metrics.niqe import load_niqe

    quality = load_niqe()
    return lambda output, _target, _protocol, border: quality(output, border)


def _ms_ssim() -> Measure:
    from sharploss.metrics.ms_ssim import ms_ssim

    return ms_ssim


def _edge_psnr() -> Measure:
    from sharploss.metrics.edges import edge_psnr

    return edge_psnr


def _overshoot() -> Measure:
    from sharploss.metrics.edges import overshoot

    return overshoot


def _colour_shift() -> Measure:
    from sharploss.metrics.colour_shift import colour_shift

    return lambda output, target, _protocol, border: colour_shift(output, target, border)


def _gradient_variance_ratio() -> Measure:
    from sharploss.metrics.sharpness import gradient_variance_ratio

    return gradient_variance_ratio


def _blurred_edge_share() -> Measure:
    from sharploss.metrics.sharpness import blurred_edge_share

    return blurred_edge_share


def _fid() -> Callable[[CachedImage], Tensor]:
    from sharploss.metrics.fid import load_fid

    return load_fid()


METRICS: dict[str, Callable[[], Measure]] = {
    "psnr": lambda: psnr,
    "ssim": lambda: ssim,
    "ms_ssim": _ms_ssim,
    "edge_psnr": _edge_psnr,
    "lpips": lambda: _lpips("alex"),
    "lpips_vgg": lambda: _lpips("vgg"),
    "niqe": _niqe,
    "gradient_variance_ratio": _gradient_variance_ratio,
    "blurred_edge_share": _blurred_edge_share,
    "overshoot": _overshoot,
    "colour_shift": _colour_shift,
}
"""How each metric of one image is loaded: AssetMissingError where its weights cannot be had."""

SET_METRICS: dict[str, Callable[[], Callable[[CachedImage], Tensor]]] = {"fid": _fid}
"""How what is compared of two sets of images is loaded: a function from a CachedImage to features (n, D), between which
`sharploss.metrics.fid.frechet_distance` is the metric. With METRICS these are the metrics of METRIC_INFO."""
