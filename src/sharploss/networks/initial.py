"""Initial weights that several official codes share."""

import math

from torch import nn


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
