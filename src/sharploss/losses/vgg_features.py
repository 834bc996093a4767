"""Features of VGG19 and VGG16, and what perceptual losses that compare them have in common."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharploss.assets.weights import read_weights
from sharploss.functional.image_loss import PretrainedLoss
from sharploss.functional.images import check_size
from sharploss.utils.argument_checks import check_choice, check_flag, check_number
from sharploss.utils.errors import unknown

CONVOLUTIONS = {"vgg19": (2, 2, 4, 4, 4), "vgg16": (2, 2, 3, 3, 3)}
"""Convolutions in each of the five blocks (Simonyan and Zisserman 2015, configurations E and D)."""


def _layers(network: str) -> Iterator[str]:
    for block, convolutions in enumerate(CONVOLUTIONS[network], 1):
        for number in range(1, convolutions + 1):
            yield f"conv{block}_{number}"
            yield f"relu{block}_{number}"
        yield f"pool{block}"


LAYERS = {network: tuple(_layers(network)) for network in CONVOLUTIONS}
"""Layers in order: layer i is what torchvision calls features.i. conv5_4 is before its ReLU, relu5_4 after."""

WEIGHTS = {
    "vgg19": {"vgg19_torchvision": "torchvision vgg19-dcbb9e9d", "vgg19": "Oxford VGG-19, float16"},
    "vgg16": {"vgg16_torchvision": "torchvision vgg16-397923af"},
}
"""The assets that each network comes from, the best first, and what the record calls them."""

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's channels in [0, 1]: what all files expect to be subtracted and divided by."""

OXFORD_SCALE = {
    "conv1_1": 35.2, "relu1_1": 17.6, "conv1_2": 109, "relu1_2": 82.6, "pool1": 112,
    "conv2_1": 188, "relu2_1": 100, "conv2_2": 238, "relu2_2": 89.4, "pool2": 169,
    "conv3_1": 257, "relu3_1": 94.9, "conv3_2": 226, "relu3_2": 126, "conv3_3": 313, "relu3_3": 258,
    "conv3_4": 546, "relu3_4": 358, "pool3": 549,
    "conv4_1": 759, "relu4_1": 376, "conv4_2": 826, "relu4_2": 238, "conv4_3": 650, "relu4_3": 127,
    "conv4_4": 489, "relu4_4": 28.7, "pool4": 64.3,
    "conv5_1": 197, "relu5_1": 32.1, "conv5_2": 115, "relu5_2": 13.0, "conv5_3": 59.0, "relu5_3": 5.02,
    "conv5_4": 34.1, "relu5_4": 0.832, "pool5": 1.59,
}  # fmt: skip
"""Mean absolute features of the Oxford file, measured on the first 20 images, by name, of BSDS500's train part."""

RESCALES = ("auto", "none")
CRITERIA = {"l1": F.l1_loss, "l2": F.mse_loss}
Reading = tuple[Tensor, bool, dict[str, Tensor]]  # images, whether with a graph, and their features


class VGGFeatures(nn.Module):
    """The convolutional part of VGG19 or VGG16, up to the deepest of `layers`.

    `weights` are features.0.weight, features.0.bias and so on, of any widths. `ceil_mode` has pooling keep a ragged
    edge; without it, pool5 leaves nothing of images below 32 pixels. The features of a layer are divided by `scales`.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        layers: tuple[str, ...],
        *,
        network: str = "vgg19",
        ceil_mode: bool = False,
        scales: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.network, self.depth, self.layers = network, depth(layers, network), layers
        self.known: list[Reading] | None = None
        self.ceil_mode, self.scales = ceil_mode, dict(scales or {})
        for index, layer in enumerate(LAYERS[self.network][: self.depth]):
            if layer.startswith("conv"):
                self.register_buffer(f"weight{index}", weights[f"features.{index}.weight"].float(), persistent=False)
                self.register_buffer(f"bias{index}", weights[f"features.{index}.bias"].float(), persistent=False)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Compute features by layer: (N, 3, H, W) in [0, 1] to (N, width, h, w) each; nothing is resized.

        ValueError for images that are not RGB, or of which a layer would leave nothing.
        """
        if images.shape[1] != 3:
            raise ValueError(f"{self.network.upper()} takes RGB images (N, 3, H, W), not {images.shape[1]} channels")
        deepest = LAYERS[self.network][self.depth - 1]
        check_size(images, min_size(self.layers, self.ceil_mode), f"{self.network.upper()}'s {deepest}")
        for before, graph, features in self.known or []:
            if before is images and graph == torch.is_grad_enabled():
                return features
        features = self._features(images)
        if self.known is not None:
            self.known.append((images, torch.is_grad_enabled(), features))
        return features

    @contextmanager
    def reading_once(self) -> Generator[None]:
        """Read each batch of images once in the block, whoever asks, and forget the features after it."""
        self.known = []
        try:
            yield
        finally:
            self.known = None

    def _features(self, images: Tensor) -> dict[str, Tensor]:
        maps = (images - self._constant("mean", images)) / self._constant("deviation", images)
        features: dict[str, Tensor] = {}
        for index, layer in enumerate(LAYERS[self.network][: self.depth]):
            maps = self._apply_layer(index, layer, maps)
            if layer in self.layers:
                features[layer] = maps / self.scales[layer] if layer in self.scales else maps
        return features

    def _apply_layer(self, index: int, layer: str, maps: Tensor) -> Tensor:
        if layer.startswith("conv"):
            weight, bias = (self._constant(f"{part}{index}", maps) for part in ("weight", "bias"))
            return F.conv2d(maps, weight, bias, padding=1)
        # Not in place: the features before the ReLU are wanted too.
        return F.relu(maps) if layer.startswith("relu") else F.max_pool2d(maps, 2, ceil_mode=self.ceil_mode)

    def _constant(self, name: str, like: Tensor) -> Tensor:
        return self.get_buffer(name).to(like.dtype)


def depth(layers: tuple[str, ...], network: str) -> int:
    """Return how many of a network's layers are needed for `layers`."""
    return 1 + max(LAYERS[network].index(layer) for layer in layers)


def stride(layer: str) -> int:
    """Return how many pixels of the image one place of a layer's features stands for, along one axis."""
    block = int(layer[4])
    return 2 ** (block if layer.startswith("pool") else block - 1)


def min_size(layers: tuple[str, ...], ceil_mode: bool) -> int:
    """Return the side in pixels below which nothing is left of an image at the deepest of `layers`."""
    return 1 if ceil_mode else max(stride(layer) for layer in layers)


def check_layers(layers: Mapping[str, float], network: str) -> None:
    """Require layers of a network with weights of at least 0, one of them above 0, or raise ValueError."""
    if not isinstance(layers, Mapping) or not layers:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"layers must be a mapping such as {{conv5_4: 1}}, not {layers!r}")
    for name, weight in layers.items():
        if name not in LAYERS[network]:
            raise unknown(f"layer of {network.upper()}", name, LAYERS[network])
        check_number(f"the weight of layer {name}", weight, minimum=0)
    if not any(layers.values()):
        raise ValueError(f"layers must give one of {', '.join(layers)} a weight above 0")


def check_rescale(rescale: Any) -> None:
    """Require one of RESCALES or a number above 0. Raises ValueError otherwise."""
    if isinstance(rescale, str) and rescale not in RESCALES:
        raise ValueError(f"rescale must be 'auto', 'none' or a number, not {rescale!r}")
    if not isinstance(rescale, str):
        check_number("rescale", rescale, minimum=1e-6)


def divisors(rescale: str | float, asset: str, layers: Mapping[str, float]) -> dict[str, float]:
    """Return what the features of each layer are divided by.

    The Oxford file ("vgg19") was made for images in [0, 255]: its features are one to two orders of magnitude larger
    than torchvision's, for which published loss weights (ESRGAN's 1.0) were chosen. "auto" divides each layer of it by
    OXFORD_SCALE, to a mean absolute feature of about 1, and "none" nothing; a number divides all (12.75: SRGAN's).
    """
    if not isinstance(rescale, str):
        return dict.fromkeys(layers, float(rescale))
    return {layer: OXFORD_SCALE[layer] for layer in layers} if rescale == "auto" and asset == "vgg19" else {}


class FeatureLoss(PretrainedLoss):
    """The weighted sum of the mean distances of VGG19's or VGG16's features, layer by layer."""

    assets = tuple(WEIGHTS["vgg19"])

    def __init__(
        self, network: str, layers: Mapping[str, float], criterion: str, ceil_mode: bool, rescale: str | float
    ) -> None:
        super().__init__()
        check_choice("network", network, tuple(LAYERS))
        check_layers(layers, network)
        check_choice("criterion", criterion, tuple(CRITERIA))
        check_flag("ceil_mode", ceil_mode)
        check_rescale(rescale)
        self.layers = {layer: float(weight) for layer, weight in layers.items() if weight}
        self.name, self.criterion, self.ceil_mode, self.rescale = network, criterion, ceil_mode, rescale
        self.assets = tuple(WEIGHTS[network])
        self.min_size = min_size(tuple(self.layers), ceil_mode)

    def load(self) -> None:
        """Load the weights, of VGG19 torchvision's if they can be had, else Oxford's. AssetMissingError without."""
        self.use(*read_weights(self.assets))

    def use(self, asset: str, weights: Mapping[str, Tensor]) -> None:
        """Load `weights`, by torchvision's names, as those of `asset`."""
        scales = divisors(self.rescale, asset, self.layers)
        settings: dict[str, Any] = {"network": self.name, "ceil_mode": self.ceil_mode, "scales": scales}
        self.network = VGGFeatures(weights, tuple(self.layers), **settings)
        self.backbone = WEIGHTS[self.name].get(asset, asset)

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Return what is compared, by layer, of images (N, 3, H, W) in [0, 1]."""
        return self.network(images)

    def distance(self, found: dict[str, Tensor], wanted: dict[str, Tensor]) -> Tensor:
        """Compute the weighted sum of the layers' mean absolute or squared differences."""
        compare = CRITERIA[self.criterion]
        return torch.stack([compare(found[name], wanted[name]) * self.layers[name] for name in self.layers]).sum()


def shared_backbones(losses: Iterable[nn.Module]) -> list[VGGFeatures]:
    """Make loaded losses on features of one network share it, with the layers of each; return what is shared."""
    groups: dict[Any, list[FeatureLoss]] = {}
    for loss in losses:
        if isinstance(loss, FeatureLoss) and loss.network is not None:
            groups.setdefault((loss.backbone, loss.ceil_mode, loss.rescale), []).append(loss)
    shared: list[VGGFeatures] = []
    for group in groups.values():
        networks = [loss.network for loss in group if loss.network is not None]
        if len(networks) > 1:
            deepest = max(networks, key=lambda network: network.depth)
            deepest.layers = tuple(dict.fromkeys(layer for network in networks for layer in network.layers))
            for network in networks:
                deepest.scales |= network.scales
            for loss in group:
                loss.network = deepest
            shared.append(deepest)
    return shared
