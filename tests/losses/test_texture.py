import pytest
import torch
from backbone import loaded, random_vgg

from sharploss.losses import TextureLoss
from sharploss.losses.texture import gram
from sharploss.losses.vgg_features import VGGFeatures


def pair(side=32):
    return torch.rand(2, 2, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def test_gram_by_hand():
    features = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 2, 1, 2)  # two channels, two places
    sums = torch.tensor([[5.0, 11.0], [11.0, 25.0]])
    assert torch.equal(gram(features, normalisation="none")[0, 0], sums)
    assert torch.equal(gram(features, normalisation="hw")[0, 0], sums / 2)
    assert torch.equal(gram(features)[0, 0], sums / 4)


@pytest.mark.parametrize("cell", [1, 2, 3, 5])
def test_patches_are_the_grams_of_crops(cell):
    features = torch.rand(2, 4, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found, index = gram(features, cell), 0
    for top in range(0, 5 - cell + 1, cell):
        for left in range(0, 7 - cell + 1, cell):
            crop = features[..., top : top + cell, left : left + cell]
            torch.testing.assert_close(found[:, [index]], gram(crop))
            index += 1
    assert found.shape == (2, index, 4, 4)


def test_the_loss_is_the_mean_squared_difference_of_the_patches_grams():
    output, target = pair()
    network = VGGFeatures(random_vgg(), ("pool2",))
    difference = gram(network(output)["pool2"], 4) - gram(network(target)["pool2"], 4)
    found = loaded(TextureLoss({"pool2": 1}, patch=16))(output, target)
    torch.testing.assert_close(found, difference.square().mean())


def test_a_place_that_is_larger_than_a_patch_is_a_patch_of_its_own():
    output, target = pair(64)
    network = VGGFeatures(random_vgg(), ("pool5",))
    first, second = network(output)["pool5"], network(target)["pool5"]
    assert first.shape[-2:] == (2, 2)
    difference = gram(first, 1) - gram(second, 1)
    torch.testing.assert_close(loaded(TextureLoss({"pool5": 1}, patch=16))(output, target), difference.square().mean())


def test_without_patches_places_may_be_shuffled_and_with_them_may_not():
    # Shuffled places have the Gram matrix of the whole, and other ones in the patches.
    features = torch.rand(1, 4, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    order = torch.randperm(64, generator=torch.Generator().manual_seed(3))
    shuffled = features.flatten(2)[..., order].view_as(features)
    torch.testing.assert_close(gram(features), gram(shuffled))
    assert not torch.allclose(gram(features, 4), gram(shuffled, 4))


def test_sharpgans_24_pixel_crops_need_ceil_mode():
    output, target = pair(24)
    assert loaded(TextureLoss(ceil_mode=True))(output, target) > 0
    with pytest.raises(ValueError, match="VGG19's pool5 needs images of at least 32x32 pixels, not 24x24"):
        loaded(TextureLoss())(output, target)


def test_images_below_a_patch_are_refused():
    loss = loaded(TextureLoss({"pool2": 1}, patch=48))
    assert loss.min_size == 48
    with pytest.raises(ValueError, match="texture in patches of 48 needs images of at least 48x48 pixels, not 32x32"):
        loss(*pair())


@pytest.mark.parametrize(
    "parameters", [{"patch": 0}, {"patch": 2.0}, {"normalisation": "c"}, {"criterion": "l3"}, {"layers": {"pool6": 1}}]
)
def test_bad_parameters_are_refused(parameters):
    with pytest.raises(ValueError, match="pool6" if "layers" in parameters else next(iter(parameters))):
        TextureLoss(**parameters)
