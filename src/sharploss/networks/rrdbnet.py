"""RRDBNet: residual-in-residual dense blocks, the generator of ESRGAN."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharploss.networks.layers import check_channels, check_sizes, conv, scaled_kaiming

RESIDUAL = 0.2  # factor on what a dense block, and three of them together, add


class RRDBNet(nn.Module):
    """Wang et al., "ESRGAN: enhanced super-resolution generative adversarial networks" (ECCVW 2018).

    The trunk works at a quarter of the target's size: for scale 2 and 1 (and 3, which is ours: a third) the input is
    first folded into channels, as in BasicSR. Dense blocks start as Kaiming normal times 0.1 with bias 0, the other
    layers as PyTorch's defaults, as in BasicSR.

    Args:
        scale: 1, 2, 3 or 4; for 1 and 2 images are padded, repeating the border, to what can be folded, and cropped
            again; 3 enlarges once, by 3.
        blocks: RRDBs; 23 in the paper.
        width: channels of the trunk.
        growth: channels that each layer of a dense block adds.
    """

    def __init__(self, scale: int = 4, blocks: int = 23, width: int = 64, growth: int = 32, channels: int = 3) -> None:
        super().__init__()
        check_sizes(scale, channels, blocks=blocks, width=width, growth=growth)
        self.scale, self.channels = scale, channels
        self.fold = {1: 4, 2: 2}.get(scale, 1)
        self.conv_first = conv(channels * self.fold**2, width)
        self.body = nn.Sequential(*(RRDB(width, growth) for _ in range(blocks)))
        self.conv_body = conv(width, width)
        self.conv_up1 = conv(width, width)
        if scale != 3:
            self.conv_up2 = conv(width, width)
        self.conv_hr, self.conv_last = conv(width, width), conv(width, channels)

    def forward(self, images: Tensor) -> Tensor:
        """Restore (N, C, h, w) images in [0, 1] as (N, C, scale*h, scale*w), unclamped."""
        check_channels(images, self.channels)
        height, width = images.shape[-2:]
        features = self.conv_first(F.pixel_unshuffle(_pad(images, self.fold), self.fold))
        features = features + self.conv_body(self.body(features))
        features = _lrelu(self.conv_up1(enlarge(features, 3 if self.scale == 3 else 2)))
        if self.scale != 3:
            features = _lrelu(self.conv_up2(enlarge(features, 2)))
        output = self.conv_last(_lrelu(self.conv_hr(features)))
        return output[..., : self.scale * height, : self.scale * width]


class RRDB(nn.Module):
    """Three dense blocks in a row, whose sum is added to the input times 0.2."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(width, growth) for _ in range(3))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, width, h, w) to the same shape."""
        return features.add(self.rdb3(self.rdb2(self.rdb1(features))), alpha=RESIDUAL)


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees the outputs of all before it."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        for index in range(5):
            outputs = growth if index < 4 else width
            layer = conv(width + index * growth, outputs)
            scaled_kaiming(layer, 0.1)
            self.add_module(f"conv{index + 1}", layer)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, width, h, w) to the same shape."""
        seen = features
        for index in range(1, 5):
            seen = torch.cat((seen, _lrelu(self.get_submodule(f"conv{index}")(seen))), 1)
        return features.add(self.get_submodule("conv5")(seen), alpha=RESIDUAL)


def enlarge(features: Tensor, factor: int) -> Tensor:
    """Repeat every pixel `factor` times in both directions: nearest-neighbour interpolation, deterministic on GPUs."""
    count, width, rows, columns = features.shape
    repeated = features[:, :, :, None, :, None].expand(-1, -1, -1, factor, -1, factor)
    return repeated.reshape(count, width, rows * factor, columns * factor)


def _pad(images: Tensor, multiple: int) -> Tensor:
    height, width = images.shape[-2:]
    return F.pad(images, (0, -width % multiple, 0, -height % multiple), mode="replicate") if multiple > 1 else images


def _lrelu(features: Tensor) -> Tensor:
    return F.leaky_relu(features, 0.2, inplace=True)
