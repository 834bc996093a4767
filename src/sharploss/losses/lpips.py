"""LPIPS as a loss: the learned perceptual distance of Zhang et al. (CVPR 2018), with gradients."""

import torch
from torch import Tensor

from sharploss.assets.weights import read_weights
from sharploss.functional.image_loss import PretrainedLoss, freeze
from sharploss.functional.images import check_size
from sharploss.functional.lpips import BACKBONES, MIN_SIZE, build_lpips
from sharploss.utils.argument_checks import check_choice, check_flag

NAMES = {
    "alexnet": "AlexNet, torchvision's convolutions",
    "alexnet_torchvision": "torchvision alexnet-owt-7be5be79",
    "vgg16_torchvision": "torchvision vgg16-397923af",
}
"""What the record calls the assets that LPIPS's backbones come from."""


class LPIPSLoss(PretrainedLoss):
    """LPIPS, version 0.1, of the authors' package: the mean over the batch, in the network's precision.

    It is the metric without its rounding to 8 bits: 0 for identical images, about 1 for very different ones.

    Args:
        net: "alex", the authors' choice for a metric, or "vgg" (VGG16), nearer to a perceptual loss.
        normalise: whether images in [0, 1] are mapped to the [-1, 1] that the networks expect. The MDF paper's released
            code feeds them as they are, by mistake, and values come out too low.

    >>> LPIPSLoss(net="vgg").assets
    ('vgg16_torchvision',)
    """

    assets = BACKBONES["alex"]

    def __init__(self, net: str = "alex", normalise: bool = True) -> None:
        super().__init__()
        check_choice("net", net, tuple(BACKBONES))
        check_flag("normalise", normalise)
        self.net, self.normalise = net, normalise
        self.assets, self.min_size = BACKBONES[net], MIN_SIZE[net]

    def load(self) -> None:
        """Load the backbone; the linear layers come with the package. AssetMissingError without it."""
        self.use(*read_weights(self.assets))

    def use(self, asset: str, weights: dict[str, Tensor]) -> None:
        """Load `weights`, by torchvision's names, as those of `asset`."""
        self.network = freeze(build_lpips(self.net, weights))
        self.backbone = NAMES.get(asset, asset)

    def train(self, mode: bool = True) -> "LPIPSLoss":
        """Set the mode of this module, but never that of the network: it has dropout layers."""
        super().train(mode)
        if self.network is not None:
            self.network.eval()
        return self

    def features(self, images: Tensor) -> list[Tensor]:
        """Compute the features of the five layers, each place's vector of length 1."""
        if images.shape[1] != 3:
            raise ValueError(f"LPIPS takes RGB images (N, 3, H, W), not {images.shape[1]} channels")
        check_size(images, self.min_size, f"LPIPS ({self.net})")
        network = self.network
        images = images.to(network.scaling_layer.shift.dtype)
        maps = network.net(network.scaling_layer(images * 2 - 1 if self.normalise else images))
        # Not the package's normalize_tensor: its root has no gradient where all features are 0, as in black areas.
        return [layer / (torch.linalg.vector_norm(layer, dim=1, keepdim=True) + 1e-10) for layer in maps]

    def distance(self, found: list[Tensor], wanted: list[Tensor]) -> Tensor:
        """Compute the loss of an output's features, a scalar."""
        pairs = zip(self.network.lins, found, wanted, strict=True)
        return torch.stack([linear((ours - theirs).square()).mean() for linear, ours, theirs in pairs]).sum()
