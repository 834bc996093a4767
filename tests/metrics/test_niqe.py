import math
import os

import pytest
import torch

from sharploss.assets.fetch import AssetMissingError
from sharploss.data import imresize, read_image

MIRROR = os.environ.get("SHARPLOSS_MIRROR")
with_parameters = pytest.mark.skipif(
    not MIRROR, reason="SHARPLOSS_MIRROR is not set: no NIQE parameters to measure with"
)


@pytest.fixture(scope="module")
def quality():
    from sharploss.metrics.niqe import load_niqe

    return load_niqe()


@pytest.fixture(scope="module")
def baboon():
    return torch.from_numpy(read_image(f"{MIRROR}/datasets/Set14/baboon.bmp"))


@with_parameters
def test_baboon_has_the_value_that_basicsr_and_matlab_give(quality, baboon):
    assert quality(baboon[None] / 255, 0).item() == pytest.approx(5.7296, abs=1e-3)


@with_parameters
@pytest.mark.parametrize("border", [0, 4])
def test_it_is_pyiqas_value(quality, border):
    from pyiqa.archs.niqe_arch import NIQE

    package = NIQE(color_space="ycbcr", pretrained_model_path=f"{MIRROR}/weights/niqe_modelparameters.mat")
    package.crop_border = border
    for name in ("Set5/img_002_SRF_2_HR.png", "Set14/comic.bmp"):
        target = torch.from_numpy(read_image(f"{MIRROR}/datasets/{name}"))
        for image in (target, imresize(imresize(target[:, :240, :240], 1 / 4), 4)):
            expected = package(image[None] / 255).item()
            assert quality(image[None] / 255, border).item() == pytest.approx(expected, abs=1e-6)


@with_parameters
def test_a_blurred_photograph_is_worse(quality):
    photograph = torch.from_numpy(read_image(f"{MIRROR}/datasets/Set14/monarch.bmp"))
    blurred = imresize(imresize(photograph, 1 / 4), 4)
    assert quality(blurred[None] / 255, 4) > quality(photograph[None] / 255, 4)


@with_parameters
def test_it_depends_on_neither_the_batch_nor_chance(quality, baboon):
    images = baboon[None, :, :200, :300].repeat(2, 1, 1, 1) / 255
    images[1] = 1 - images[1]
    together = quality(images, 4)
    assert together.tolist() == [quality(image[None], 4).item() for image in images]
    assert together[0] != together[1]


@with_parameters
@pytest.mark.parametrize("size", [(60, 300), (199, 199), (100, 100)])
def test_images_of_fewer_than_two_blocks_have_no_value(quality, size):
    assert math.isnan(quality(torch.rand(1, 3, *size), 4).item())


@with_parameters
@pytest.mark.parametrize("level", [0.0, 0.5])
def test_one_colour_has_no_value(quality, level):
    """What a network that died gives; it must not end the evaluation of the others."""
    assert math.isnan(quality(torch.full((1, 3, 400, 400), level), 4).item())


def test_without_parameters_it_says_what_is_missing(monkeypatch, tmp_path):
    from sharploss.metrics.niqe import load_niqe

    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path))
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    with pytest.raises(AssetMissingError, match="niqe"):
        load_niqe()
