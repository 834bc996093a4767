"""VDSR: a deep plain network that corrects the bicubic interpolation."""

from torch import Tensor, nn

from sharploss.networks.layers import check_channels, check_sizes, conv, enlarge, normal_fan_out
from sharploss.utils.argument_checks import check_flag, check_integer


class VDSR(nn.Module):
    """Kim et al., "Accurate image super-resolution using very deep convolutional networks" (CVPR 2016).

    The interpolation happens inside (PyTorch's bicubic, a = -0.75, half-pixel centres), and its result is added to what
    the layers put out. Weights start as N(0, sqrt(2 / (k^2 * out))) and without bias, as in twtygqyy/pytorch-vdsr.

    Args:
        scale: 1, 2, 3 or 4; 1 interpolates nothing (restoration at one resolution).
        width: channels of the hidden layers.
        depth: convolutions in all, 20 in the paper.
        bias: whether the convolutions have one; it starts at 0.
    """

    def __init__(self, scale: int = 4, width: int = 64, depth: int = 20, channels: int = 3, bias: bool = False) -> None:
        super().__init__()
        check_sizes(scale, channels, width=width)
        check_integer("depth", depth, minimum=2)
        check_flag("bias", bias)
        self.scale, self.channels = scale, channels
        self.layers = nn.Sequential(_conv(channels, width, bias), nn.ReLU(inplace=True))
        for _ in range(depth - 2):
            self.layers.extend([_conv(width, width, bias), nn.ReLU(inplace=True)])
        self.layers.append(_conv(width, channels, bias))

    def forward(self, images: Tensor) -> Tensor:
        """Restore (N, C, h, w) images in [0, 1] as (N, C, scale*h, scale*w), unclamped."""
        check_channels(images, self.channels)
        images = enlarge(images, self.scale)
        return images + self.layers(images)


def _conv(inputs: int, outputs: int, bias: bool) -> nn.Conv2d:
    layer = conv(inputs, outputs, bias=bias)
    normal_fan_out(layer)
    return layer
