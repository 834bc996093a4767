"""SinGAN's networks (Shaham et al., "SinGAN: learning a generative model from a single natural image", ICCV 2019).

Mustafa et al. train their loss, MDF, as the discriminators of such a pyramid of networks. Both networks are five 3x3
convolutions without padding, so each output depends on 11x11 pixels. Parameters have the official code's names.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from sharploss.utils.argument_checks import check_integer

RECEPTIVE_FIELD = 11  # pixels along a side that one output of either network sees: the smallest image that they take

FEATURES = ("head", "body", "tail")
"""The tensors that a discriminator gives: after its first layer, after the next three, and its logits."""


class _Body(nn.Module):
    """Four convolutions with batch normalisation and LeakyReLU of 0.2, which both networks begin with.

    `width`, the channels of the layers, is 32 at the coarsest scales, doubled every four scales, at most 128.
    """

    def __init__(self, width: int = 32, channels: int = 3) -> None:
        super().__init__()
        check_integer("width", width, minimum=1)
        check_integer("channels", channels, minimum=1)
        self.head = _block(channels, width)
        self.body = nn.Sequential()
        for index in range(1, 4):
            self.body.add_module(f"block{index}", _block(width, width))


class SinGANDiscriminator(_Body):
    """Maps (N, C, H, W) in [-1, 1] to a map of logits (N, 1, H - 10, W - 10), high for real."""

    def __init__(self, width: int = 32, channels: int = 3) -> None:
        super().__init__(width, channels)
        self.tail = nn.Conv2d(width, 1, 3)

    def features(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what FEATURES names, (N, width, H - 2, W - 2), (N, width, H - 8, W - 8) and (N, 1, H - 10, W - 10)."""
        first = self.head(images)
        fourth = self.body(first)
        return first, fourth, self.tail(fourth)

    def forward(self, images: Tensor) -> Tensor:
        """Classify every 11x11 pixels of images (N, C, H, W) in [-1, 1]."""
        return self.features(images)[-1]


class SinGANGenerator(_Body):
    """Maps images (N, C, H, W) in [-1, 1] to images of the same size: the input plus five convolutions of it.

    The border is padded once with five zeros, as in the official code, and tanh bounds what is added to [-1, 1]. Unlike
    there, what is added to is the very input: in restoration no cleaner one exists.
    """

    def __init__(self, width: int = 32, channels: int = 3) -> None:
        super().__init__(width, channels)
        self.tail = nn.Sequential(nn.Conv2d(width, channels, 3), nn.Tanh())

    def forward(self, images: Tensor) -> Tensor:
        """Restore images."""
        border = RECEPTIVE_FIELD // 2
        return images + self.tail(self.body(self.head(F.pad(images, (border,) * 4))))


def initialise(network: nn.Module) -> None:
    """Start convolutions from N(0, 0.02) and normalisations from N(1, 0.02) with bias 0, as the official code does.

    It leaves the biases of convolutions as torch draws them.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)


def _block(inputs: int, outputs: int) -> nn.Sequential:
    block = nn.Sequential()
    block.add_module("conv", nn.Conv2d(inputs, outputs, 3))
    block.add_module("norm", nn.BatchNorm2d(outputs))
    block.add_module("activation", nn.LeakyReLU(0.2, inplace=True))
    return block
