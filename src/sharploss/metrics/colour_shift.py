"""Whether areas keep their colour: the colour difference of small areas' mean light."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.functional.colour import check_border
from sharploss.metrics.cached_image import CachedImage, Images, cached_pair

BLOCK = 16  # side of the areas, in pixels

TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
"""Linear sRGB to CIE XYZ (ITU-R BT.709 primaries, white D65)."""

WHITE = (0.95047, 1.0, 1.08883)  # CIE XYZ of D65, the 2 degree observer


def colour_shift(output: Images, target: Images, border: int = 4) -> Tensor:
    """Compute the mean colour difference of each image's areas of 16x16 pixels from the target's.

    Light is averaged over each area, so that neither blur nor texture counts, and the mean colours are compared by the
    CIE 1976 difference: the distance in CIELAB (D65), of which about 2.3 can just be seen.

    It is (N,) float64 of at least 0, lower is better.

    >>> image = torch.linspace(0, 1, 32).square().expand(1, 3, 32, 32)
    >>> round(colour_shift(image * 0.9, image, border=2).item(), 3)
    1.986
    """
    one, other = cached_pair(output, target)
    wanted = other.once(("lab", border), lambda: _lab(other, border))
    return (_lab(one, border) - wanted).square().sum(dim=1).sqrt().mean(dim=(1, 2))


def _lab(picture: CachedImage, border: int) -> Tensor:
    """Compute CIELAB of the areas' mean light, (N, 3, rows, columns); an incomplete last area is left out."""
    side = min(BLOCK, *check_border(picture.image, border))
    light = F.avg_pool2d(_linear(picture.seen("rgb", border)), side)
    to_xyz = light.new_tensor(TO_XYZ) / light.new_tensor(WHITE)[:, None]
    ratio = torch.einsum("xc,nchw->nxhw", to_xyz, light)
    bent = torch.where(ratio > (6 / 29) ** 3, ratio.clamp(min=1e-9) ** (1 / 3), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = bent.split(1, dim=1)
    return torch.cat([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def _linear(levels: Tensor) -> Tensor:
    """Undo sRGB's gamma. There are but 256 levels, so a table does."""
    values = torch.linspace(0, 1, 256, dtype=torch.float64, device=levels.device)
    table = torch.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return table[levels.mul(255).round().int()]
