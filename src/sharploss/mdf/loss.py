"""MDF: a distance of features of discriminators that were trained for the task at several scales."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharploss.config.extractors import OFFICIAL, SUFFIX, weights_source
from sharploss.functional.image_loss import PretrainedLoss
from sharploss.functional.images import check_size, full_precision
from sharploss.mdf.networks import FEATURES, RECEPTIVE_FIELD, SinGANDiscriminator
from sharploss.mdf.weights import load_discriminators
from sharploss.utils.argument_checks import check_choice, check_integer
from sharploss.utils.errors import cut, unknown

INPUT_RANGES = ("[0,1]", "[-1,1]")


def features(
    images: Tensor, discriminators: Iterable[nn.Module], layers: Sequence[str], input_range: str
) -> list[Tensor]:
    """Compute the features of images (N, 3, H, W) in [0, 1], by discriminator and layer, in the images' precision."""
    if images.shape[1] != 3:
        raise ValueError(f"the MDF loss takes RGB images (N, 3, H, W), not {images.shape[1]} channels")
    check_size(images, RECEPTIVE_FIELD, "the MDF loss")
    found: list[Tensor] = []
    # A difference of features that bfloat16 has rounded is several per cent off.
    with full_precision(images.device.type):
        images = images * 2 - 1 if input_range == "[-1,1]" else images
        for discriminator in discriminators:
            assert isinstance(discriminator, SinGANDiscriminator)  # nn.ModuleList forgets its type
            given = zip(FEATURES, discriminator.features(images), strict=True)
            found += [tensor for layer, tensor in given if layer in layers]
    return found


def check_layers(layers: Sequence[str]) -> tuple[str, ...]:
    """Require (ValueError) a list of different layers, at least one, and give it."""
    # params.yaml can say anything, and of a list within a list no set can be made.
    listed = isinstance(layers, list | tuple) and all(isinstance(layer, str) for layer in layers)  # pyright: ignore[reportUnnecessaryIsInstance]
    if not listed or not layers or len(set(layers)) < len(layers):
        raise ValueError(f"layers must be a list of some of {', '.join(FEATURES)}, not {cut(repr(layers))}")
    for layer in layers:
        if layer not in FEATURES:
            raise unknown("layer", layer, FEATURES)
    return tuple(layers)


class MDFLoss(PretrainedLoss):
    """The sum over discriminators and layers of the mean squared difference of features: 0 for equal images.

    Mustafa et al., "Training a task-specific image reconstruction loss" (WACV 2022), as their released code computes
    it. The project page speaks of a distance at every scale; in the code there is no pyramid: every discriminator,
    trained at whatever scale, sees the images as they are.

    Args:
        weights: "sisr" or "jpeg", the authors'; "denoising", which is the same file as "sisr", because they released
            no other; the name of an extractor of params.yaml, trained by pipelines/extract.py; or the path of such a
            safetensors file.
        scales: how many discriminators, coarsest first; 8 in the released code, which has no use for the ninth of
            "sisr".
        input_range: what the discriminators are fed; when left out "[0,1]" for the authors', as their example does, and
            "[-1,1]" for those trained here. Theirs too, as the running means of their normalisations show, were trained
            on [-1, 1], which makes values some four times as large.
        layers: which of "head", "body" and "tail" count; all three when left out.

    >>> MDFLoss().assets
    ('mdf_sisr',)
    """

    min_size = RECEPTIVE_FIELD

    def __init__(
        self,
        weights: str = "sisr",
        scales: int = 8,
        input_range: str | None = None,
        layers: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        own = weights_source(weights)
        check_integer("scales", scales, minimum=1)
        if input_range is None:
            input_range = "[0,1]" if own is None else "[-1,1]"
        check_choice("input_range", input_range, INPUT_RANGES)
        self.weights, self.scales, self.input_range = weights, scales, input_range
        self.layers = FEATURES if layers is None else check_layers(layers)
        self.assets = (OFFICIAL[weights],) if own is None else ()

    def load(self) -> None:
        """Load the discriminators, as `sharploss.mdf.weights.load_discriminators` does."""
        self.network, file = load_discriminators(self.weights, self.scales)
        name = Path(self.weights).name.removesuffix(SUFFIX)
        self.backbone = f"MDF {name} ({file}), {self.scales} scales, {self.input_range}"

    def train(self, mode: bool = True) -> "MDFLoss":  # noqa: ARG002
        """Stay in evaluation mode: the discriminators are frozen, with them the statistics of their normalisations."""
        return super().train(False)

    def features(self, images: Tensor) -> list[Tensor]:
        """Compute the discriminators' features of images (N, 3, H, W) in [0, 1]."""
        # float64 images are compared in float64; going there and back changes no float32 weight.
        return features(images, self.network.to(images.dtype), self.layers, self.input_range)

    def distance(self, found: list[Tensor], wanted: list[Tensor]) -> Tensor:
        """Compute the sum of the features' mean squared differences."""
        return torch.stack([F.mse_loss(left, right) for left, right in zip(found, wanted, strict=True)]).sum()
