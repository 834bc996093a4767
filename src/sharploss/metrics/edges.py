"""What happens at the edges of the ground truth: how faithful they are, and how far sharpening goes beyond them."""

import math

import torch.nn.functional as F
from torch import Tensor

from sharploss.functional.filters import sobel
from sharploss.metrics.cached_image import CachedImage, Images, cached_pair
from sharploss.metrics.sharpness import ZERO

EDGES = 0.1  # share of an image's pixels that count as edges
REACH = 2  # pixels around that are looked at for what overshoots: an edge that is displaced by two does not count


def edge_psnr(output: Images, target: Images, protocol: str = "y", border: int = 4) -> Tensor:
    """Compute the PSNR of each image in dB over the tenth of its pixels at which the target's gradients are largest.

    Gradients are Sobel's, of what the protocol looks at, summed over channels. The share is fixed, so that as many
    pixels of a soft image are measured as of a crisp one; pixels without any gradient are never counted.

    It is (N,) float64 in dB, higher is better; infinity where all these are exact, NaN where the target is constant.

    >>> import torch
    >>> image = torch.linspace(0, 1, 32).square().expand(1, 3, 32, 32)
    >>> round(edge_psnr(image * 0.9, image, protocol="y", border=2).item(), 3)
    24.193
    """
    one, other = cached_pair(output, target)
    edges = other.once(("edges", protocol, border), lambda: _edges(other, protocol, border))
    squares = (one.seen(protocol, border) - other.seen(protocol, border)).square().mean(dim=1)
    error = (squares * edges).sum(dim=(1, 2)) / edges.sum(dim=(1, 2))
    return -10 * error.log10()


def _edges(picture: CachedImage, protocol: str, border: int) -> Tensor:
    """Find the pixels of the largest gradients, (N, H, W): the share EDGES and what is as large as the last of it."""
    # Whole numbers: gradients of one size must not be told apart by rounding errors.
    levels = picture.seen(protocol, border).mul(255).round()
    strength = sobel(levels, "replicate").square().sum(dim=1)
    pixels = strength[0].numel()
    least = strength.flatten(1).kthvalue(pixels - math.ceil(EDGES * pixels) + 1).values
    return strength >= least.clamp(min=ZERO)[:, None, None]


def overshoot(output: Images, target: Images, protocol: str = "y", border: int = 4) -> Tensor:
    """Compute how far each image goes beyond what the target has nearby: halos and ringing of too much sharpening.

    At each pixel the excess is how far the output lies above the largest, or below the smallest, value of the target
    within the 5x5 pixels around it; this is its mean over pixels and channels. Blur has none, noise some.
    The target's neighbourhoods end at the border.

    It is (N,) float64 in 8-bit levels, 0 to 255, lower is better.

    >>> import torch
    >>> image = torch.linspace(0, 1, 32).square().expand(1, 3, 32, 32)
    >>> round(overshoot((image * 1.2).clamp(0, 1), image, protocol="y", border=2).item(), 3)
    2.607
    """
    one, other = cached_pair(output, target)
    truth = other.seen(protocol, border)
    low, high = other.once(("extremes", protocol, border), lambda: (-_largest(-truth), _largest(truth)))
    values = one.seen(protocol, border)
    excess = (values - high).clamp(min=0) + (low - values).clamp(min=0)
    return 255 * excess.mean(dim=(1, 2, 3))


def _largest(image: Tensor) -> Tensor:
    """Compute the largest value around each pixel."""
    side = 2 * REACH + 1
    rows = F.max_pool2d(image, (side, 1), stride=1, padding=(REACH, 0))
    return F.max_pool2d(rows, (1, side), stride=1, padding=(0, REACH))
