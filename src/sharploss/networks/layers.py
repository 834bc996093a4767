"""What several networks are made of: checks of sizes and images, layers, and how official codes start them."""

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharploss.utils.argument_checks import check_choice, check_integer

CHANNEL_COUNTS = (1, 3)  # channels a network can be built for: Y or RGB


def check_sizes(scale: Any, channels: Any, *, scales: tuple[int, ...] = (1, 2, 3, 4), **sizes: Any) -> None:
    """Require (ValueError) a known scale, 1 or 3 channels, and sizes that are integers of at least 1."""
    check_choice("scale", scale, scales)
    check_integer("scale", scale, minimum=min(scales))  # 2.0 would become a fraction of a channel somewhere
    check_choice("channels", channels, CHANNEL_COUNTS)
    for name, value in sizes.items():
        check_integer(name, value, minimum=1)


def check_channels(images: Tensor, channels: int, built: str = "network") -> None:
    """Require (ValueError) images (N, `channels`, h, w): a bias or a mean would broadcast others silently."""
    if images.ndim != 4 or images.shape[1] != channels:
        raise ValueError(f"the {built} was built for images (N, {channels}, h, w), not {tuple(images.shape)}")


class Residual(nn.Module):
    """Adds what its layers make of x, times `factor`, to x, of shape (N, width, h, w)."""

    def __init__(self, *layers: nn.Module, factor: float = 1) -> None:
        super().__init__()
        self.factor, self.layers = factor, nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, width, h, w) to the same shape."""
        return features.add(self.layers(features), alpha=self.factor)


def residual_block(
    width: int, activation: nn.Module, *, kernel: int = 3, batch_norm: bool = False, factor: float = 1
) -> Residual:
    """Make a block that adds conv(activation(conv(x))) times `factor` to x; both convolutions perhaps normalised."""
    norm, second = ([nn.BatchNorm2d(width)] if batch_norm else [] for _ in range(2))
    return Residual(conv(width, width, kernel), *norm, activation, conv(width, width, kernel), *second, factor=factor)


def conv(inputs: int, outputs: int, side: int = 3, *, bias: bool = True) -> nn.Conv2d:
    """Make a convolution that keeps the size."""
    return nn.Conv2d(inputs, outputs, side, padding=side // 2, bias=bias)


def lrelu() -> nn.Module:
    """Make a LeakyReLU of 0.2."""
    return nn.LeakyReLU(0.2, inplace=True)


class PixelShuffle(nn.PixelShuffle):
    """torch's pixel shuffle: (N, C * r^2, h, w) to (N, C, r * h, r * w)."""

    def forward(self, input: Tensor) -> Tensor:
        """Shuffle; on a GPU in the layout of the input, which torch's own turns into NCHW."""
        if input.is_cuda and input.is_contiguous(memory_format=torch.channels_last):
            return shuffle_channels_last(input, self.upscale_factor)
        return super().forward(input)


def shuffle_channels_last(features: Tensor, factor: int) -> Tensor:
    """Shuffle pixels as F.pixel_shuffle does, channels-last throughout."""
    count, channels, height, width = features.shape
    parts = features.permute(0, 2, 3, 1).reshape(count, height, width, -1, factor, factor)
    rows = parts.permute(0, 1, 4, 2, 5, 3).reshape(count, height * factor, width * factor, channels // factor**2)
    return rows.permute(0, 3, 1, 2)


def upsampler(scale: int, width: int, *activation: nn.Module) -> list[nn.Module]:
    """Return the layers that enlarge (N, width, h, w) by `scale`: one pixel shuffle by 3, or one or two by 2."""
    factors = {1: (), 2: (2,), 3: (3,), 4: (2, 2)}[scale]
    return [
        layer
        for factor in factors
        for layer in (conv(width, width * factor**2), PixelShuffle(factor), *map(copy.deepcopy, activation))
    ]


def enlarge(images: Tensor, scale: int, mode: str = "bicubic") -> Tensor:
    """Interpolate images (half-pixel centres; PyTorch's bicubic, a = -0.75); they carry no gradient."""
    return images if scale == 1 else F.interpolate(images, scale_factor=scale, mode=mode, align_corners=False)


def scaled_kaiming(layer: nn.Conv2d, scale: float) -> None:
    """Start a convolution as Kaiming normal (fan in, gain of ReLU) times `scale`, its bias at 0, as BasicSR does."""
    nn.init.kaiming_normal_(layer.weight)
    layer.weight.data.mul_(scale)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def normal_fan_out(layer: nn.Conv2d) -> None:
    """Start a convolution as N(0, sqrt(2 / (k^2 * out))), its bias at 0, as twtygqyy's VDSR does."""
    outputs, _, height, width = layer.weight.shape
    nn.init.normal_(layer.weight, std=math.sqrt(2 / (height * width * outputs)))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
