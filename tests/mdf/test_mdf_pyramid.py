import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sharploss.config.extractors import Extractor
from sharploss.config.tasks import Deblur, Denoise, Jpeg, SuperResolution
from sharploss.data import imresize
from sharploss.data.jpeg import compress
from sharploss.mdf.pyramid import distorted_input, load_image, make_pyramid, random_numbers, signed, sizes
from sharploss.utils.errors import UserError

CPU = torch.device("cpu")
SETS = {"train": ["a"], "validation": ["b"], "test": ["c"]}
SR = SuperResolution(kind="sr", scale=4, **SETS)
JPEG = Jpeg(kind="jpeg", quality=10, colour="rgb", **SETS)
DENOISE = Denoise(kind="denoise", sigma=25, **SETS)


def settings(**changes):
    return Extractor(task="t", image="a/b", **changes)


def picture(height=60, width=90):
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, 256, (3, height // 10, width // 10), dtype=torch.uint8, generator=generator)
    return imresize(coarse, 10)


@pytest.mark.parametrize(
    ("height", "width", "scales"), [(400, 600, 8), (500, 500, 10), (512, 512, 10), (321, 481, 8), (188, 250, 10)]
)
def test_as_many_scales_as_singan_takes(height, width, scales):
    """What adjust_scales2image of the official code gives, and the one more that its loop trains, by hand.

    400x600: ceil(log(25 / 400) / log(0.75)) + 1 = 11 from the image as it is, ceil(log(250 / 600) / log(0.75)) = 4
    saved by shrinking, so 7 ratios and 8 images.
    """
    first, ratio, count = sizes(height, width, settings())
    assert first == min(1, 250 / max(height, width))
    assert count == scales
    assert ratio == pytest.approx((25 / (first * min(height, width))) ** (1 / (scales - 1)))


@given(st.integers(26, 3000), st.integers(26, 3000), st.integers(26, 600), st.floats(0.3, 0.95))
def test_by_default_the_ratio_is_a_little_above_the_factor(height, width, longest, factor):
    if min(height, width) * min(1, longest / max(height, width)) > 25:
        _, ratio, count = sizes(height, width, settings(max_size=longest, factor=factor))
        assert count >= 2
        assert factor < ratio + 1e-9 < 1


@given(st.integers(26, 600), st.integers(26, 600), st.none() | st.integers(2, 12))
def test_the_coarsest_scale_is_min_size_on_its_short_side(height, width, scales):
    first, ratio, count = sizes(height, width, settings(max_size=4096, scales=scales))
    assert first == 1
    assert count == scales or scales is None
    assert ratio ** (count - 1) * min(height, width) == pytest.approx(25)
    assert scales or ratio >= 0.75 - 1e-9


def test_images_that_are_too_small_are_refused():
    with pytest.raises(UserError, match=r"90x25 pixels .* is not larger than min_size, 25"):
        sizes(25, 90, settings())
    with pytest.raises(UserError, match="take a larger image or max_size"):
        sizes(600, 900, settings(max_size=30))


def test_the_pyramid_holds_the_image_at_every_scale():
    pyramid = make_pyramid(picture(), SR, settings(scales=3), CPU)
    assert [tuple(scale.real.shape) for scale in pyramid.scales] == [(1, 3, 25, 38), (1, 3, 39, 59), (1, 3, 60, 90)]
    assert torch.equal(pyramid.scales[-1].real, signed(picture(), CPU))
    assert pyramid.scales[0].real.abs().max() <= 1


def test_super_resolution_distorts_by_enlarging_alone():
    pyramid = make_pyramid(picture(), SR, settings(scales=3), CPU)
    assert all(not scale.distortion.any() and not scale.sigma for scale in pyramid.scales)
    assert pyramid.start.shape == pyramid.scales[0].real.shape
    error = (pyramid.start - pyramid.scales[0].real).square().mean()
    assert 0 < error < pyramid.scales[0].real.var()
    assert torch.equal(distorted_input(pyramid, [], random_numbers(0)), pyramid.start)


def test_jpeg_adds_what_compression_changes_at_each_scale():
    pyramid = make_pyramid(picture(), JPEG, settings(scales=2), CPU)
    small = imresize(picture(), 25 / 60)
    wanted = signed(compress(small, 10, colour=True), CPU)
    torch.testing.assert_close(pyramid.start + pyramid.scales[0].distortion, wanted)
    torch.testing.assert_close(distorted_input(pyramid, [], random_numbers(0)), wanted)


def test_noise_has_the_tasks_sigma_and_is_drawn_anew():
    pyramid = make_pyramid(picture(), DENOISE, settings(scales=2), CPU)
    random = random_numbers(0)
    first, second = (distorted_input(pyramid, [nn.Identity()], random) for _ in range(2))
    assert not torch.equal(first, second)
    drawn = (first - second) / math.sqrt(2)
    # Noise of the coarser scale, enlarged, is in it too, with a smaller variance.
    assert 25 / 127.5 < drawn.std().item() < 25 / 127.5 * math.sqrt(2)
    alone = distorted_input(pyramid, [], random_numbers(1)) - pyramid.start
    assert alone.std().item() == pytest.approx(25 / 127.5, rel=0.05)


def test_grey_noise_is_the_same_in_all_channels():
    pyramid = make_pyramid(picture(), DENOISE.model_copy(update={"colour": "grey"}), settings(scales=2), CPU)
    noisy = distorted_input(pyramid, [], random_numbers(0))
    torch.testing.assert_close(noisy[:, 0], noisy[:, 2])


def test_a_coarser_generators_output_is_enlarged_to_the_next_scale():
    pyramid = make_pyramid(picture(), SR, settings(scales=3), CPU)
    constant = [lambda image: torch.zeros_like(image) + 0.25] * 2
    made = distorted_input(pyramid, constant, random_numbers(0))
    assert made.shape == pyramid.scales[2].real.shape
    torch.testing.assert_close(made, torch.full_like(made, 0.25))


def test_tasks_without_a_distortion_are_refused():
    with pytest.raises(UserError, match="sr, denoise, jpeg, not 'deblur'"):
        make_pyramid(picture(), Deblur(kind="deblur", blur="motion", **SETS), settings(), CPU)


def test_random_numbers_are_a_function_of_their_key():
    one, same, other = (torch.rand(3, generator=random_numbers(*key)) for key in ((1, 2), (1, 2), (12,)))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_images_are_found_by_name():
    image, digest = load_image("skimage_train/coffee", {})
    assert image.shape == (3, 400, 600)
    assert digest.startswith("cc02f8ca")
    with pytest.raises(UserError, match="There is no image 'skimage_train/cofee': did you mean 'skimage_train/coffee'"):
        load_image("skimage_train/cofee", {})
    with pytest.raises(UserError, match="There is no data set 'skimage_trian'"):
        load_image("skimage_trian/coffee", {})
