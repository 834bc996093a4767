import math

import pytest
import torch
import torch.nn.functional as F

from sharploss.metrics.ms_ssim import ms_ssim


def photo(seed=0, size=(184, 200), count=1):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((count, 3, 23, 25), generator=generator, dtype=torch.float64)
    fine = torch.rand((count, 3, *size), generator=generator, dtype=torch.float64)
    return 0.85 * F.interpolate(coarse, size=size, mode="bilinear") + 0.15 * fine


def blurred(image):
    return F.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)


@pytest.mark.parametrize("seed", [1, 2])
def test_it_agrees_with_pyiqa(seed):
    from pyiqa.archs.ssim_arch import MS_SSIM

    # Sides inside the border are multiples of 16 (pyiqa pads odd ones with zeros), and both images are so alike that no
    # covariance is negative (pyiqa counts those as 0 one by one).
    target = (photo(seed) * 255).round() / 255
    output = ((0.9 * target + 0.1 * blurred(target)) * 255).round() / 255
    inside = (image[..., 4:-4, 4:-4] for image in (output, target))
    expected = MS_SSIM(test_y_channel=True, color_space="ycbcr")(*inside).item()
    assert 0.9 < expected < 0.9999
    assert ms_ssim(output, target, "y", 4).item() == pytest.approx(expected, abs=1e-6)


def test_identical_images_have_1():
    assert ms_ssim(photo(), photo()).item() == pytest.approx(1, abs=1e-12)


def test_more_blur_lowers_it_and_a_negative_has_0():
    target = photo()
    once = blurred(target)
    assert 1 > ms_ssim(once, target) > ms_ssim(blurred(once), target) > 0
    assert ms_ssim(1 - target, target).item() == 0


@pytest.mark.parametrize(("side", "defined"), [(161, True), (160, False)])
def test_it_needs_161_pixels_inside_the_border(side, defined):
    size = (side + 8, 200)
    assert math.isnan(ms_ssim(photo(1, size), photo(2, size), border=4).item()) != defined


def test_odd_sides_are_averaged_with_themselves():
    # Where every column is the same, an odd width must give what an even one gives.
    rows = [photo(seed, (200, 200))[..., :1] for seed in (1, 2)]
    values = [ms_ssim(*(row.expand(-1, -1, -1, width) for row in rows), border=0).item() for width in (176, 177, 181)]
    assert values == pytest.approx([values[0]] * 3, abs=1e-12)


def test_images_of_a_batch_are_measured_alone():
    output, target = photo(1, count=2), photo(2, count=2)
    alone = [ms_ssim(output[i : i + 1], target[i : i + 1]).item() for i in range(2)]
    assert ms_ssim(output, target).tolist() == pytest.approx(alone, abs=1e-12)
