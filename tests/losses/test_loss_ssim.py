import pytest
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity

from sharploss.losses import SSIMLoss


def test_equal_images_cost_nothing(wave_pair):
    assert SSIMLoss()(wave_pair[0], wave_pair[0]).item() == pytest.approx(0, abs=1e-5)


def test_constant_images_differ_by_their_luminance_term_alone():
    dark, bright = torch.full((1, 3, 12, 12), 0.2).double(), torch.full((1, 3, 12, 12), 0.8).double()
    assert SSIMLoss()(dark, bright).item() == pytest.approx(1 - (2 * 0.16 + 1e-4) / (0.04 + 0.64 + 1e-4))


def test_inverted_images_cost_more_than_one(wave_pair):
    assert SSIMLoss()(wave_pair[0], 1 - wave_pair[0]).item() > 1


def test_images_below_the_window_are_refused():
    with pytest.raises(ValueError, match="the SSIM window needs images of at least 11x11 pixels, not 24x10"):
        SSIMLoss()(torch.rand(1, 3, 24, 10), torch.rand(1, 3, 24, 10))


def test_autocast_does_not_coarsen_it(wave_pair):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = SSIMLoss()(*wave_pair)
    assert torch.equal(inside, SSIMLoss()(*wave_pair))


def test_a_padded_window_is_that_of_scikit_image_with_zeros_beyond(wave_pair):
    output, target = wave_pair
    found = SSIMLoss("same")(output, target).item()
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    maps = []
    padded = [F.pad(images, (5, 5, 5, 5)).flatten(0, 1).numpy() for images in (output, target)]
    for first, second in zip(*padded, strict=True):
        _, values = structural_similarity(first, second, full=True, **settings)
        maps.append(values[5:-5, 5:-5].mean())
    assert found == pytest.approx(1 - sum(maps) / len(maps), rel=1e-6)
    assert found != pytest.approx(SSIMLoss()(output, target).item(), rel=1e-3)


def test_a_padded_window_takes_any_size():
    assert SSIMLoss("same").min_size == 1
    assert SSIMLoss("same")(torch.rand(1, 3, 4, 9), torch.rand(1, 3, 4, 9)).isfinite()


def test_an_unknown_window_is_refused():
    with pytest.raises(ValueError, match="window must be one of 'valid', 'same', not 'full'"):
        SSIMLoss("full")
