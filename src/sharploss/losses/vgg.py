"""The VGG loss: a distance of the features of VGG19 or VGG16 (perceptual or content loss)."""

from collections.abc import Mapping
from typing import Any

from sharploss.losses.vgg_features import FeatureLoss

ESRGAN_LAYERS = {"conv5_4": 1.0}

PRESETS: dict[str, dict[str, Any]] = {
    "esrgan": {"layers": ESRGAN_LAYERS, "criterion": "l1"},
    "srgan_22": {"layers": {"conv2_2": 1.0}, "criterion": "l2"},
    "srgan_54": {"layers": {"conv5_4": 1.0}, "criterion": "l2"},
    "sharpgan": {"layers": {"pool2": 1.0, "pool5": 1.0}, "criterion": "l2", "ceil_mode": True},
    "mdf": {
        "network": "vgg16",
        "layers": {"relu1_2": 0.25, "relu2_2": 0.25, "relu3_3": 0.25, "relu4_3": 0.25},
        "criterion": "l2",
    },
}
"""Parameters of `VGGLoss` as papers use it.

esrgan: Wang et al. 2018 in BasicSR, weight 1 beside 0.01 * L1. srgan_22, srgan_54: Ledig et al. 2017 (VGG22, VGG54) as
EDSR's PyTorch code has them, the convolutions before their ReLU. sharpgan: Fan and Wang 2021, eq. 4; that the two
layers are summed with equal weights is OURS, the paper only says "fused"; its 24-pixel crops need `ceil_mode`.
mdf: the rival in the MDF paper's released code, weight 0.01 beside the squared error. That code enlarges images to
224x224 first, whatever their size, which is left out here: features of patches are compared at the patches' size.
"""


class VGGLoss(FeatureLoss):
    """The weighted sum of the layers' distances, each a mean over batch, channels and places of the features.

    Images are normalised as ImageNet's and never resized. The target is a constant, its features are read once.

    Args:
        layers: layers of the network and their weights. conv5_4 is a convolution before its ReLU, relu5_4 after it,
            pool5 after pooling.
        criterion: "l1" for absolute, "l2" for squared differences.
        ceil_mode: whether pooling keeps a ragged edge, which pool5 needs for images below 32 pixels.
        rescale: "auto", "none" or a number: see `sharploss.losses.vgg_features.divisors`. "auto" makes weights that
            were chosen for torchvision's file usable with Oxford's. What was loaded is in `backbone`.
        network: "vgg19" or "vgg16", of which torchvision's weights alone are known.

    >>> VGGLoss().assets  # it reads the first of these that is here
    ('vgg19_torchvision', 'vgg19')
    """

    def __init__(
        self,
        layers: Mapping[str, float] = ESRGAN_LAYERS,
        criterion: str = "l1",
        ceil_mode: bool = False,
        rescale: str | float = "auto",
        network: str = "vgg19",
    ) -> None:
        super().__init__(network, layers, criterion, ceil_mode, rescale)
