import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from sharploss.functional.filters import BORDERS, laplacian, pad, sobel_x, sobel_y

KERNELS = {
    "4-neighbour": (laplacian, [[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    "8-neighbour": (laplacian, [[1, 1, 1], [1, -8, 1], [1, 1, 1]]),
    "sobel_x": (sobel_x, [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    "sobel_y": (sobel_y, [[1, 2, 1], [0, 0, 0], [-1, -2, -1]]),
}
sides = st.integers(2, 9)


def convolve(images, kernel, border):
    """The same filter as torch's own padding and depthwise convolution."""
    channels = images.shape[1]
    weight = torch.tensor(kernel, dtype=images.dtype).expand(channels, 1, 3, 3)
    padded = F.pad(images, (1, 1, 1, 1), mode="constant" if border == "zero" else border)
    return F.conv2d(padded, weight, groups=channels)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("name", KERNELS)
@given(sides, sides, st.integers(0, 2**32 - 1))
def test_filters_are_the_convolutions_they_say(name, border, height, width, seed):
    images = torch.rand(2, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    function, kernel = KERNELS[name]
    result = function(images, name, border) if function is laplacian else function(images, border)
    torch.testing.assert_close(result, convolve(images, kernel, border), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", ["4-neighbour", "8-neighbour"])
def test_laplacian_of_a_bright_ridge_is_negative_on_it_and_positive_beside(kernel):
    ridge = torch.zeros(1, 1, 5, 5)
    ridge[..., 2] = 1
    signs = laplacian(ridge, kernel).sign()[0, 0, 2]
    assert signs.tolist() == [0, 1, -1, 1, 0]


@pytest.mark.parametrize("border", ["replicate", "reflect"])
def test_constant_images_have_no_false_edge_at_the_border(border):
    images = torch.full((1, 3, 4, 5), 0.7)
    assert laplacian(images, "4-neighbour", border).abs().max() == 0
    assert laplacian(images, "8-neighbour", border).abs().max() < 1e-5
    assert sobel_x(images, border).abs().max() == 0


def test_zero_border_makes_false_edges():
    assert laplacian(torch.ones(1, 1, 3, 3), "4-neighbour", "zero")[0, 0].tolist() == [
        [-2, -1, -2],
        [-1, 0, -1],
        [-2, -1, -2],
    ]


def test_channels_last_stays_channels_last():
    images = torch.rand(2, 3, 6, 7).contiguous(memory_format=torch.channels_last)
    assert laplacian(images).is_contiguous(memory_format=torch.channels_last)


def test_bad_names_and_sizes_are_refused():
    with pytest.raises(ValueError, match="border must be one of"):
        pad(torch.rand(1, 1, 3, 3), "wrap")
    with pytest.raises(ValueError, match="kernel must be one of"):
        laplacian(torch.rand(1, 1, 3, 3), "5-neighbour")
    with pytest.raises(ValueError, match="border 'reflect' needs images of at least 2x2"):
        laplacian(torch.rand(1, 1, 1, 3), border="reflect")
