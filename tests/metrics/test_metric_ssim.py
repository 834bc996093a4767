import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sharploss.data import imresize
from sharploss.functional.ssim import gaussian, ssim_map, ssim_parts
from sharploss.metrics import psnr, ssim
from sharploss.metrics.cached_image import CachedImage
from sharploss.utils.errors import UserError

protocols = pytest.mark.parametrize("protocol", ["y", "rgb"])
seeds = st.integers(0, 1000)


def photo(seed=0, size=(26, 30), count=1, dtype=torch.float64):
    """Something smoother than noise, so that local statistics differ from place to place."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((count, 3, 6, 7), generator=generator, dtype=dtype)
    fine = torch.rand((count, 3, *size), generator=generator, dtype=dtype)
    large = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
    return 0.8 * large + 0.2 * fine


def oracle(output, target):
    from skimage.metrics import structural_similarity

    _, full = structural_similarity(
        target, output, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    return full[5:-5, 5:-5]


def test_the_map_agrees_with_scikit_image():
    output, target = photo(1), photo(2)
    ours = ssim_map(output, target)[0].numpy()
    for channel in range(3):
        np.testing.assert_allclose(
            ours[channel], oracle(output[0, channel].numpy(), target[0, channel].numpy()), atol=1e-12
        )


@protocols
def test_it_agrees_with_scikit_image(protocol):
    output, target = photo(1), photo(2)
    pair = [CachedImage(image).seen(protocol, 4)[0].numpy() for image in (output, target)]
    expected = np.mean([oracle(*channel) for channel in zip(*pair, strict=True)])
    assert ssim(output, target, protocol).item() == pytest.approx(expected, abs=1e-12)


@protocols
def test_it_agrees_with_pyiqa(protocol):
    from pyiqa.archs.ssim_arch import SSIM

    # Alike enough that no covariance is negative: pyiqa counts those as 0.
    output, target = ((picture * 255).round() / 255 for picture in (0.8 * photo(1) + 0.2 * photo(2), photo(1)))
    package = SSIM(test_y_channel=protocol == "y", crop_border=4, color_space="ycbcr")
    assert ssim(output, target, protocol).item() == pytest.approx(package(output, target).item(), abs=1e-6)


def test_on_a_photograph_pyiqa_differs_by_negative_structure_and_its_windows_rounding_alone():
    from pyiqa.archs import ssim_arch
    from skimage.data import astronaut

    target = torch.from_numpy(astronaut()[:256, :256]).permute(2, 0, 1)[None]
    pair = [image / 255 for image in (imresize(imresize(target, 1 / 4), 4), target)]
    luma = [CachedImage(image).seen("y", 4) for image in pair]
    luminance, structure = ssim_parts(*luma)
    clipped = ssim(*pair).item() - (luminance * structure.clamp(max=0)).mean().item()  # it counts those as 0
    assert clipped - ssim(*pair).item() > 1e-5
    assert ssim_arch.SSIM()(*luma).item() == pytest.approx(clipped, abs=1e-6)  # its window is rounded to float32
    taps = torch.tensor(gaussian(), dtype=torch.float64)
    levels = [(image * 255).round() for image in luma]
    exact = ssim_arch.ssim(*levels, win=torch.outer(taps, taps)[None, None], data_range=255)
    assert exact.item() == pytest.approx(clipped, abs=1e-12)


@pytest.mark.parametrize("window", ["valid", "same"])
def test_the_map_is_the_same_with_and_without_gradients(window):
    output, target = photo(1), photo(2)
    with_gradient = ssim_map(output.clone().requires_grad_(), target, window)
    assert with_gradient.requires_grad
    torch.testing.assert_close(with_gradient.detach(), ssim_map(output, target, window), rtol=0, atol=1e-13)


def test_float32_is_precise_enough():
    output, target = photo(1), photo(2)
    torch.testing.assert_close(
        ssim_map(output.float(), target.float()).double(), ssim_map(output, target), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("window", ["valid", "same"])
def test_the_gradient_is_that_of_finite_differences(window):
    output, target = (photo(seed, (12, 12))[:, :1] for seed in (1, 2))
    assert torch.autograd.gradcheck(lambda image: ssim_map(image, target, window), output.requires_grad_())


def test_a_constant_image_against_another_is_a_matter_of_brightness_alone():
    dark, bright = (torch.full((1, 1, 12, 12), level, dtype=torch.float64) for level in (0.2, 0.6))
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    torch.testing.assert_close(ssim_map(dark, bright), torch.full_like(dark[..., :2, :2], expected), rtol=0, atol=1e-12)


def test_same_keeps_the_size_and_agrees_inside():
    output, target = photo(1), photo(2)
    same = ssim_map(output, target, "same")
    assert same.shape == output.shape
    torch.testing.assert_close(same[..., 5:-5, 5:-5], ssim_map(output, target), rtol=0, atol=1e-13)


@protocols
@given(seeds)
def test_identical_images_have_1(protocol, seed):
    assert ssim(photo(seed), photo(seed), protocol).tolist() == [1.0]


@protocols
@given(seeds, seeds)
def test_it_is_symmetric_and_at_most_1(protocol, first, second):
    value = ssim(photo(first), photo(second), protocol)
    torch.testing.assert_close(value, ssim(photo(second), photo(first), protocol), rtol=0, atol=1e-13)
    assert -1 <= value <= 1


@given(st.floats(0.03, 0.1), st.floats(1.5, 4))
def test_more_noise_lowers_it(amount, factor):
    target, noise = photo(3), torch.randn(1, 3, 26, 30, generator=torch.Generator().manual_seed(4))
    assert ssim(target + amount * factor * noise, target) < ssim(target + amount * noise, target)


def test_every_image_of_a_batch_is_measured_for_itself():
    output, target = photo(1, count=3), photo(2, count=3)
    alone = torch.cat([ssim(output[i : i + 1], target[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(ssim(output, target), alone, rtol=0, atol=1e-13)


def test_what_happens_inside_the_border_does_not_count():
    output, target = photo(1), photo(2)
    spoilt = torch.nn.functional.pad(output[..., 4:-4, 4:-4], (4, 4, 4, 4), value=1.0)
    assert torch.equal(ssim(spoilt, target), ssim(output, target))


def test_an_image_smaller_than_window_and_border_is_refused():
    ssim(photo(size=(19, 19)), photo(size=(19, 19)))
    with pytest.raises(UserError, match="11x11 pixels inside a border of 4, not an image of 18x40"):
        ssim(photo(size=(18, 40)), photo(size=(18, 40)))


def test_the_map_refuses_what_it_cannot_compare():
    with pytest.raises(ValueError, match="at least 11x11"):
        ssim_map(photo(size=(10, 20)), photo(size=(10, 20)))
    with pytest.raises(ValueError, match="one shape"):
        ssim_map(photo(), photo()[:, :1])


def formula(kind):
    """Images that no library's random numbers change, at 8 bits."""
    y, x, c = np.ogrid[:40, :52, :3]
    values = 127.5 + 80 * np.sin(0.31 * x + 0.5 * c) * np.cos(0.23 * y - 0.7 * c) + 40 * np.sin(0.05 * x * y / 7 + c)
    if kind == "output":
        values = 0.9 * values + 12 + 9 * np.sin(1.9 * x + 2.3 * y + c)
    return torch.from_numpy(np.floor(np.clip(values, 0, 255) + 0.5)).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize("border", [0, 4])
def test_gv_code_gives_the_numbers_of_the_gv_paper_s_code(border):
    # Its benchmark.py (scale=2 whatever the scale) run on these images, commit 69f80c4.
    output, target = formula("output"), formula("target")
    assert ssim(output, target, "gv_code", border).item() == pytest.approx(0.9459406779131659, abs=1e-12)
    assert psnr(output, target, "gv_code", border).item() == pytest.approx(29.88200763199485, abs=1e-10)


def filtered_ssim(output, target, blur):
    """SSIM by its definition, of numpy arrays and with any filter."""
    mean, other = blur(output), blur(target)
    variances = blur(output**2) - mean**2 + blur(target**2) - other**2
    covariance = blur(output * target) - mean * other
    c1, c2 = 0.01**2, 0.03**2
    return ((2 * mean * other + c1) * (2 * covariance + c2) / ((mean**2 + other**2 + c1) * (variances + c2))).mean()


@given(seeds)
def test_matlab_rgb_filters_a_volume_and_repeats_its_outermost_values(seed):
    from scipy.ndimage import gaussian_filter

    output, target = photo(seed), photo(seed + 1)
    pair = [CachedImage(image).seen("rgb", 0)[0].numpy() for image in (output, target)]
    expected = filtered_ssim(*pair, lambda volume: gaussian_filter(volume, 1.5, radius=5, mode="nearest"))
    assert ssim(output, target, "matlab_rgb", 4).item() == pytest.approx(expected, abs=1e-12)


@given(seeds)
def test_gv_code_mirrors_luma_without_offset(seed):
    from scipy.ndimage import gaussian_filter

    output, target = photo(seed), photo(seed + 1)
    weights = np.array([65.738, 129.057, 25.064]) / 256
    pair = [
        np.tensordot(weights, CachedImage(image).seen("rgb", 0)[0].numpy(), 1)[2:-2, 2:-2] for image in (output, target)
    ]
    expected = filtered_ssim(*pair, lambda image: gaussian_filter(image, 1.5, radius=5, mode="reflect"))
    assert ssim(output, target, "gv_code", 4).item() == pytest.approx(expected, abs=1e-12)
