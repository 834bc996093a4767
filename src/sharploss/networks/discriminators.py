"""Discriminators: from an image of one fixed size to one logit, high for real."""

import math
from collections.abc import Sequence

from torch import Tensor, nn

from sharploss.networks.layers import CHANNEL_COUNTS, check_channels, lrelu
from sharploss.utils.argument_checks import check_choice, check_integer, check_odd


class Discriminator(nn.Module):
    """Convolutional layers and a classifier; maps (N, C, size, size) in [0, 1] to (N, 1) logits."""

    def __init__(self, size: int, channels: int, layers: nn.Sequential, classifier: nn.Sequential) -> None:
        super().__init__()
        self.size, self.channels = size, channels
        self.layers, self.classifier = layers, classifier

    def forward(self, images: Tensor) -> Tensor:
        """Classify images; ValueError for another size: the last layers' weights belong to one."""
        check_channels(images, self.channels, "discriminator")
        if images.shape[-2:] != (self.size, self.size):
            height, width = images.shape[-2:]
            what = f"patches of {self.size}x{self.size} pixels, not {width}x{height}"
            cure = "set its size to the recipe's patch times the scale"
            raise ValueError(f"the discriminator was built for {what}: {cure}")
        return self.classifier(self.layers(images).flatten(1))


class VGG128(Discriminator):
    """ESRGAN's discriminator in the style of VGG, as in BasicSR (VGGStyleDiscriminator).

    Pairs of a 3x3 and a halving 4x4 convolution with batch normalisation and LeakyReLU of 0.2, until 4x4 pixels are
    left, then two linear layers of 100 and 1.

    Args:
        size: side of the patches in pixels: 32, 64, 128 (as in the paper) or 256.
        width: channels of the first pair; they double up to 8 times as many.
    """

    def __init__(self, size: int = 128, width: int = 64, channels: int = 3) -> None:
        check_integer("size", size, minimum=1)
        check_choice("size", size, (32, 64, 128, 256))
        check_integer("width", width, minimum=1)
        check_choice("channels", channels, CHANNEL_COUNTS)
        layers: list[nn.Module] = []
        inputs = channels
        for index in range(size.bit_length() - 3):
            outputs = width * min(2**index, 8)
            first = nn.Conv2d(inputs, outputs, 3, padding=1, bias=index == 0)
            norm = [nn.BatchNorm2d(outputs)] if index else []
            layers += [first, *norm, lrelu(), nn.Conv2d(outputs, outputs, 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(outputs), lrelu()]
            inputs = outputs
        classifier = nn.Sequential(nn.Linear(inputs * 16, 100), lrelu(), nn.Linear(100, 1))
        super().__init__(size, channels, nn.Sequential(*layers), classifier)


class SRGANDiscriminator(Discriminator):
    """SRGAN's discriminator (Ledig et al. 2017, figure 4).

    Eight 3x3 convolutions of 64 to 512 channels, every second one halving the size, batch normalisation after all but
    the first, LeakyReLU of 0.2, then linear layers of 1024 and 1.

    Args:
        size: side of the patches in pixels, a multiple of 16; 96 in the paper.
        width: channels of the first layer.
        hidden: of the first linear layer; 1024 in the paper.
    """

    def __init__(self, size: int = 96, width: int = 64, hidden: int = 1024, channels: int = 3) -> None:
        _check(size, 16, width=width, hidden=hidden, channels=channels)
        layers: list[nn.Module] = []
        inputs = channels
        for index in range(8):
            outputs = width * 2 ** (index // 2)
            norm = [nn.BatchNorm2d(outputs)] if index else []
            layers += [nn.Conv2d(inputs, outputs, 3, 1 + index % 2, 1), *norm, lrelu()]
            inputs = outputs
        classifier = nn.Sequential(nn.Linear(inputs * (size // 16) ** 2, hidden), lrelu(), nn.Linear(hidden, 1))
        super().__init__(size, channels, nn.Sequential(*layers), classifier)


class SharpGANDiscriminator(Discriminator):
    """SharpGAN's discriminator (Fan and Wang 2021).

    From the paper: eight layers of convolution, activation and normalisation, in this order, then two fully connected
    ones. Ours, because the paper does not say: 3x3 kernels, 64 to 512 channels, strides, LeakyReLU of 0.2, batch
    normalisation, 100 hidden units. The paper's sigmoid belongs to the loss here: the output is its argument.

    Args:
        size: side of the patches in pixels, a multiple of the strides' product; 24 in the paper.
        width: channels of the first layer; they double every second layer.
        hidden: of the first linear layer.
        kernel: side of the kernels, odd.
        strides: of the eight layers, each 1 or 2; every second layer halves the size until a size of 24 is 3.
    """

    def __init__(
        self,
        size: int = 24,
        width: int = 64,
        hidden: int = 100,
        channels: int = 3,
        *,
        kernel: int = 3,
        strides: Sequence[int] = (1, 2, 1, 2, 1, 2, 1, 1),
    ) -> None:
        check_odd("kernel", kernel)
        if not isinstance(strides, list | tuple) or len(strides) != 8:
            raise ValueError(f"strides must be a list of eight, each 1 or 2, not {strides!r}")
        for stride in strides:
            check_choice("strides", stride, (1, 2))
        shrunk = math.prod(strides)
        _check(size, shrunk, width=width, hidden=hidden, channels=channels)
        layers: list[nn.Module] = []
        inputs = channels
        for index, stride in enumerate(strides):
            outputs = width * 2 ** (index // 2)
            layers += [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2), lrelu(), nn.BatchNorm2d(outputs)]
            inputs = outputs
        classifier = nn.Sequential(nn.Linear(inputs * (size // shrunk) ** 2, hidden), lrelu(), nn.Linear(hidden, 1))
        super().__init__(size, channels, nn.Sequential(*layers), classifier)


def min_batch(discriminator: Discriminator) -> int:
    """Return how many images a discriminator needs together to train: 2 where it normalises 1x1 maps, else 1.

    Batch normalisation takes a channel's mean over the images and pixels: torch refuses that of a single number.
    """
    side = discriminator.size
    for layer in discriminator.layers:
        if isinstance(layer, nn.Conv2d):
            # Reckoned, not tried: the first tensor that passes through a network on meta costs a second.
            side = (side + 2 * int(layer.padding[0]) - layer.kernel_size[0]) // layer.stride[0] + 1
        if isinstance(layer, nn.BatchNorm2d) and side == 1:
            return 2
    return 1


def _check(size: int, multiple: int, *, width: int, hidden: int, channels: int) -> None:
    check_integer("size", size, minimum=multiple)
    if size % multiple:
        raise ValueError(f"size must be a multiple of {multiple}, not {size}")
    check_integer("width", width, minimum=1)
    check_integer("hidden", hidden, minimum=1)
    check_choice("channels", channels, CHANNEL_COUNTS)


DISCRIMINATORS: dict[str, type[Discriminator]] = {
    "sharpgan": SharpGANDiscriminator,
    "srgan": SRGANDiscriminator,
    "vgg128": VGG128,
}
