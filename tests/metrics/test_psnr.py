import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from sharploss.data import imresize, read_image
from sharploss.metrics import psnr, ssim
from sharploss.metrics.cached_image import CachedImage
from sharploss.utils.errors import UserError

MIRROR = os.environ.get("SHARPLOSS_MIRROR")
protocols = pytest.mark.parametrize("protocol", ["y", "rgb"])


def photo(seed=0, size=(40, 48), count=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, *size), generator=generator).float() / 255


def noisy(image, amount, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return (image + amount * torch.randn(image.shape, generator=generator)).clamp(0, 1)


def test_a_constant_error_of_one_level_is_48_13_db():
    target = torch.full((1, 3, 12, 12), 100 / 255)
    assert psnr(target + 1 / 255, target, protocol="rgb").item() == pytest.approx(20 * math.log10(255), abs=1e-9)


def test_black_and_white_differ_by_219_levels_of_luma():
    black, white = torch.zeros(1, 3, 12, 12), torch.ones(1, 3, 12, 12)
    assert psnr(black, white).item() == pytest.approx(20 * math.log10(255 / 219), abs=1e-9)
    assert psnr(black, white, protocol="rgb").item() == 0


@protocols
def test_identical_images_give_infinity(protocol):
    assert psnr(photo(), photo(), protocol=protocol).tolist() == [math.inf]


@protocols
def test_it_agrees_with_scikit_image(protocol):
    from skimage.metrics import peak_signal_noise_ratio

    output, target = noisy(photo(), 0.1), photo()
    pair = [CachedImage(image).seen(protocol, 4).numpy() for image in (target, output)]
    assert psnr(output, target, protocol).item() == pytest.approx(
        peak_signal_noise_ratio(*pair, data_range=1), abs=1e-9
    )


@protocols
def test_it_agrees_with_pyiqa_which_rounds_luma_when_told_to(protocol):
    from pyiqa.archs.psnr_arch import PSNR

    output, target = (photo(seed).mul(255).round().double() / 255 for seed in (1, 2))
    of_luma = {"test_y_channel": True, "data_range": 255, "color_space": "ycbcr"} if protocol == "y" else {}
    package = PSNR(crop_border=4, eps=0, **of_luma)
    assert psnr(output, target, protocol).item() == pytest.approx(package(output, target).item(), abs=1e-9)


def test_of_the_same_luma_it_is_pyiqas():
    from pyiqa.archs.psnr_arch import PSNR
    from skimage.data import astronaut

    target = torch.from_numpy(astronaut()).permute(2, 0, 1)[None]
    pair = imresize(imresize(target, 1 / 4), 4), target
    expected = PSNR(eps=0)(*(CachedImage(image / 255).seen("y", 4) for image in pair))
    assert psnr(*(image / 255 for image in pair)).item() == pytest.approx(expected.item(), abs=1e-12)


def basicsr_luma(image):
    """The Y of BasicSR, (H, W) float64, written down from its definition: in floats, without rounding."""
    levels = image[0].mul(255).round().numpy().astype(np.float64)
    return (65.481 * levels[0] + 128.553 * levels[1] + 24.966 * levels[2]) / 255 + 16


@given(st.integers(0, 99), st.integers(0, 6))
def test_luma_that_is_not_rounded_is_basicsrs(seed, border):
    output, target = photo(seed), photo(seed + 1)
    inside = slice(border, 40 - border), slice(border, 48 - border)
    one, two = (basicsr_luma(image)[inside] for image in (output, target))
    expected = 10 * math.log10(255**2 / np.mean((one - two) ** 2))
    assert psnr(output, target, "y_unrounded", border).item() == pytest.approx(expected, abs=1e-9)
    expected = structural_similarity(
        one, two, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )[1][5:-5, 5:-5].mean()
    assert ssim(output, target, "y_unrounded", border).item() == pytest.approx(expected, abs=1e-12)


@protocols
@given(st.floats(0.02, 0.2), st.floats(1.5, 4))
def test_more_noise_lowers_it(protocol, amount, factor):
    target = photo()
    assert psnr(noisy(target, amount * factor), target, protocol) < psnr(noisy(target, amount), target, protocol)


@given(st.integers(0, 8))
def test_what_happens_inside_the_border_does_not_count(border):
    output, target = photo(1), photo(2)
    spoilt = torch.ones_like(output)
    inside = (..., slice(border, 40 - border), slice(border, 48 - border))
    spoilt[inside] = output[inside]
    assert torch.equal(psnr(spoilt, target, border=border), psnr(output, target, border=border))


def test_every_image_of_a_batch_is_measured_for_itself():
    output, target = photo(1, count=3), photo(2, count=3)
    alone = torch.cat([psnr(output[i : i + 1], target[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(psnr(output, target), alone, rtol=1e-12, atol=0)


def test_values_between_levels_and_beyond_the_range_are_rounded_first():
    target = photo()
    assert torch.isinf(psnr(target + 0.4 / 255, target, "rgb")).all()
    assert torch.isinf(psnr(torch.full_like(target, 1.5), torch.ones_like(target))).all()


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        psnr(photo(), photo()[..., 1:])


def test_an_image_smaller_than_the_border_is_refused():
    with pytest.raises(UserError, match=r"border of 4 .* 8x8"):
        psnr(photo(size=(8, 8)), photo(size=(8, 8)))


@pytest.mark.skipif(not MIRROR, reason="SHARPLOSS_MIRROR is not set: no Set5 to measure")
def test_bicubic_on_set5_gives_the_numbers_of_the_literature():
    scores = []
    for path in sorted(Path(MIRROR, "datasets", "Set5").glob("*.png")):
        image = torch.from_numpy(read_image(path))
        target = image[:, : image.shape[1] // 4 * 4, : image.shape[2] // 4 * 4]
        pair = [picture[None] / 255 for picture in (imresize(imresize(target, 1 / 4), 4), target)]
        scores.append([psnr(*pair).item(), ssim(*pair).item()])
    assert len(scores) == 5
    mean_psnr, mean_ssim = np.mean(scores, axis=0)
    assert mean_psnr == pytest.approx(28.42, abs=0.02)
    assert mean_ssim == pytest.approx(0.8104, abs=0.0005)


def test_grey8_of_a_grey_image_is_its_own_values():
    values = torch.randint(0, 256, (2, 1, 20, 22), dtype=torch.uint8)
    other = (values.int() + torch.randint(-9, 10, values.shape)).clamp(0, 255).to(torch.uint8)
    images = [image.expand(-1, 3, -1, -1) / 255 for image in (other, values)]
    expected = [
        peak_signal_noise_ratio(one[0].numpy(), two[0].numpy(), data_range=255)
        for one, two in zip(values, other, strict=True)
    ]
    torch.testing.assert_close(psnr(*images, protocol="grey8", border=0), torch.tensor(expected, dtype=torch.float64))
