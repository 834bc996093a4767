import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from sharploss.functional.colour import quantise
from sharploss.losses import SPLoss
from sharploss.metrics.cached_image import CachedImage
from sharploss.metrics.sharpness import blurred_edge_share, gradient_variance_ratio
from sharploss.utils.errors import UserError


def photo(seed=0, size=(40, 48), count=1):
    return quantise(torch.rand((count, 3, *size), generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


def blurred(image):
    return F.avg_pool2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), 3, stride=1)


def sharpened(image):
    return image + 0.6 * (image - blurred(image))


def test_an_image_is_as_sharp_as_itself():
    assert gradient_variance_ratio(photo(), photo()).tolist() == [1.0]


def test_it_is_the_ratio_of_numpys_variances_of_scipys_sobel_maps():
    from scipy.ndimage import sobel

    def variance(image):
        grey = CachedImage(image).seen("grey", 4)[0, 0].numpy()
        maps = [sobel(grey, axis=axis, mode="nearest") for axis in (0, 1)]
        patches = [
            gradient[i : i + 8, j : j + 8] for gradient in maps for i in range(0, 32, 8) for j in range(0, 40, 8)
        ]
        return np.mean([patch.var(ddof=1) for patch in patches])

    output, target = photo(1), photo(2)
    expected = variance(output) / variance(target)
    assert gradient_variance_ratio(output, target).item() == pytest.approx(expected, rel=1e-10)


@given(st.integers(0, 1000))
def test_blur_lowers_gradient_variance_and_sharpening_raises_it(seed):
    target = 0.25 + 0.5 * photo(seed)
    assert gradient_variance_ratio(blurred(target), target) < 1 < gradient_variance_ratio(sharpened(target), target)


def test_halving_the_contrast_quarters_gradient_variance():
    # Even levels, so that halving needs no rounding.
    target = (photo() * 127).round() * 2 / 255
    assert gradient_variance_ratio(target / 2, target).item() == pytest.approx(0.25, rel=1e-9)


def test_beside_a_constant_target_no_ratio_exists():
    flat = torch.full((1, 3, 20, 20), 0.5)
    assert math.isnan(gradient_variance_ratio(flat, flat).item())


def test_an_image_without_room_for_a_patch_is_refused():
    with pytest.raises(UserError, match="15x40 pixels holds no patch of 8x8 inside a border of 4"):
        gradient_variance_ratio(photo(size=(15, 40)), photo(size=(15, 40)))


@given(st.integers(0, 1000))
def test_a_blurred_image_errs_towards_blur_and_a_sharpened_one_away_from_it(seed):
    target = 0.25 + 0.5 * photo(seed)
    assert blurred_edge_share(blurred(target), target) > 0.8
    assert blurred_edge_share(sharpened(target), target) < 0.2


def test_independent_noise_is_at_chance():
    target = photo(size=(128, 128))
    noise = 0.05 * torch.randn(target.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    assert blurred_edge_share(0.25 + 0.5 * target + noise, 0.25 + 0.5 * target).item() == pytest.approx(0.5, abs=0.02)


def test_a_single_bright_point_that_is_too_dark_is_blurred():
    target = torch.zeros(1, 3, 11, 11)
    target[..., 5, 5] = 1
    dark, bright_around = target.clone(), target.clone()
    dark[..., 5, 5] = 0.5
    bright_around[..., 5, 4] = 0.5
    assert blurred_edge_share(dark, target, border=1).item() == 1
    assert blurred_edge_share(bright_around, target, border=1).item() == 1
    assert blurred_edge_share(target, dark, border=1).item() == 0


def test_it_flags_what_sploss_penalises():
    output, target = photo(1), photo(2)
    pair = [CachedImage(image).seen("rgb", 4) for image in (output, target)]
    penalised = (SPLoss(alpha=2).weight(*pair) > 1) & ((pair[0] - pair[1]).abs() > 1e-9)
    wrong = (pair[0] - pair[1]).abs() > 1e-9
    assert blurred_edge_share(output, target).item() == pytest.approx((penalised.sum() / wrong.sum()).item(), abs=1e-3)


def test_the_threshold_keeps_edges_alone():
    target = torch.zeros(1, 3, 16, 16)
    target[..., 8:] = 1
    output = blurred(target)
    output[..., :4] = 0.5  # wrong, but beside no edge
    assert blurred_edge_share(output, target, border=0, threshold=0.5).item() == 1
    assert math.isnan(blurred_edge_share(output, target, border=0, threshold=2).item())


def test_identical_images_have_no_share():
    assert math.isnan(blurred_edge_share(photo(), photo()).item())


@pytest.mark.parametrize("metric", [gradient_variance_ratio, blurred_edge_share])
def test_every_image_of_a_batch_is_measured_for_itself(metric):
    output, target = photo(1, count=3), photo(2, count=3)
    alone = torch.cat([metric(output[i : i + 1], target[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(metric(output, target), alone, rtol=1e-12, atol=0)
