"""How sharp an image is beside its ground truth: two diagnostics of what the losses under study are about."""

from torch import Tensor

from sharploss.functional.filters import laplacian, patch_variance, sobel
from sharploss.metrics.cached_image import CachedImage, Images, cached_pair
from sharploss.utils.errors import UserError

PATCH = 8  # side of the patches within which gradients vary, in pixels; the GV loss's
ZERO = 1e-9  # values are multiples of 1/255 up to rounding, so nothing but zeros is smaller


def gradient_variance_ratio(output: Images, target: Images, protocol: str = "grey", border: int = 4) -> Tensor:
    """Compute the local gradient variance of each image as a ratio to its target's: blur lowers it.

    The variance that the GV loss matches patch by patch (Abrahamyan et al., ICASSP 2022): unbiased, of Sobel's two
    gradient maps, in patches of 8x8 pixels; here its mean over patches and directions. Its own protocol is "grey".

    Returns:
        (N,) float64 of at least 0: 1 is as sharp as the truth, less is blurrier, more is harsher. NaN or infinity where
        the target is constant.

    >>> import torch
    >>> image = torch.linspace(0, 1, 32).square().expand(1, 3, 32, 32)
    >>> round(gradient_variance_ratio(image * 0.9, image, protocol="grey", border=4).item(), 3)
    0.854
    """
    one, other = cached_pair(output, target)
    if min(one.image.shape[-2:]) - 2 * border < PATCH:
        size = "x".join(map(str, one.image.shape[-2:]))
        raise UserError(f"An image of {size} pixels holds no patch of {PATCH}x{PATCH} inside a border of {border}.")
    wanted = other.once(("gradient variance", protocol, border), lambda: gradient_variances(other, protocol, border))
    return gradient_variances(one, protocol, border).mean(dim=(1, 2, 3)) / wanted.mean(dim=(1, 2, 3))


def gradient_variances(picture: CachedImage, protocol: str, border: int) -> Tensor:
    """Compute the unbiased variance of Sobel's two gradient maps in each patch: (N, 2C, rows, columns)."""
    return patch_variance(sobel(picture.seen(protocol, border), "replicate"), PATCH)


def blurred_edge_share(
    output: Images, target: Images, protocol: str = "rgb", border: int = 4, *, threshold: float = 0.0
) -> Tensor:
    """Compute the share of each image's wrong pixels that err towards blur, by the sign rule of SPLoss's mask.

    Beside a bright ridge (negative Laplacian of the target) blur is too dark, in a dark valley too bright (Wang et al.,
    eq. 2). Pixels restored exactly, or whose target has no curvature, are left out. Its own protocol is "rgb", as in
    SPLoss. A pixel counts where the target's absolute Laplacian (4 neighbours) is above `threshold`, 0 to 4.

    It is (N,) float64 in [0, 1], lower is better; 0.5 where errors do not heed edges, NaN where no pixel counts.

    >>> import torch
    >>> image = torch.linspace(0, 1, 32).square().expand(1, 3, 32, 32)
    >>> round(blurred_edge_share(image * 0.9, image, protocol="rgb", border=4).item(), 3)
    0.154
    """
    one, other = cached_pair(output, target)
    wanted = other.seen(protocol, border)
    error = one.seen(protocol, border) - wanted
    curvature = other.once(("laplacian", protocol, border), lambda: laplacian(wanted))
    counted = (error.abs() > ZERO) & (curvature.abs() > max(threshold, ZERO))
    blurred = (counted & ((error > 0) == (curvature > 0))).sum(dim=(1, 2, 3))
    return blurred.double() / counted.sum(dim=(1, 2, 3))
