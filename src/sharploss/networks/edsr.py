"""EDSR: residual blocks without batch normalisation, upsampled by pixel shuffles at the end."""

import torch
from torch import Tensor, nn

from sharploss.networks.layers import check_channels, check_sizes, conv, residual_block, upsampler
from sharploss.utils.argument_checks import check_choice, check_number

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
        rgb_range: 1 or 255, see above.
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
        check_sizes(scale, channels, blocks=blocks, width=width)
        check_choice("rgb_range", rgb_range, (1, 255))
        check_number("res_scale", res_scale, minimum=0)
        self.channels, self.rgb_range = channels, rgb_range
        self.register_buffer("mean", torch.tensor(MEANS[channels]).view(1, channels, 1, 1), persistent=False)
        self.head = conv(channels, width)
        body = (residual_block(width, nn.ReLU(inplace=True), factor=res_scale) for _ in range(blocks))
        self.body = nn.Sequential(*body, conv(width, width))
        self.tail = nn.Sequential(*upsampler(scale, width), conv(width, channels))

    def forward(self, images: Tensor) -> Tensor:
        """Restore (N, C, h, w) images in [0, 1] as (N, C, scale*h, scale*w), unclamped."""
        check_channels(images, self.channels)
        features = self.head((images - self.mean) * self.rgb_range)
        return self.tail(features + self.body(features)) / self.rgb_range + self.mean
