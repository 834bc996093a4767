"""One channel from three: the luma that super-resolution papers measure, and plain grey."""

from torch import Tensor


def luma(image: Tensor) -> Tensor:
    """Give Y of YCbCr as MATLAB's `rgb2ycbcr` does: BT.601, studio range (black 16/255, white 235/255), not rounded.

    Args:
        image: (N, 3, H, W) RGB in [0, 1].

    Returns:
        (N, 1, H, W) in [16/255, 235/255].
    """
    return _weighted(image, (65.481 / 255, 128.553 / 255, 24.966 / 255)) + 16 / 255


def grey(image: Tensor) -> Tensor:
    """Give the grey level as MATLAB's `rgb2gray` does: BT.601 weights to four digits, full range.

    Args:
        image: (N, 3, H, W) RGB in [0, 1].

    Returns:
        (N, 1, H, W) in [0, 1].
    """
    return _weighted(image, (0.2989, 0.5870, 0.1140))


def _weighted(image: Tensor, weights: tuple[float, float, float]) -> Tensor:
    if image.dim() != 4 or image.shape[1] != 3:
        raise ValueError(f"Images must be (N, 3, H, W), not {tuple(image.shape)}.")
    red, green, blue = image.split(1, dim=1)
    return weights[0] * red + weights[1] * green + weights[2] * blue
