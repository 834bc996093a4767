"""SharpGAN's generators: StackedG, ResG and NonBN-ResG, the three steps of the paper's ablation."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from torch import Tensor, nn

from sharploss.networks.layers import check_channels, check_sizes, conv, enlarge, lrelu, residual_block
from sharploss.utils.argument_checks import check_choice, check_flag, check_odd

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": partial(nn.ReLU, inplace=True),
    "leaky_relu": lrelu,
    "prelu": nn.PReLU,
}


class StackedG(nn.Module):
    """Fan and Wang, "Image sharpness with a GAN" (2021): the generator without residual blocks.

    From the paper: convolutions of stride 1 that keep the size, no pooling, a middle of five blocks, and nested long
    skips with element-wise addition in the generators that have residual blocks. Ours, because the paper gives it in a
    figure that is missing: 64 channels, 3x3 kernels, one convolution before and one after the middle, LeakyReLU of 0.2
    outside the residual blocks, skips between what enters and leaves the middle and between its second and its last
    block but one, and the input added to the output (`global_skip`). Weights start as PyTorch's defaults.

    Args:
        scale: 1; larger ones interpolate inside first (PyTorch's bicubic), which is ours.
        blocks: blocks in the middle; 5 in the paper. A block without a residual is two convolutions.
        width: channels.
        global_skip: whether the input is added to the output; off for StackedG, which has no skips.
        kernel: side of the kernels, odd.
        activation: of the blocks, "relu", "leaky_relu" (0.2) or "prelu"; None for each generator's own: LeakyReLU in
            StackedG, ReLU in ResG, PReLU in NonBNResG.
    """

    skips: ClassVar[bool] = False
    batch_norm: ClassVar[bool] = False
    own_activation: ClassVar[str] = "leaky_relu"

    def __init__(
        self,
        scale: int = 1,
        blocks: int = 5,
        width: int = 64,
        global_skip: bool | None = None,
        channels: int = 3,
        *,
        kernel: int = 3,
        activation: str | None = None,
    ) -> None:
        super().__init__()
        check_sizes(scale, channels, blocks=blocks, width=width)
        check_odd("kernel", kernel)
        activation = self.own_activation if activation is None else activation
        check_choice("activation", activation, tuple(ACTIVATIONS))
        self.global_skip = self.skips if global_skip is None else global_skip
        check_flag("global_skip", self.global_skip)
        self.scale, self.channels = scale, channels
        self.head = nn.Sequential(conv(channels, width, kernel), lrelu())
        self.blocks = nn.ModuleList(self._block(width, kernel, ACTIVATIONS[activation]) for _ in range(blocks))
        self.tail = conv(width, channels, kernel)

    def _block(self, width: int, kernel: int, activate: Callable[[], nn.Module]) -> nn.Module:
        if self.skips:
            return residual_block(width, activate(), kernel=kernel, batch_norm=self.batch_norm)
        layers = [layer for _ in range(2) for layer in (conv(width, width, kernel), activate())]
        return nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Restore (N, C, h, w) images in [0, 1] as (N, C, scale*h, scale*w), unclamped."""
        check_channels(images, self.channels)
        images = enlarge(images, self.scale)
        features = self.head(images)
        entered = [features]
        for index, block in enumerate(self.blocks):
            features = block(features)
            # The nested skips: around all blocks, and around all but the first and the last.
            mirrored = len(self.blocks) - 1 - index
            if self.skips and mirrored <= 1 and mirrored < index:
                features = features + entered[mirrored]
            entered.append(features)
        output = self.tail(features)
        return output + images if self.global_skip else output


class ResG(StackedG):
    """StackedG with classic residual blocks: batch normalisation and ReLU, nested long skips. Arguments as there."""

    skips = True
    batch_norm = True
    own_activation = "relu"


class NonBNResG(StackedG):
    """ResG with the paper's improved blocks: no batch normalisation, PReLU. Arguments as in StackedG."""

    skips = True
    own_activation = "prelu"
