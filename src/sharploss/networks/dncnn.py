"""DnCNN: a plain deep network that estimates what to take away from the image."""

from torch import Tensor, nn

from sharploss.networks.layers import check_channels, check_sizes, conv, enlarge
from sharploss.utils.argument_checks import check_flag, check_integer


class DnCNN(nn.Module):
    """Zhang et al., "Beyond a Gaussian denoiser: residual learning of deep CNN for image denoising" (TIP 2017).

    3x3 convolutions with bias, batch normalisation (epsilon 1e-4, as in KAIR) and ReLU; the output is the input minus
    what they make of it. As in KAIR's training options, convolutions start orthogonal times 0.2 and without bias, the
    factors of the normalisation uniform in [0.1, 1].

    Args:
        scale: 1 as in the paper; 2, 3 or 4 interpolate inside first (PyTorch's bicubic), which is ours.
        depth: convolutions in all: 17 for one noise level, 20 for blind denoising and colour.
        width: channels; 64 in the paper.
        batch_norm: False gives the released models without it (KAIR's act_mode 'R').
    """

    def __init__(
        self, scale: int = 1, depth: int = 20, width: int = 64, batch_norm: bool = True, channels: int = 3
    ) -> None:
        super().__init__()
        check_sizes(scale, channels, width=width)
        check_integer("depth", depth, minimum=2)
        check_flag("batch_norm", batch_norm)
        self.scale, self.channels = scale, channels
        layers: list[nn.Module] = [conv(channels, width), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            norm = [nn.BatchNorm2d(width, eps=1e-4, momentum=0.9)] if batch_norm else []
            layers += [conv(width, width), *norm, nn.ReLU(inplace=True)]
        self.model = nn.Sequential(*layers, conv(width, channels))
        self.model.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Restore (N, C, h, w) images in [0, 1] as (N, C, scale*h, scale*w), unclamped."""
        check_channels(images, self.channels)
        images = enlarge(images, self.scale)
        return images - self.model(images)


def _initialise(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d):
        nn.init.orthogonal_(layer.weight, gain=0.2)
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.uniform_(layer.weight, 0.1, 1)
