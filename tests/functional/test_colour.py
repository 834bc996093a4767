import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sharploss.config.protocols import PROTOCOLS
from sharploss.functional.colour import VIEWS, grey, luma, quantise
from sharploss.functional.images import check_alike
from sharploss.metrics.cached_image import CachedImage
from sharploss.utils.errors import UserError


def colour(red, green, blue):
    return torch.tensor([red, green, blue], dtype=torch.float64).view(1, 3, 1, 1)


@pytest.mark.parametrize(
    ("rgb", "level"),
    [((0, 0, 0), 16), ((1, 1, 1), 235), ((1, 0, 0), 81.481), ((0, 1, 0), 144.553), ((0, 0, 1), 40.966)],
)
def test_luma_is_bt601_in_studio_range(rgb, level):
    assert luma(colour(*rgb)).item() * 255 == pytest.approx(level, abs=1e-9)


@pytest.mark.parametrize(
    ("rgb", "level"), [((1, 0, 0), 0.2989), ((0, 1, 0), 0.587), ((0, 0, 1), 0.114), ((0, 0, 0), 0)]
)
def test_grey_is_matlabs(rgb, level):
    assert grey(colour(*rgb)).item() == pytest.approx(level, abs=1e-12)


@given(st.integers(0, 255), st.floats(-0.499, 0.499))
def test_quantise_gives_the_nearest_level(level, off):
    image = torch.full((1, 3, 1, 1), (level + off) / 255, dtype=torch.float64)
    assert (quantise(image) * 255).round().eq(level).all()


def test_quantise_rounds_halves_up_and_clamps():
    image = torch.tensor([-0.1, 0.5 / 255, 1.5 / 255, 1.2], dtype=torch.float64)
    torch.testing.assert_close(quantise(image) * 255, torch.tensor([0.0, 1, 2, 255], dtype=torch.float64))


def test_eight_bit_images_stay_as_they_are():
    levels = torch.arange(256).float() / 255
    assert torch.equal(quantise(levels), levels)


def test_protocol_y_rounds_luma_to_8_bits():
    levels = CachedImage(torch.rand(1, 3, 9, 9)).seen("y", 0) * 255
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-9)


@given(st.integers(0, 4), st.sampled_from(sorted(VIEWS)))
def test_the_border_is_shaved_off_each_side(border, protocol):
    image = torch.rand(2, 3, 9, 11)
    inside = CachedImage(image).seen(protocol, border)
    assert inside.shape == (2, 3 if protocol == "rgb" else 1, 9 - 2 * border, 11 - 2 * border)
    assert torch.equal(inside, CachedImage(image).seen(protocol, 0)[..., border : 9 - border, border : 11 - border])


@pytest.mark.parametrize("border", [-1, 4, 5])
def test_a_border_that_leaves_nothing_is_refused_with_the_sizes(border):
    with pytest.raises(UserError, match=rf"border of {border} .* 8x20"):
        CachedImage(torch.rand(1, 3, 8, 20)).seen("y", border)


def test_an_unknown_protocol_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="did you mean 'rgb'"):
        CachedImage(torch.rand(1, 3, 8, 8)).seen("rbg", 0)


def test_grey_images_are_refused():
    with pytest.raises(ValueError, match=r"\(N, 3, H, W\)"):
        luma(torch.rand(1, 1, 4, 4))


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        check_alike(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 7))


def test_every_protocol_is_described():
    assert VIEWS.keys() - {"luma256"} <= PROTOCOLS.keys()  # which gv_code looks at
