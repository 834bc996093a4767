"""ESPCN: convolutions at low resolution, then one pixel shuffle."""

from torch import Tensor, nn

from sharploss.networks.layers import PixelShuffle, check_channels, check_sizes
from sharploss.utils.argument_checks import check_flag, check_integer


class ESPCN(nn.Module):
    """Shi et al., "Real-time single image and video super-resolution using sub-pixel convolution" (CVPR 2016).

    Weights start as PyTorch's defaults, as in the reference re-implementation (leftthomas/ESPCN), which also puts the
    sigmoid behind the shuffle.

    Args:
        scale: 2, 3 or 4.
        width: channels of the first layer (5x5); 64 in the paper.
        second_width: channels of the second layer (3x3); half of `width` when left out, as in the paper.
        sigmoid: whether a sigmoid keeps the output within (0, 1).
    """

    def __init__(
        self, scale: int = 4, width: int = 64, second_width: int | None = None, channels: int = 3, sigmoid: bool = True
    ) -> None:
        super().__init__()
        check_sizes(scale, channels, scales=(2, 3, 4))
        check_integer("width", width, minimum=1 if second_width is not None else 2)
        second = width // 2 if second_width is None else second_width
        check_integer("second_width", second, minimum=1)
        check_flag("sigmoid", sigmoid)
        self.scale, self.channels, self.sigmoid = scale, channels, sigmoid
        self.first = nn.Conv2d(channels, width, 5, padding=2)
        self.second = nn.Conv2d(width, second, 3, padding=1)
        self.last = nn.Conv2d(second, channels * scale**2, 3, padding=1)
        self.shuffle = PixelShuffle(scale)

    def forward(self, images: Tensor) -> Tensor:
        """Restore (N, C, h, w) images in [0, 1] as (N, C, scale*h, scale*w)."""
        check_channels(images, self.channels)
        features = self.second(self.first(images).tanh()).tanh()
        output = self.shuffle(self.last(features))
        return output.sigmoid() if self.sigmoid else output
