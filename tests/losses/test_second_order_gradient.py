import pytest
import torch

from sharploss.functional.filters import laplacian, sobel_x, sobel_y
from sharploss.losses import SecondOrderGradientLoss

SPIKE = torch.zeros(1, 1, 3, 3).index_put(
    (torch.tensor(0), torch.tensor(0), torch.tensor(1), torch.tensor(1)), torch.tensor(1.0)
)
BLACK = torch.zeros(1, 1, 3, 3)


@pytest.mark.parametrize(
    ("kernel", "norm", "value"),
    [("4-neighbour", 1, 8 / 9), ("4-neighbour", 2, 20 / 9), ("8-neighbour", 1, 16 / 9), ("8-neighbour", 2, 72 / 9)],
)
def test_a_spike_by_hand(kernel, norm, value):
    assert SecondOrderGradientLoss(kernel, norm)(SPIKE, BLACK).item() == pytest.approx(value)


def test_it_is_the_distance_of_the_two_laplacians(wave_pair):
    output, target = wave_pair
    expected = (laplacian(output) - laplacian(target)).abs().mean()
    torch.testing.assert_close(SecondOrderGradientLoss()(output, target), expected)


def test_sobel_twice_is_the_mean_distance_along_both_axes(wave_pair):
    output, target = wave_pair
    maps = [
        (sobel(sobel(output, "zero"), "zero") - sobel(sobel(target, "zero"), "zero")).square().mean()
        for sobel in (sobel_x, sobel_y)
    ]
    loss = SecondOrderGradientLoss("sobel_twice", norm=2, border="zero")(output, target)
    torch.testing.assert_close(loss, (maps[0] + maps[1]) / 2)


@pytest.mark.parametrize("kernel", ["4-neighbour", "sobel_twice"])
def test_a_change_of_brightness_costs_nothing(wave_pair, kernel):
    loss = SecondOrderGradientLoss(kernel)(wave_pair[0].double() + 0.25, wave_pair[0].double())
    assert loss.item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("parameters", [{"kernel": "laplace"}, {"norm": 0}, {"border": "wrap"}])
def test_bad_parameters_are_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        SecondOrderGradientLoss(**parameters)
