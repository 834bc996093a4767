"""VGG19, VGG16 and AlexNet with random weights, so that what compares their features is tested without a download."""

import torch

from sharploss.losses.vgg_features import LAYERS

ALEXNET = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}


def random_vgg(network="vgg19", widths=(4, 5, 6, 7, 8)):
    """Weights of a VGG19 or VGG16 that is this wide in its five blocks."""
    generator, last, weights = torch.Generator().manual_seed(19), 3, {}
    for index, layer in enumerate(LAYERS[network]):
        if layer.startswith("conv"):
            width = widths[int(layer[4]) - 1]
            weight = torch.randn(width, last, 3, 3, generator=generator, dtype=torch.float64)
            weights[f"features.{index}.weight"] = weight * (2 / (9 * last)) ** 0.5
            weights[f"features.{index}.bias"] = torch.randn(width, generator=generator, dtype=torch.float64) * 0.1
            last = width
    return weights


def loaded(loss, **sizes):
    """Return a VGG or texture loss with random weights instead of those of its assets."""
    loss.use("random", random_vgg(loss.name, **sizes))
    return loss


def random_alexnet():
    generator = torch.Generator().manual_seed(5)
    weights = {}
    for index, (width, last, side) in ALEXNET.items():
        weight = torch.randn(width, last, side, side, generator=generator)
        weights[f"features.{index}.weight"] = weight * (2 / (side**2 * last)) ** 0.5
        weights[f"features.{index}.bias"] = torch.zeros(width)
    return weights
