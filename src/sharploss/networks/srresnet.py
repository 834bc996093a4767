"""SRResNet, the generator of SRGAN: the paper's with batch normalisation, and the one without (MSRResNet)."""

from torch import Tensor, nn

from sharploss.networks.layers import (
    check_channels,
    check_sizes,
    conv,
    enlarge,
    residual_block,
    scaled_kaiming,
    upsampler,
)
from sharploss.utils.argument_checks import check_flag


class SRResNet(nn.Module):
    """Ledig et al., "Photo-realistic single image super-resolution using a generative adversarial network" (CVPR 2017).

    With batch normalisation it is the paper's: PReLU of one parameter, 9x9 convolutions at both ends, a skip around the
    blocks. Without, it is BasicSR's MSRResNet: 3x3 throughout, LeakyReLU of 0.1, added to the bilinearly enlarged
    input; its blocks, upsamplers and ends start as Kaiming normal times 0.1. The paper's starts as PyTorch's defaults.

    Args:
        scale: 1, 2, 3 or 4; 1 shuffles nothing.
        blocks: residual blocks; 16 in the paper.
        width: channels; 64 in the paper.
        batch_norm: which of the two, see above.
    """

    def __init__(
        self, scale: int = 4, blocks: int = 16, width: int = 64, batch_norm: bool = True, channels: int = 3
    ) -> None:
        super().__init__()
        check_sizes(scale, channels, blocks=blocks, width=width)
        check_flag("batch_norm", batch_norm)
        self.scale, self.channels, self.batch_norm = scale, channels, batch_norm
        layers = _paper(scale, blocks, width, channels) if batch_norm else _modified(scale, blocks, width, channels)
        self.head, self.body, self.tail = layers

    def forward(self, images: Tensor) -> Tensor:
        """Restore (N, C, h, w) images in [0, 1] as (N, C, scale*h, scale*w), unclamped."""
        check_channels(images, self.channels)
        features = self.head(images)
        if self.batch_norm:
            return self.tail(features + self.body(features))
        return self.tail(self.body(features)) + enlarge(images, self.scale, "bilinear")


def _paper(scale: int, blocks: int, width: int, channels: int) -> list[nn.Sequential]:
    body = [residual_block(width, nn.PReLU(), batch_norm=True) for _ in range(blocks)]
    up = upsampler(scale, width, nn.PReLU())
    return [
        nn.Sequential(conv(channels, width, 9), nn.PReLU()),
        nn.Sequential(*body, conv(width, width), nn.BatchNorm2d(width)),
        nn.Sequential(*up, conv(width, channels, 9)),
    ]


def _modified(scale: int, blocks: int, width: int, channels: int) -> list[nn.Sequential]:
    def activation() -> nn.Module:
        return nn.LeakyReLU(0.1, inplace=True)

    body = [residual_block(width, nn.ReLU(inplace=True)) for _ in range(blocks)]
    up = upsampler(scale, width, activation())
    parts = [
        nn.Sequential(conv(channels, width), activation()),
        nn.Sequential(*body),
        nn.Sequential(*up, conv(width, width), activation(), conv(width, channels)),
    ]
    for layer in (layer for part in parts for layer in part.modules() if isinstance(layer, nn.Conv2d)):
        scaled_kaiming(layer, 0.1)
    return parts
