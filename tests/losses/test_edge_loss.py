import pytest
import torch
import torch.nn.functional as F

from sharploss.losses import CharbonnierLoss, EdgeLoss, build_loss
from sharploss.losses.edge import pyramid_residual


def literal(images):
    """The residual once more, by two-dimensional convolution and strided copies."""
    taps = torch.tensor([1, 5, 8, 5, 1], dtype=images.dtype) / 20
    kernel = torch.outer(taps, taps).expand(images.shape[1], 1, 5, 5)

    def blur(maps):
        return F.conv2d(F.pad(maps, (2, 2, 2, 2), mode="replicate"), kernel, groups=maps.shape[1])

    spread = torch.zeros_like(images)
    spread[:, :, ::2, ::2] = blur(images)[:, :, ::2, ::2] * 4
    return images - blur(spread)


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (2, 1, 7, 10), (1, 3, 1, 1)])
def test_the_residual_is_the_convolution_it_says(shape):
    images = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(pyramid_residual(images), literal(images), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("height", "value"), [(21, 0.047494638711214066), (20, 0.05040084570646286)])
def test_agrees_with_mprnets_released_code(wave_pair, height, value):
    # MPRNet@43feb2a, Deblurring/losses.py: EdgeLoss, run on the same images.
    output, target = (image[..., :height, :] for image in wave_pair)
    assert EdgeLoss()(output, target).item() == pytest.approx(value, rel=1e-6)


def test_mprnets_whole_loss_is_summed_over_three_stages(wave_pair):
    output, target = wave_pair
    stages = (output, (output + target) / 2, target)
    expected = sum(CharbonnierLoss()(stage, target) + 0.05 * EdgeLoss()(stage, target) for stage in stages)
    torch.testing.assert_close(build_loss({"charbonnier": 1, "edge": 0.05})(stages, target), expected)


def test_equal_images_cost_eps(wave_pair):
    assert EdgeLoss(0.25)(wave_pair[0], wave_pair[0]).item() == pytest.approx(0.25)


def test_a_change_of_brightness_costs_nothing_inside():
    # At the border the repeated pixels of the spread image are not those of a constant one.
    residual = pyramid_residual(torch.full((1, 1, 16, 16), 0.5, dtype=torch.float64))
    assert residual[..., 3:-4, 3:-4].abs().max() < 1e-12


@pytest.mark.parametrize("turn", [lambda x: x.flip(-1), lambda x: x.flip(-2), lambda x: x.mT])
def test_flips_change_nothing_where_sides_are_odd(turn):
    output, target = torch.rand(2, 1, 3, 17, 23, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(EdgeLoss()(turn(output), turn(target)), EdgeLoss()(output, target))


@pytest.mark.parametrize("eps", [0, -1, "1e-3"])
def test_a_bad_eps_is_refused(eps):
    with pytest.raises(ValueError, match="eps must be"):
        EdgeLoss(eps)
