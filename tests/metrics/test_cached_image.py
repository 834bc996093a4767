import pytest
import torch

from sharploss.functional.colour import quantise, view
from sharploss.metrics import psnr, ssim
from sharploss.metrics.cached_image import CachedImage, cached_pair
from sharploss.utils.errors import UserError


def photo(seed=0, size=(30, 34)):
    return torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(seed))


def test_what_was_made_once_is_not_made_again():
    picture, made = CachedImage(photo()), []
    values = [picture.once("key", lambda: made.append(1) or len(made)) for _ in range(3)]
    assert values == [1, 1, 1]
    assert picture.once("other", lambda: 2) == 2


@pytest.mark.parametrize("channels", ["y", "rgb", "grey", "grey8"])
def test_it_shows_what_a_protocol_looks_at(channels):
    assert torch.equal(CachedImage(photo()).seen(channels, 3), view(quantise(photo().double()), channels, 3))


def test_a_picture_has_the_values_of_its_images_however_often_it_is_used():
    target = CachedImage(photo(0))
    for seed in (1, 2, 1):
        output = photo(seed)
        for metric in (psnr, ssim):
            for protocol in ("y", "rgb", "gv_code", "matlab_rgb"):
                assert metric(CachedImage(output), target, protocol).item() == metric(output, photo(0), protocol).item()


def test_other_shapes_and_borders_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        cached_pair(photo(), CachedImage(photo(size=(30, 33))))
    with pytest.raises(UserError, match="border of 15"):
        CachedImage(photo()).seen("y", 15)
