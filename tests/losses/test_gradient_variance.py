import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from sharploss.functional.filters import patch_variance
from sharploss.losses import GradientVarianceLoss


def literal(output, target, patch):
    """The paper's loss once more, by convolution, unfolding and torch.var."""
    weights = torch.tensor([0.2989, 0.5870, 0.1140], dtype=output.dtype).view(1, 3, 1, 1)
    across = torch.tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=output.dtype).view(1, 1, 3, 3)
    total = 0.0
    for kernel in (across, -across.mT):
        variances = []
        for images in (output, target):
            maps = F.conv2d((images * weights).sum(1, keepdim=True), kernel, padding=1)
            variances.append(torch.nn.Unfold(patch, stride=patch)(maps).var(dim=1))
        total = total + (variances[0] - variances[1]).square().mean()
    return total


@given(st.integers(2, 9), st.integers(9, 20), st.integers(9, 20), st.integers(0, 2**32 - 1))
def test_agrees_with_the_formula_written_out(patch, height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    output, target = torch.rand(2, 2, 3, height, width, dtype=torch.float64, generator=generator)
    loss = GradientVarianceLoss(patch)(output, target)
    torch.testing.assert_close(loss, literal(output, target, patch), rtol=1e-10, atol=0)


@pytest.mark.parametrize(("patch", "value"), [(8, 0.013775642961263657), (5, 0.07912012934684753)])
def test_agrees_with_the_released_code(wave_pair, patch, value):
    # gradient-variance-loss@69f80c4, gradient_variance_loss.py, run on the same images (whose edges are ragged).
    assert GradientVarianceLoss(patch)(*wave_pair).item() == pytest.approx(value, rel=1e-5)


def test_patch_variance_by_hand():
    maps = torch.tensor([[0.0, 2.0, 5.0, 5.0], [4.0, 6.0, 5.0, 5.0], [9.0, 9.0, 9.0, 9.0]]).view(1, 1, 3, 4)
    assert patch_variance(maps, 2)[0, 0].tolist() == [[pytest.approx(20 / 3), 0]]
    assert patch_variance(maps, 2, unbiased=False)[0, 0].tolist() == [[pytest.approx(5), 0]]


def test_biased_variance_is_a_known_share_of_the_unbiased(wave_pair):
    biased = GradientVarianceLoss(unbiased=False)(*wave_pair)
    torch.testing.assert_close(biased, GradientVarianceLoss()(*wave_pair) * (63 / 64) ** 2)


def test_it_grows_with_the_fourth_power_of_the_range(wave_pair):
    output, target = wave_pair
    torch.testing.assert_close(
        GradientVarianceLoss()(output, target), 256 * GradientVarianceLoss()(output / 4, target / 4)
    )


def test_rgb_is_the_mean_over_channels_taken_alone(wave_pair):
    output, target = wave_pair
    alone = [GradientVarianceLoss()(output[:, [c]], target[:, [c]]) for c in range(3)]
    torch.testing.assert_close(GradientVarianceLoss(channels="rgb")(output, target), torch.stack(alone).mean())


def test_zero_border_counts_the_frame_of_the_image():
    output, target = torch.full((1, 3, 8, 8), 0.2), torch.full((1, 3, 8, 8), 0.8)
    assert GradientVarianceLoss(border="replicate")(output, target).item() == 0
    assert GradientVarianceLoss(border="zero")(output, target).item() > 0.01


def test_images_below_a_patch_are_refused():
    with pytest.raises(ValueError, match="in patches of 8 needs images of at least 8x8 pixels, not 7x9"):
        GradientVarianceLoss()(torch.rand(1, 3, 7, 9), torch.rand(1, 3, 7, 9))


@pytest.mark.parametrize(
    "parameters", [{"patch": 1}, {"patch": 8.0}, {"channels": "y"}, {"border": "same"}, {"unbiased": 1}]
)
def test_bad_parameters_are_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        GradientVarianceLoss(**parameters)
