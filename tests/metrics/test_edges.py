import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sharploss.functional.colour import quantise
from sharploss.metrics import psnr
from sharploss.metrics.cached_image import CachedImage
from sharploss.metrics.edges import edge_psnr, overshoot


def photo(seed=0, size=(40, 48), count=1):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((count, 3, 6, 7), generator=generator)
    return quantise(torch.nn.functional.interpolate(coarse, size=size, mode="bicubic"))


def noisy(image, amount=0.05, seed=9):
    return image + amount * torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))


def step(height=30, width=30, low=60, high=180):
    """A vertical edge in the middle."""
    image = torch.full((1, 3, height, width), low / 255)
    image[..., width // 2 :] = high / 255
    return image


def numpy_edges(target):
    from scipy.ndimage import sobel

    strength = sum(sobel(np.rint(255 * target), axis=axis, mode="nearest") ** 2 for axis in (0, 1))
    return strength >= np.sort(strength.ravel())[::-1][math.ceil(0.1 * strength.size) - 1]


@given(st.integers(0, 1000))
def test_edge_psnr_is_the_psnr_of_scipys_strongest_tenth(seed):
    target, output = photo(seed), noisy(photo(seed))
    wanted, found = (CachedImage(image).seen("y", 4)[0, 0].numpy() for image in (target, output))
    edges = numpy_edges(wanted)
    assert 0.1 <= edges.mean() < 0.12
    expected = -10 * np.log10(((found - wanted)[edges] ** 2).mean())
    assert edge_psnr(output, target).item() == pytest.approx(expected, abs=1e-9)


def test_errors_away_from_edges_do_not_count():
    target = step()
    output = target.clone()
    output[..., :10] += 0.1
    assert math.isinf(edge_psnr(output, target, border=0).item())
    assert psnr(output, target, border=0).item() < 30


def test_a_lone_edge_is_counted_without_the_flat_pixels():
    output, target = step(low=70, high=170), step()
    # Two columns of 30 have a gradient: fewer than a tenth, and nothing else is counted. All are 10 levels off.
    assert edge_psnr(output, target, "grey8", 0).item() == pytest.approx(20 * math.log10(255 / 10), abs=1e-9)


def test_edges_of_a_constant_image_are_undefined():
    flat = torch.full((1, 3, 20, 20), 0.5)
    assert math.isnan(edge_psnr(noisy(flat), flat).item())


def test_identical_images_have_perfect_edges_and_no_overshoot():
    assert math.isinf(edge_psnr(photo(), photo()).item())
    assert overshoot(photo(), photo()).item() == 0


@given(st.integers(0, 1000), st.sampled_from(["y", "grey8"]))
def test_overshoot_is_the_excess_over_scipys_extremes(seed, protocol):
    from scipy.ndimage import maximum_filter, minimum_filter

    target, output = photo(seed), noisy(photo(seed), 0.1)
    wanted, found = (CachedImage(image).seen(protocol, 4)[0, 0].numpy() * 255 for image in (target, output))
    high, low = maximum_filter(wanted, 5, mode="nearest"), minimum_filter(wanted, 5, mode="nearest")
    expected = (np.maximum(found - high, 0) + np.maximum(low - found, 0)).mean()
    assert overshoot(output, target, protocol).item() == pytest.approx(expected, abs=1e-9)


def test_halos_beside_an_edge_overshoot_by_their_height():
    target, output = step(), step()
    output[..., 15] = 200 / 255
    output[..., 14] = 50 / 255
    assert overshoot(output, target, "grey8", 0).item() == pytest.approx((20 + 10) / 30, abs=1e-9)


def test_blur_and_small_displacements_do_not_overshoot():
    target = step()
    blurred = torch.nn.functional.avg_pool2d(target, 5, stride=1, padding=2, count_include_pad=False)
    assert overshoot(blurred, target, "grey8", 0).item() == 0
    assert overshoot(target.roll(2, -1)[..., 4:-4], target[..., 4:-4], "grey8", 0).item() == 0
    assert overshoot(target.roll(3, -1)[..., 4:-4], target[..., 4:-4], "grey8", 0).item() > 0


def test_sharpening_overshoots_the_more_the_stronger_it_is():
    target = photo()
    detail = target - torch.nn.functional.avg_pool2d(target, 9, stride=1, padding=4, count_include_pad=False)
    values = [overshoot(target + amount * detail, target).item() for amount in (0, 0.5, 1, 2)]
    assert values == sorted(values)
    assert values[0] == 0 < values[-1]


@pytest.mark.parametrize("metric", [edge_psnr, overshoot])
def test_images_of_a_batch_are_measured_alone(metric):
    output, target = noisy(photo(1, count=3)), photo(1, count=3)
    alone = [metric(output[i : i + 1], target[i : i + 1]).item() for i in range(3)]
    assert metric(output, target).tolist() == pytest.approx(alone, abs=1e-12)
    with pytest.raises(ValueError, match="one shape"):
        metric(output, target[:2])
