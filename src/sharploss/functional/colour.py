"""The one definition of luma, of grey and of 8-bit values; and what of an image losses and metrics look at."""

from collections.abc import Callable

from torch import Tensor

from sharploss.utils.errors import UserError, unknown

LUMA = (65.481, 128.553, 24.966)
"""Weights of R, G and B in [0, 1] in the luma of MATLAB's rgb2ycbcr, BT.601 in studio range, to which 16 is added."""

GREY = (0.2989, 0.5870, 0.1140)
"""Weights of R, G and B in a grey image: BT.601 to four digits, as in MATLAB's rgb2gray and the GV paper's code."""

CHANNELS = ("rgb", "grey")  # what losses can look at: every channel for itself, or the grey image


def luma(image: Tensor) -> Tensor:
    """Compute Y of YCbCr as MATLAB's `rgb2ycbcr` does: BT.601, studio range (black 16/255, white 235/255), not rounded.

    From (N, 3, H, W) RGB in [0, 1] to (N, 1, H, W).
    """
    return _weighted(image, (LUMA[0] / 255, LUMA[1] / 255, LUMA[2] / 255)) + 16 / 255


def grey(image: Tensor) -> Tensor:
    """Compute the grey level as MATLAB's `rgb2gray` does: BT.601 weights to four digits, full range, not rounded.

    From (N, 3, H, W) RGB in [0, 1] to (N, 1, H, W) in [0, 1].
    """
    return _weighted(image, GREY)


def in_channels(images: Tensor, channels: str) -> Tensor:
    """Return what a loss looks at: the images themselves for channels "rgb", their grey version for "grey".

    Of (N, C, H, W) for "grey" C is 3, or 1 for images that are grey already; others raise ValueError.
    """
    if channels == "rgb" or images.shape[1] == 1:
        return images
    if images.shape[1] != 3:
        raise ValueError(f"images must have 1 or 3 channels for channels='grey', not {images.shape[1]}")
    return grey(images)


def _weighted(image: Tensor, weights: tuple[float, float, float]) -> Tensor:
    if image.dim() != 4 or image.shape[1] != 3:
        raise ValueError(f"Images must be (N, 3, H, W), not {tuple(image.shape)}.")
    red, green, blue = image.split(1, dim=1)
    return weights[0] * red + weights[1] * green + weights[2] * blue


def quantise(image: Tensor) -> Tensor:
    """Clamp an image to [0, 1] and round it to the 256 levels of an image file, halves up as MATLAB does."""
    return image.clamp(0, 1).mul(255).add(0.5).floor().div(255)


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    # MATLAB's rgb2ycbcr of a uint8 image is uint8 again, and published Y values were made that way: unrounded luma
    # gives SSIM .8111 where the literature has .8104 (Set5 x4 bicubic).
    "y": lambda image: quantise(luma(image)),
    "y_unrounded": luma,
    "rgb": lambda image: image,
    "grey": grey,
    # The weights add up to 0.9999, which rounding makes good: of a grey image these are its own values.
    "grey8": lambda image: quantise(grey(image)),
    "luma256": lambda image: _weighted(image, (65.738 / 256, 129.057 / 256, 25.064 / 256)),
}
"""What of an 8-bit RGB image is looked at: names of protocols, which `sharploss.config.protocols` says in words, and
"luma256", the luma without offset of EDSR's code, over 256, not rounded."""


def view(levels: Tensor, channels: str, border: int) -> Tensor:
    """Return what a protocol looks at: some channels of an image, the border shaved.

    From `levels`, (N, 3, H, W) RGB in [0, 1] rounded to 8 bits, to (N, 1 or 3, H - 2 * border, W - 2 * border) in
    [0, 1]. UserError for channels that are no key of VIEWS, and as `check_border`.
    """
    if channels not in VIEWS:
        raise unknown("protocol", channels, VIEWS)
    height, width = check_border(levels, border)
    return VIEWS[channels](levels)[..., border : height + border, border : width + border]


def check_border(image: Tensor, border: int) -> tuple[int, int]:
    """Return height and width of what is inside a border; UserError where it is negative or leaves nothing."""
    height, width = image.shape[-2:]
    if not 0 <= 2 * border < min(height, width):
        raise UserError(f"A border of {border} pixels cannot be shaved off an image of {height}x{width} pixels.")
    return height - 2 * border, width - 2 * border
