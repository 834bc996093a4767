import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio

from sharploss.analysis.plotting import pixels

PICTURE = np.random.default_rng(0).random((20, 24, 3))


def test_a_picture_is_read_as_shares_of_white(tmp_path):
    Image.fromarray(np.uint8(PICTURE * 255)).save(tmp_path / "a.png")
    assert np.array_equal(pixels.read_picture(tmp_path / "a.png"), np.uint8(PICTURE * 255) / 255)


def test_gradients_are_those_of_sobel_with_the_signs_of_the_gv_loss():
    grey = PICTURE @ [0.2989, 0.5870, 0.1140]
    across, up = pixels.sobel(PICTURE)
    assert np.allclose(across, ndimage.sobel(grey, axis=1, mode="nearest"))
    assert np.allclose(up, -ndimage.sobel(grey, axis=0, mode="nearest"))
    ramp = np.repeat(np.linspace(0, 1, 24)[None, :, None], 20, axis=0).repeat(3, axis=2)
    assert (pixels.sobel(ramp)[0] > 0).all()


def test_psnr_is_the_usual_one():
    other = np.clip(PICTURE + 0.05, 0, 1)
    assert pixels.psnr(other, PICTURE) == pytest.approx(peak_signal_noise_ratio(PICTURE, other, data_range=1))
    assert pixels.psnr(PICTURE, PICTURE) == float("inf")


def test_a_detail_is_the_middle():
    assert np.array_equal(pixels.detail(PICTURE), PICTURE[5:15, 6:18])
    assert pixels.detail(PICTURE, 0.01).shape == (1, 1, 3)
