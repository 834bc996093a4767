import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sharploss.functional.colour import quantise
from sharploss.metrics.colour_shift import colour_shift

levels = st.tuples(*[st.integers(0, 255)] * 3)


def flat(colour, size=(40, 40)):
    return (torch.tensor(colour, dtype=torch.float64) / 255)[None, :, None, None].expand(1, 3, *size)


def photo(seed=0, size=(56, 72), count=1):
    return quantise(torch.rand((count, 3, *size), generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


@given(levels, levels)
def test_between_two_colours_it_is_scikit_images_difference(one, other):
    from skimage.color import deltaE_cie76, rgb2lab

    expected = deltaE_cie76(*(rgb2lab(np.array(colour) / 255) for colour in (one, other)))
    # Its constants of CIELAB are rounded to four digits, ours are fractions.
    assert colour_shift(flat(one), flat(other)).item() == pytest.approx(float(expected), rel=1e-4, abs=1e-4)


def test_of_a_picture_it_is_the_mean_over_the_areas_mean_light():
    from skimage.color import deltaE_cie76, xyz2lab
    from skimage.color.colorconv import xyz_from_rgb

    def lab(image):
        inside = image[0, :, 4:-4, 4:-4].permute(1, 2, 0).numpy()
        light = np.where(inside > 0.04045, ((inside + 0.055) / 1.055) ** 2.4, inside / 12.92)
        areas = light.reshape(3, 16, 4, 16, 3).mean(axis=(1, 3))
        return xyz2lab(areas @ xyz_from_rgb.T)

    output, target = photo(1), photo(2)
    expected = deltaE_cie76(lab(output), lab(target)).mean()
    assert colour_shift(output, target).item() == pytest.approx(expected, rel=1e-4)


def test_neither_texture_nor_blur_within_an_area_shifts_colours():
    target = photo()[..., :48, :64]
    areas = target.reshape(1, 3, 3, 16, 4, 16)
    mixed = areas.flip(3).flip(5).reshape(target.shape)
    assert colour_shift(mixed, target, border=0).item() == pytest.approx(0, abs=1e-9)


def test_it_grows_with_the_tint():
    target = 0.5 * photo() + 0.2
    tint = torch.tensor([0.1, 0.0, -0.1])[None, :, None, None]
    values = [colour_shift(target + amount * tint, target).item() for amount in (0, 0.3, 0.6, 1)]
    assert values == sorted(values)
    assert values[0] == 0 < values[1]


def test_an_image_smaller_than_an_area_is_one_area():
    assert colour_shift(flat((200, 10, 10), (10, 12)), flat((10, 10, 10), (10, 12)), border=0).item() > 50


def test_images_of_a_batch_are_measured_alone():
    output, target = photo(1, count=2), photo(2, count=2)
    alone = [colour_shift(output[i : i + 1], target[i : i + 1]).item() for i in range(2)]
    assert colour_shift(output, target).tolist() == pytest.approx(alone, abs=1e-12)
