"""MPRNet: three stages, the first two on quarters and halves of the image as U-Nets, the last at full resolution."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharploss.networks.layers import check_channels, check_sizes
from sharploss.networks.layers import conv as biased
from sharploss.utils.argument_checks import check_integer

MULTIPLE = 8  # of height and width: halved once by the patches and twice by the U-Nets

Features = list[Tensor]

conv = partial(biased, bias=False)


class MPRNet(nn.Module):
    """Zamir et al., "Multi-stage progressive image restoration" (CVPR 2021).

    Other sizes than multiples of 8 are padded by reflection and cropped again. Bilinear resizing by 2 and pooling over
    the whole image are written as sums that strict deterministic mode has no objection to; they give the same values.
    One PReLU is shared by all blocks, and weights start as PyTorch's defaults, both as in the official code. The
    defaults are the deblurring network; denoising has width 80, deraining 40 with unet 20 and orsnet 16.

    Args:
        scale: 1; the size is kept.
        width: channels of the first level.
        unet: channels that each deeper level of the U-Nets adds.
        orsnet: channels that the last stage adds.
        blocks: channel attention blocks in each of the last stage's three groups.
        reduction: of the channel attention.
    """

    def __init__(  # noqa: PLR0917 - the sizes of the paper's table
        self,
        scale: int = 1,
        width: int = 96,
        unet: int = 48,
        orsnet: int = 32,
        blocks: int = 8,
        reduction: int = 4,
        channels: int = 3,
    ) -> None:
        super().__init__()
        check_sizes(scale, channels, scales=(1,), unet=unet, orsnet=orsnet, blocks=blocks, reduction=reduction)
        check_integer("width", width, minimum=reduction)
        self.channels = channels
        act = nn.PReLU()
        levels = [width, width + unet, width + 2 * unet]
        self.shallow_feat1, self.shallow_feat2, self.shallow_feat3 = (
            nn.Sequential(conv(channels, width), AttentionBlock(width, reduction, act)) for _ in range(3)
        )
        self.stage1_encoder = Encoder(levels, reduction, act, fuse=False)
        self.stage1_decoder = Decoder(levels, reduction, act)
        self.stage2_encoder = Encoder(levels, reduction, act, fuse=True)
        self.stage2_decoder = Decoder(levels, reduction, act)
        self.stage3_orsnet = ORSNet(levels, width + orsnet, reduction, act, blocks)
        self.sam12, self.sam23 = SupervisedAttention(width, channels), SupervisedAttention(width, channels)
        self.concat12, self.concat23 = conv(2 * width, width), conv(2 * width, width + orsnet)
        self.tail = conv(width + orsnet, channels)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """Restore (N, C, h, w) images in [0, 1], unclamped; in training all three stages', the last one first."""
        check_channels(images, self.channels)
        height, width = images.shape[-2:]
        stages = tuple(stage[..., :height, :width] for stage in self.stages(_pad(images)))
        return (stages[0], stages[1], stages[2]) if self.training else stages[0]

    def stages(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the outputs of stage 3, 2 and 1 for images whose sizes are multiples of 8."""
        halves = images.chunk(2, 2)
        encoded1, decoded1, first, attended = [], [], [], []
        for half in halves:
            parts = [self.stage1_encoder(self.shallow_feat1(quarter)) for quarter in half.chunk(2, 3)]
            encoded1.append(_join(parts, 3))
            decoded1.append(self.stage1_decoder(encoded1[-1]))
            features, image = self.sam12(decoded1[-1][0], half)
            attended.append(features)
            first.append(image)
        parts = [
            self.stage2_encoder(self.concat12(torch.cat((self.shallow_feat2(half), features), 1)), encoded, decoded)
            for half, features, encoded, decoded in zip(halves, attended, encoded1, decoded1, strict=True)
        ]
        encoded2 = _join(parts, 2)
        decoded2 = self.stage2_decoder(encoded2)
        features, second = self.sam23(decoded2[0], images)
        full = self.concat23(torch.cat((self.shallow_feat3(images), features), 1))
        third = self.tail(self.stage3_orsnet(full, encoded2, decoded2)) + images
        return third, second, torch.cat(first, 2)


class ChannelAttention(nn.Module):
    """Weighs each channel by what its mean over the image says."""

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        self.conv_du = nn.Sequential(
            conv(width, width // reduction, 1), nn.ReLU(inplace=True), conv(width // reduction, width, 1), nn.Sigmoid()
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, width, h, w) to the same shape."""
        return features * self.conv_du(features.mean((2, 3), keepdim=True))


class AttentionBlock(nn.Module):
    """Adds two convolutions with channel attention (the paper's CAB)."""

    def __init__(self, width: int, reduction: int, act: nn.Module) -> None:
        super().__init__()
        self.CA = ChannelAttention(width, reduction)
        self.body = nn.Sequential(conv(width, width), act, conv(width, width))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, width, h, w) to the same shape."""
        return self.CA(self.body(features)) + features


class SupervisedAttention(nn.Module):
    """Makes an image of the features, and lets it gate them (the paper's SAM)."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = conv(width, width, 1), conv(width, channels, 1), conv(channels, width, 1)

    def forward(self, features: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Compute gated features (N, width, h, w) and the stage's restored image (N, C, h, w)."""
        restored = self.conv2(features) + images
        return self.conv1(features) * self.conv3(restored).sigmoid() + features, restored


def _pair(width: int, reduction: int, act: nn.Module) -> nn.Sequential:
    return nn.Sequential(*(AttentionBlock(width, reduction, act) for _ in range(2)))


class Encoder(nn.Module):
    """Three levels, each at half the resolution of the one before; `fuse` adds an earlier stage's features."""

    def __init__(self, levels: list[int], reduction: int, act: nn.Module, *, fuse: bool) -> None:
        super().__init__()
        self.encoder_level1, self.encoder_level2, self.encoder_level3 = (_pair(w, reduction, act) for w in levels)
        self.down12, self.down23 = Resample(levels[0], levels[1], halve), Resample(levels[1], levels[2], halve)
        for index, width in enumerate(levels if fuse else [], 1):
            self.add_module(f"csff_enc{index}", conv(width, width, 1))
            self.add_module(f"csff_dec{index}", conv(width, width, 1))

    def forward(self, features: Tensor, encoded: Features | None = None, decoded: Features | None = None) -> Features:
        """Compute the features of the three levels, finest first."""
        found: Features = []
        levels = (self.encoder_level1, self.encoder_level2, self.encoder_level3)
        for index, (level, down) in enumerate(zip(levels, (self.down12, self.down23, None), strict=True), 1):
            features = level(features)
            if encoded is not None and decoded is not None:
                features = features + self.get_submodule(f"csff_enc{index}")(encoded[index - 1])
                features = features + self.get_submodule(f"csff_dec{index}")(decoded[index - 1])
            found.append(features)
            features = down(features) if down else features
        return found


class Decoder(nn.Module):
    """From three levels back to the finest, with attention on the skips."""

    def __init__(self, levels: list[int], reduction: int, act: nn.Module) -> None:
        super().__init__()
        self.decoder_level1, self.decoder_level2, self.decoder_level3 = (_pair(w, reduction, act) for w in levels)
        self.skip_attn1, self.skip_attn2 = (AttentionBlock(w, reduction, act) for w in levels[:2])
        self.up21, self.up32 = Resample(levels[1], levels[0], double), Resample(levels[2], levels[1], double)

    def forward(self, encoded: Features) -> Features:
        """Compute the decoded features of the three levels, finest first."""
        third = self.decoder_level3(encoded[2])
        second = self.decoder_level2(self.up32(third) + self.skip_attn2(encoded[1]))
        return [self.decoder_level1(self.up21(second) + self.skip_attn1(encoded[0])), second, third]


class Resample(nn.Module):
    """Bilinear resizing by 2, then a 1x1 convolution to other channels."""

    def __init__(self, inputs: int, outputs: int, resize: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.resize = resize
        self.conv = conv(inputs, outputs, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, inputs, h, w) to (N, outputs, h', w')."""
        return self.conv(self.resize(features))


class ResidualGroup(nn.Module):
    """Attention blocks and a convolution, added to their input (the paper's ORB)."""

    def __init__(self, width: int, reduction: int, act: nn.Module, blocks: int) -> None:
        super().__init__()
        layers = [AttentionBlock(width, reduction, act) for _ in range(blocks)]
        self.body = nn.Sequential(*layers, conv(width, width))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, width, h, w) to the same shape."""
        return self.body(features) + features


class ORSNet(nn.Module):
    """The last stage's three groups, each of which also takes one level of stage 2's features."""

    def __init__(self, levels: list[int], width: int, reduction: int, act: nn.Module, blocks: int) -> None:
        super().__init__()
        self.orb1, self.orb2, self.orb3 = (ResidualGroup(width, reduction, act, blocks) for _ in range(3))
        for side in ("enc", "dec"):
            self.add_module(f"up_{side}1", Resample(levels[1], levels[0], double))
            ups = (Resample(levels[2], levels[1], double), Resample(levels[1], levels[0], double))
            self.add_module(f"up_{side}2", nn.Sequential(*ups))
            for index in range(1, 4):
                self.add_module(f"conv_{side}{index}", conv(levels[0], width, 1))

    def forward(self, features: Tensor, encoded: Features, decoded: Features) -> Tensor:
        """Map (N, width, h, w) to the same shape."""
        for index, group in enumerate((self.orb1, self.orb2, self.orb3), 1):
            features = group(features)
            for side, levels in (("enc", encoded), ("dec", decoded)):
                level = levels[index - 1]
                finest = self.get_submodule(f"up_{side}{index - 1}")(level) if index > 1 else level
                features = features + self.get_submodule(f"conv_{side}{index}")(finest)
        return features


def halve(features: Tensor) -> Tensor:
    """Halve (N, C, h, w) as bilinear interpolation with half-pixel centres does: the mean of 2x2 pixels."""
    return F.avg_pool2d(features, 2)


def double(features: Tensor) -> Tensor:
    """Double (N, C, h, w) as bilinear interpolation with half-pixel centres does: weights 3/4 and 1/4."""
    for dim in (2, 3):
        size = features.shape[dim]
        before = torch.cat((features.narrow(dim, 0, 1), features.narrow(dim, 0, size - 1)), dim)
        after = torch.cat((features.narrow(dim, 1, size - 1), features.narrow(dim, size - 1, 1)), dim)
        pairs = (0.75 * features + 0.25 * before, 0.75 * features + 0.25 * after)
        features = torch.stack(pairs, dim + 1).flatten(dim, dim + 1)
    return features


def _join(parts: list[Features], dim: int) -> Features:
    return [torch.cat(level, dim) for level in zip(*parts, strict=True)]


def _pad(images: Tensor) -> Tensor:
    """Pad right and bottom to multiples of 8 by reflection, or by repetition where an image is too small for that."""
    height, width = images.shape[-2:]
    right, bottom = -width % MULTIPLE, -height % MULTIPLE
    if not (right or bottom):
        return images
    mode = "reflect" if right < width and bottom < height else "replicate"
    return F.pad(images, (0, right, 0, bottom), mode=mode)
