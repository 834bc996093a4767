"""The texture loss: a distance of the Gram matrices of VGG19's features, patch by patch or over the whole image."""

from collections.abc import Mapping

from torch import Tensor

from sharploss.functional.images import check_size
from sharploss.losses.vgg import PRESETS
from sharploss.losses.vgg_features import FeatureLoss, stride
from sharploss.utils.argument_checks import check_choice, check_integer

SHARPGAN_LAYERS: dict[str, float] = PRESETS["sharpgan"]["layers"]
NORMALISATIONS = ("chw", "hw", "none")


def gram(features: Tensor, cell: int | None = None, normalisation: str = "chw") -> Tensor:
    """Compute the Gram matrices F F^T of features F, channels by places: (N, C, h, w) to (N, patches, C, C).

    `cell` is the side of the patches, of which a ragged right or bottom edge is dropped; None: one patch, all there is.
    Sums are divided by channels and places ("chw", as in BasicSR), by places ("hw"), or not at all ("none").
    """
    batch, channels, height, width = features.shape
    high, wide = (cell, cell) if cell is not None else (height, width)
    rows, columns = height // high, width // wide
    inside = features[..., : rows * high, : columns * wide]
    grid = inside.reshape(batch, channels, rows, high, columns, wide).permute(0, 2, 4, 1, 3, 5)
    patches = grid.reshape(batch, rows * columns, channels, high * wide)
    divisor = {"chw": channels * high * wide, "hw": high * wide, "none": 1}[normalisation]
    return patches @ patches.mT / divisor


class TextureLoss(FeatureLoss):
    """The weighted sum of the layers' distances, each a mean over batch, patches and the entries of Gram matrices.

    Fan and Wang's SharpGAN (2021), eq. 5: squared differences of Gram matrices computed patch-wise, of the layers of
    its perceptual loss. Patch size, normalisation and weights are not in the paper and OURS. With `patch` null it is
    the style loss of Gatys et al. (2016), and with criterion "l1" that of BasicSR.

    Args:
        layers: layers of VGG19 and their weights; see `sharploss.losses.VGGLoss`.
        patch: side of the patches in pixels of the image, at least one place of a layer's features (a pool5 place
            stands for 32 pixels); None: Gram matrices of whole images.
        normalisation: "chw", "hw" or "none"; see `gram`.
        criterion: "l1" for absolute, "l2" for squared differences.
        ceil_mode: whether pooling keeps a ragged edge, which pool5 needs for images below 32 pixels.
        rescale: see `sharploss.losses.VGGLoss`. Gram matrices grow with the square of the features.

    >>> TextureLoss().assets
    ('vgg19_torchvision', 'vgg19')
    """

    def __init__(
        self,
        layers: Mapping[str, float] = SHARPGAN_LAYERS,
        *,
        patch: int | None = 16,
        normalisation: str = "chw",
        criterion: str = "l2",
        ceil_mode: bool = False,
        rescale: str | float = "auto",
    ) -> None:
        super().__init__("vgg19", layers, criterion, ceil_mode, rescale)
        if patch is not None:
            check_integer("patch", patch, minimum=1)
        check_choice("normalisation", normalisation, NORMALISATIONS)
        self.patch, self.normalisation = patch, normalisation
        self.min_size = max(self.min_size, patch or 1)

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Compute the Gram matrices of images (N, 3, H, W) in [0, 1] by layer: (N, patches, width, width)."""
        if self.patch is not None:
            check_size(images, self.patch, f"texture in patches of {self.patch}")
        maps = super().features(images)  # perhaps of more layers, for another loss that reads the same network
        cells = {layer: self.patch and max(1, self.patch // stride(layer)) for layer in self.layers}
        return {layer: gram(maps[layer], cells[layer], self.normalisation) for layer in self.layers}
