"""What of an image a metric looks at: rounding to 8 bits, the channel or channels, the border."""

from collections.abc import Callable

from torch import Tensor

from sharploss.errors import UserError, unknown

from sharploss.errors import UserError, unknown


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


def in_protocol(images: Tensor, protocol: str, border: int) -> Tensor:
    """Give what a protocol measures: the channels it looks at, 8-bit values, the border shaved.

    Args:
        images: (N, 3, H, W) RGB in [0, 1]; clamped, and rounded half up to multiples of 1/255.
        protocol: "y" for luma, "rgb", or "grey".
        border: pixels shaved off each side.

    Returns:
        (N, C, H - 2*border, W - 2*border) float64 in [0, 1], C being 1 or 3.

    Raises:
        UserError: an unknown protocol, or a border that leaves nothing of the images.
    """
    if protocol not in _CHANNELS:
        raise unknown("protocol", protocol, _CHANNELS)
    height, width = images.shape[-2:]
    if min(height, width) <= 2 * border:
        raise UserError(
            f"An image of {width}x{height} pixels has nothing left inside a border of {border}: leave it out."
        )
    rounded = images.double().clamp(0, 1).mul(255).add(0.5).floor().div(255)
    return _CHANNELS[protocol](rounded)[..., border : height - border, border : width - border]


def _weighted(image: Tensor, weights: tuple[float, float, float]) -> Tensor:
    if image.dim() != 4 or image.shape[1] != 3:
        raise ValueError(f"Images must be (N, 3, H, W), not {tuple(image.shape)}.")
    red, green, blue = image.split(1, dim=1)
    return weights[0] * red + weights[1] * green + weights[2] * blue


def all_channels(image: Tensor) -> Tensor:
    """Give the image as it is, (N, 3, H, W)."""
    return image


CHANNELS: dict[str, Callable[[Tensor], Tensor]] = {"y": luma, "rgb": all_channels, "grey": grey}
"""What each protocol of `sharploss.protocols` keeps of an RGB image."""


def quantise(image: Tensor) -> Tensor:
    """Round an image in [0, 1] to the 256 levels an image file has, halves up, and clamp what lies outside."""
    return (image.clamp(0, 1) * 255 + 0.5).floor() / 255


def as_measured(image: Tensor, protocol: str, border: int) -> Tensor:
    """Prepare an image for a metric: round to 8 bits, take the protocol's channels, shave the border.

    Args:
        image: (N, 3, H, W) RGB in [0, 1]; what lies outside is clamped.
        protocol: a key of `CHANNELS`.
        border: pixels to leave out on each side.

    Returns:
        (N, 1 or 3, H - 2 * border, W - 2 * border) in [0, 1].

    Raises:
        UserError: an unknown protocol, a negative border, or one that leaves nothing of the image.
    """
    if protocol not in CHANNELS:
        raise unknown("protocol", protocol, CHANNELS)
    height, width = image.shape[-2:]
    if not 0 <= 2 * border < min(height, width):
        raise UserError(f"A border of {border} pixels cannot be shaved off an image of {height}x{width} pixels.")
    return CHANNELS[protocol](quantise(image))[..., border : height - border, border : width - border]


def check_pair(output: Tensor, target: Tensor) -> None:
    """Refuse two batches that are not of one shape: they would silently broadcast.

    Raises:
        ValueError: the shapes differ.
    """
    if output.shape != target.shape:
        raise ValueError(f"output and target must have one shape, not {tuple(output.shape)} and {tuple(target.shape)}.")


_CHANNELS = {"y": luma, "rgb": lambda images: images, "grey": grey}
