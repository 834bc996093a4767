import os

import pytest
import torch
import torch.nn.functional as F
from backbone import random_vgg

from sharploss.losses import VGGLoss
from sharploss.losses.vgg_features import LAYERS, OXFORD_SCALE, VGGFeatures, min_size, stride

MIRROR = os.environ.get("SHARPLOSS_MIRROR")
with_weights = pytest.mark.skipif(not MIRROR, reason="SHARPLOSS_MIRROR is not set: no VGG19 to look at")


def images(seed=1, height=40, width=48):
    return torch.rand(2, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_layers_have_torchvisions_indices():
    # torchvision.models.vgg19().features: conv1_1 is 0, conv5_4 is 34, the last pooling 36.
    layers = LAYERS["vgg19"]
    assert len(layers) == 37
    indices = {name: layers.index(name) for name in ("conv1_1", "pool1", "conv2_2", "pool2", "conv3_4", "conv5_4")}
    assert indices == {"conv1_1": 0, "pool1": 4, "conv2_2": 7, "pool2": 9, "conv3_4": 16, "conv5_4": 34}
    assert layers[-2:] == ("relu5_4", "pool5")


def test_vgg16_has_the_layers_that_the_mdf_code_cuts_at():
    # Its blocks are features[:4], [4:9], [9:16] and [16:23].
    ends = [LAYERS["vgg16"][end - 1] for end in (4, 9, 16, 23)]
    assert ends == ["relu1_2", "relu2_2", "relu3_3", "relu4_3"]
    assert len(LAYERS["vgg16"]) == 31


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg19", "vgg16"])
def test_features_are_those_of_torchvisions_network(name):
    from torchvision import models

    torch.manual_seed(0)
    network = getattr(models, name)(weights=None).features.double().eval()
    for module in network:  # torchvision's ReLUs overwrite what they are given
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    weights = {f"features.{name}": value for name, value in network.state_dict().items()}
    picture = images()
    maps = (picture - torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64).view(1, 3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225], dtype=torch.float64
    ).view(1, 3, 1, 1)
    found = VGGFeatures(weights, LAYERS[name], network=name)(picture)
    for layer, module in zip(LAYERS[name], network, strict=True):
        maps = module(maps)
        # The features are stored in float32.
        torch.testing.assert_close(found[layer], maps, rtol=1e-4, atol=1e-5)


def test_images_are_normalised_channel_by_channel_as_torchvision_says():
    from torchvision.transforms import Normalize

    weights = random_vgg()
    usual = Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])(images())
    weight, bias = weights["features.0.weight"].float().double(), weights["features.0.bias"].float().double()
    expected = F.conv2d(usual, weight, bias, padding=1)
    torch.testing.assert_close(VGGFeatures(weights, ("conv1_1",))(images())["conv1_1"], expected, rtol=1e-5, atol=1e-6)


def test_relu_comes_after_its_convolution_and_pooling_after_both():
    found = VGGFeatures(random_vgg(), ("conv2_2", "relu2_2", "pool2"))(images())
    assert found["conv2_2"].min() < 0
    assert torch.equal(found["relu2_2"], F.relu(found["conv2_2"]))
    assert torch.equal(found["pool2"], F.max_pool2d(found["relu2_2"], 2))
    assert list(found) == ["conv2_2", "relu2_2", "pool2"]


def test_only_what_the_deepest_layer_needs_is_kept():
    network = VGGFeatures(random_vgg(), ("conv2_1", "conv1_2"))
    assert network.depth == 6
    assert {name for name, _ in network.named_buffers() if name.startswith("weight")} == {
        "weight0",
        "weight2",
        "weight5",
    }


def test_images_are_not_resized():
    found = VGGFeatures(random_vgg(), ("conv1_1", "pool3"))(images())
    assert found["conv1_1"].shape[-2:] == (40, 48)
    assert found["pool3"].shape[-2:] == (5, 6)


def test_ceil_mode_keeps_something_of_24_pixels_and_floor_does_not():
    picture = images(height=24, width=24)
    assert VGGFeatures(random_vgg(), ("pool5",), ceil_mode=True)(picture)["pool5"].shape[-2:] == (1, 1)
    with pytest.raises(ValueError, match="VGG19's pool5 needs images of at least 32x32 pixels, not 24x24"):
        VGGFeatures(random_vgg(), ("pool5",))(picture)


@pytest.mark.parametrize(
    ("layer", "pixels"), [("conv1_2", 1), ("pool1", 2), ("conv2_2", 2), ("pool2", 4), ("pool5", 32)]
)
def test_stride_and_smallest_image(layer, pixels):
    assert stride(layer) == pixels
    assert min_size((layer,), ceil_mode=False) == pixels
    assert min_size((layer,), ceil_mode=True) == 1


def test_scales_divide_the_features():
    plain, scaled = (VGGFeatures(random_vgg(), ("conv1_2", "pool2"), scales=s)(images()) for s in (None, {"pool2": 4}))
    assert torch.equal(scaled["conv1_2"], plain["conv1_2"])
    torch.testing.assert_close(scaled["pool2"], plain["pool2"] / 4)


def test_one_channel_is_refused():
    with pytest.raises(ValueError, match=r"VGG19 takes RGB images \(N, 3, H, W\), not 1 channels"):
        VGGFeatures(random_vgg(), ("pool1",))(torch.rand(1, 1, 8, 8))


def test_every_layer_has_a_scale():
    assert tuple(OXFORD_SCALE) == LAYERS["vgg19"]


@with_weights
def test_the_oxford_scale_is_the_mean_absolute_feature_of_photographs():
    # The committed figures are means over 20 images; two other ones must be near.
    from sharploss.assets import locate
    from sharploss.data import read_image

    loss = VGGLoss({"conv1_2": 1, "pool2": 1, "conv4_1": 1, "conv5_4": 1, "pool5": 1})
    loss.load()
    assert loss.backbone == "Oxford VGG-19, float16"
    pictures = [torch.from_numpy(read_image(path))[None, :, :256, :256] / 255 for path in locate("set14")[:2]]
    with torch.no_grad():
        found = [loss.features(picture) for picture in pictures]
    for layer in loss.layers:
        mean = sum(features[layer].abs().mean().item() for features in found) / 2
        assert 0.4 < mean < 2.5, layer
