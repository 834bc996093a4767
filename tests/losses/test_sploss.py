import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sharploss.losses import L1Loss, SPLoss

SPIKE = torch.zeros(1, 1, 3, 3)
SPIKE[..., 1, 1] = 1
GREY = torch.full((1, 1, 3, 3), 0.5)

STEP = torch.tensor([0.2, 0.2, 0.2, 0.8, 0.8, 0.8]).expand(1, 3, 4, 6)
BLURRED = torch.tensor([0.2, 0.2, 0.3, 0.7, 0.8, 0.8]).expand(1, 3, 4, 6)
SHARPENED = torch.tensor([0.2, 0.2, 0.1, 0.9, 0.8, 0.8]).expand(1, 3, 4, 6)


def literal(output, target, alpha, centre=-4):
    """The paper's equations 1 to 4, pixel by pixel; `centre` is the Laplacian's middle coefficient."""
    height, width = len(target), len(target[0])
    total = 0.0
    for i in range(height):
        for j in range(width):
            around = [(max(i - 1, 0), j), (min(i + 1, height - 1), j), (i, max(j - 1, 0)), (i, min(j + 1, width - 1))]
            g = (sum(target[k][m] for k, m in around) - 4 * target[i][j]) * (1 if centre < 0 else -1)
            e = output[i][j] - target[i][j]
            mask = abs(g) if (g > 0 and e > 0) or (g <= 0 and e <= 0) else 0.0
            total += (1 + alpha * mask) * abs(e)
    return total / (height * width)


@pytest.mark.parametrize(("kernel", "value"), [("4-neighbour", 0.5 * 25 / 9), ("8-neighbour", 0.5 * 41 / 9)])
def test_a_spike_by_hand(kernel, value):
    # Around the spike g = 1, on it -4 or -8; the 4-neighbour corners have g = 0 and count as not blurred.
    assert SPLoss(alpha=2, kernel=kernel)(GREY, SPIKE).item() == pytest.approx(value)


@given(st.integers(1, 7), st.integers(1, 7), st.floats(0, 10), st.integers(0, 2**32 - 1))
def test_agrees_with_the_equations_written_out(height, width, alpha, seed):
    generator = torch.Generator().manual_seed(seed)
    output, target = torch.rand(2, height, width, dtype=torch.float64, generator=generator)
    loss = SPLoss(alpha)(output[None, None], target[None, None]).item()
    assert loss == pytest.approx(literal(output.tolist(), target.tolist(), alpha), rel=1e-12)


@given(
    st.tuples(st.integers(1, 3), st.sampled_from([1, 3]), st.integers(2, 12), st.integers(2, 12)),
    st.fixed_dictionaries(
        {
            "kernel": st.sampled_from(["4-neighbour", "8-neighbour"]),
            "data_range": st.sampled_from([1, 255]),
            "channels": st.sampled_from(["rgb", "grey"]),
            "border": st.sampled_from(["replicate", "reflect", "zero"]),
        }
    ),
    st.integers(0, 2**32 - 1),
)
def test_alpha_0_is_l1_bit_for_bit_in_value_and_gradient(shape, parameters, seed):
    generator = torch.Generator().manual_seed(seed)
    # Coarse values, so that errors of exactly 0 occur.
    output, target = (torch.rand(2, *shape, generator=generator) * 8).round() / 8
    first, second = output.clone().requires_grad_(), output.clone().requires_grad_()
    mine = SPLoss(0, **parameters)(first, target)
    theirs = torch.nn.L1Loss()(second, target)
    mine.backward()
    theirs.backward()
    assert torch.equal(mine, theirs)
    assert torch.equal(mine, L1Loss()(first, target))
    assert torch.equal(first.grad, second.grad)


def test_on_an_edge_blur_is_punished_and_sharpening_is_not():
    weight = SPLoss(alpha=2).weight(BLURRED, STEP)[0, 0, 0]
    torch.testing.assert_close(weight, torch.tensor([1, 1, 2.2, 2.2, 1, 1]))
    assert torch.equal(SPLoss(alpha=2).weight(SHARPENED, STEP), torch.ones_like(STEP))
    # Both are equally far away in L1, and only SPLoss tells them apart.
    torch.testing.assert_close(L1Loss()(BLURRED, STEP), L1Loss()(SHARPENED, STEP))
    torch.testing.assert_close(SPLoss()(BLURRED, STEP), 2.2 * SPLoss()(SHARPENED, STEP))


def test_a_positive_centre_would_turn_the_rule_around():
    blurred, sharpened, step = (image[0, 0].tolist() for image in (BLURRED, SHARPENED, STEP))
    assert literal(blurred, step, 2, centre=-4) > literal(sharpened, step, 2, centre=-4)
    assert literal(blurred, step, 2, centre=4) < literal(sharpened, step, 2, centre=4)
    assert SPLoss()(BLURRED, STEP).item() == pytest.approx(literal(blurred, step, 2, centre=-4))


def test_the_gradient_is_the_weight_with_the_error_sign(wave_pair):
    output, target = wave_pair[0].requires_grad_(), wave_pair[1]
    SPLoss()(output, target).backward()
    weight = SPLoss().weight(output, target)
    assert not weight.requires_grad
    torch.testing.assert_close(output.grad, weight * (output - target).detach().sign() / output.numel())


def test_range_255_multiplies_the_penalty_and_leaves_the_errors(wave_pair):
    one, wide = (SPLoss(alpha=2, data_range=r).weight(*wave_pair) for r in (1, 255))
    torch.testing.assert_close(wide - 1, 255 * (one - 1), rtol=1e-4, atol=1e-3)


def test_grey_gives_every_channel_the_laplacian_of_the_grey_target():
    target = torch.cat([SPIKE, torch.zeros(1, 2, 3, 3)], dim=1)
    output = target + torch.tensor([-0.5, -0.5, 0.5]).view(1, 3, 1, 1)
    weight = SPLoss(alpha=1, channels="grey").weight(output, target)
    assert weight[0, :, 1, 1].tolist() == pytest.approx([1 + 4 * 0.2989, 1 + 4 * 0.2989, 1])


def test_the_loss_is_convex_in_the_output(wave_pair):
    output, target = (image.double() for image in wave_pair)
    middle = SPLoss()((output + (1 - output)) / 2, target)
    assert middle <= (SPLoss()(output, target) + SPLoss()(1 - output, target)) / 2


@pytest.mark.parametrize(
    "parameters",
    [
        {"alpha": -1},
        {"alpha": float("nan")},
        {"alpha": "2"},
        {"kernel": "sobel"},
        {"data_range": 2},
        {"channels": "y"},
        {"border": "same"},
    ],
)
def test_bad_parameters_are_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        SPLoss(**parameters)
