"""NIQE, quality without a reference (Mittal, Soundararajan, Bovik, IEEE SPL 2013), with the features of pyiqa."""

import math
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.assets.fetch import locate
from sharploss.functional.colour import check_border
from sharploss.functional.ssim import sum_shifted
from sharploss.metrics.cached_image import Images, cached
from sharploss.utils.optional import optional_package

MODULES = ("pyiqa.utils.color_util", "pyiqa.archs.niqe_arch", "pyiqa.matlab_utils", "scipy.io")
"""What NIQE is computed with, beside torch."""

BLOCK = 96  # side of the blocks whose statistics are compared, in pixels
REACH, SIGMA = 3, 7 / 6  # half side and standard deviation of the window of the local means, in pixels


def load_niqe() -> Callable[[Images, int], Tensor]:
    """Load NIQE with the parameters of its authors' MATLAB release, or raise AssetMissingError.

    It is a function of restored images, (N, 3, H, W) RGB, and of the border in pixels that is left out, to (N,)
    float64: lower is better. It looks at BT.601 studio-range luma rounded to 8 bits. NaN where fewer than two blocks of
    96x96 pixels fit, which have no covariance; with fewer than some 40 it is noisy.
    """
    parameters = locate("niqe")[0]  # first: the packages take as long to import as torch
    for module in MODULES:
        optional_package(module)
    mean, covariance = _pristine(parameters)

    def quality(output: Images, border: int) -> Tensor:
        picture = cached(output)
        rows, columns = (size // BLOCK for size in check_border(picture.image, border))
        if rows * columns < 2:
            return torch.full((len(picture.image),), math.nan, dtype=torch.float64)
        with torch.inference_mode():
            luma = _luma(picture.seen("rgb", border))[..., : rows * BLOCK, : columns * BLOCK]
            # One at a time: the value then does not depend on the batch. Features are computed where the images are.
            return torch.stack([_distance(_features(image[None]).cpu(), mean, covariance) for image in luma])

    return quality


def _luma(levels: Tensor) -> Tensor:
    """Compute BT.601 studio-range luma, 16 to 235, (N, 1, H, W) float64, with the roundings of pyiqa.

    With few blocks one pixel that is rounded the other way shows in the second decimal.
    """
    from pyiqa.utils.color_util import to_y_channel

    return to_y_channel(levels.float(), 255, "ycbcr").double()


def _pristine(path: Path) -> tuple[Tensor, Tensor]:
    """Read mean (1, 36) and covariance (36, 36) of undistorted photographs' features."""
    from scipy.io import loadmat

    parameters = loadmat(path)
    mean, covariance = (torch.from_numpy(parameters[name]).double() for name in ("mu_prisparam", "cov_prisparam"))
    return mean.reshape(1, -1), covariance


def _features(luma: Tensor) -> Tensor:
    """Compute the 18 features of each block at full and at half size: (1, 1, H, W) of 0 to 255, to (blocks, 36)."""
    from pyiqa.archs.niqe_arch import compute_feature
    from pyiqa.matlab_utils import blockproc, imresize

    half = imresize(luma / 255, scale=0.5, antialiasing=True) * 255
    scales = [(luma, BLOCK), (half, BLOCK // 2)]
    features = [blockproc(_normalised(image), [side, side], fun=compute_feature) for image, side in scales]
    return torch.cat(features, dim=-1)[0]


def _normalised(luma: Tensor) -> Tensor:
    """Subtract the local mean and divide by the local deviation plus 1."""
    # pyiqa's convolution with a window of 7x7 is three quarters of its time; along one axis and the other is the same.
    down, along = _taps()
    padded = F.pad(torch.cat([luma, luma * luma], dim=1), (REACH,) * 4, mode="replicate")
    mean, square = sum_shifted(sum_shifted(padded, -2, down), -1, along).chunk(2, dim=1)
    deviation = ((square - mean * mean).abs() + torch.finfo(luma.dtype).eps).sqrt()
    return (luma - mean) / (deviation + 1)


def _taps() -> tuple[list[float], list[float]]:
    """Compute the window's weights down and along; their products are pyiqa's window."""
    from pyiqa.matlab_utils import fspecial

    # It is rounded to float32 and does not quite sum to 1, which tells where an image is constant.
    window = fspecial(2 * REACH + 1, SIGMA, 1).double()[0, 0]
    return window.sum(dim=1).tolist(), (window.sum(dim=0) / window.sum()).tolist()


def _distance(features: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """Compute the distance of the blocks' Gaussian from the undistorted photographs' (eq. 10 of the paper)."""
    known = features[~features.isnan().any(dim=1)]
    if len(known) < 2:  # blocks without any variation, as of a network that gives one colour
        return features.new_tensor(torch.nan)
    difference = mean - features.nanmean(dim=0)
    inverse = torch.linalg.pinv((covariance + known.T.cov()) / 2)
    return (difference @ inverse @ difference.T).sqrt().reshape(())
