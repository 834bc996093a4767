"""EDSR: residual blocks without batch normalisation, upsampled by pixel shuffles at the end."""

import torch
from torch import Tensor, nn

from sharploss.networks.images import CHANNEL_COUNTS, check_channels, check_scale
from sharploss.utils.argument_checks import check_choice, check_integer, check_number

MEANS = {3: (0.4488, 0.4371, 0.4040), 1: (0.4379,)}
"""Means of DIV2K in [0, 1] by number of channels: RGB as in the official code, Y (BT.601 studio range) from it."""


class EDSR(nn.Module):
    """Lim et al., "Enhanced deep residual networks for single image super-resolution" (CVPRW 2017).

    The layers see (images - mean) * rgb_range, and their output is divided by it again, so images and loss are in
    [0, 1]. 255 is what the official code and BasicSR use; PyTorch's initial biases and Adam's steps for biases then
    hardly count. The means are fixed buffers, no parameters. Weights start as PyTorch's defaults, as in that code.

    Args:
        scale: 1, 2, 3 or 4; 1 shuffles nothing (restoration at one resolution).
        blocks: residual blocks; 32 in the paper, 16 in its baseline.
        width: channels; 256 in the paper, 64 in its baseline.
        res_scale: factor on what a block adds; 0.1 in the paper, 1 in its baseline.
        channels: 3 for RGB, 1 for Y.
        rgb_range: 1 or 255, see above.

    Raises:
        ValueError: an argument out of range.
    """

    mean: Tensor

    def __init__(
        self,
        scale: int = 4,
        blocks: int = 32,
        width: int = 256,
        res_scale: float = 0.1,
        *,
        channels: int = 3,
        rgb_range: float = 255,
    ) -> None:
        super().__init__()
        check_scale(scale, (1, 2, 3, 4))
        check_choice("channels", channels, CHANNEL_COUNTS)
        check_choice("rgb_range", rgb_range, (1, 255))
        check_integer("blocks", blocks, minimum=1)
        check_integer("width", width, minimum=1)
        check_number("res_scale", res_scale, minimum=0)
        self.channels, self.rgb_range = channels, rgb_range
        self.register_buffer("mean", torch.tensor(MEANS[channels]).view(1, channels, 1, 1), persistent=False)
        self.head = conv(channels, width)
        self.body = nn.Sequential(*(ResidualBlock(width, res_scale) for _ in range(blocks)), conv(width, width))
        self.tail = nn.Sequential(*upsampler(scale, width), conv(width, channels))

    def forward(self, images: Tensor) -> Tensor:
        """Restore (N, C, h, w) images in [0, 1] as (N, C, scale*h, scale*w), unclamped."""
        check_channels(images, self.channels)
        features = self.head((images - self.mean) * self.rgb_range)
        return self.tail(features + self.body(features)) / self.rgb_range + self.mean


class ResidualBlock(nn.Module):
    """Adds res_scale * conv(relu(conv(x))) to x of shape (N, width, h, w)."""

    def __init__(self, width: int, res_scale: float) -> None:
        super().__init__()
        self.res_scale = res_scale
        self.layers = nn.Sequential(conv(width, width), nn.ReLU(inplace=True), conv(width, width))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, width, h, w) to the same shape."""
        return features.add(self.layers(features), alpha=self.res_scale)


def upsampler(scale: int, width: int) -> list[nn.Module]:
    """Return the layers that enlarge (N, width, h, w) by `scale`: one pixel shuffle by 3, or one or two by 2."""
    factors = {1: (), 2: (2,), 3: (3,), 4: (2, 2)}[scale]
    return [layer for factor in factors for layer in (conv(width, width * factor**2), nn.PixelShuffle(factor))]


def conv(inputs: int, outputs: int) -> nn.Conv2d:
    """Make a 3x3 convolution that keeps the size."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)
