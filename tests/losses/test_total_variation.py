import pytest
import torch

from sharploss.losses import TotalVariationLoss, build_loss

IMAGE = torch.tensor([[0.0, 0.5], [1.0, 0.25]]).view(1, 1, 2, 2)
BLACK = torch.zeros(1, 1, 2, 2)


@pytest.mark.parametrize(
    ("norm", "reduction", "value"), [(2, "sum", 1.875), (2, "mean", 1.875 / 4), (1, "sum", 2.5), (1, "mean", 2.5 / 4)]
)
def test_values_by_hand(norm, reduction, value):
    assert TotalVariationLoss(norm, reduction)(IMAGE, BLACK).item() == pytest.approx(value)


def test_the_target_does_not_matter(wave_pair):
    output, target = wave_pair
    assert torch.equal(TotalVariationLoss()(output, target), TotalVariationLoss()(output, 1 - target))


def test_sum_with_its_weight_agrees_with_the_released_code(wave_pair):
    # gradient-variance-loss@69f80c4, loss_functions.py: tv_loss, run on the same images.
    loss = build_loss({"tv": {"weight": 1e-8, "reduction": "sum"}})
    assert loss(*wave_pair).item() == pytest.approx(1.8503588989915443e-06, rel=1e-6)


def test_images_of_one_pixel_have_none():
    assert TotalVariationLoss()(torch.ones(1, 3, 1, 1), torch.zeros(1, 3, 1, 1)).item() == 0


@pytest.mark.parametrize("parameters", [{"norm": 3}, {"norm": True}, {"reduction": "none"}])
def test_bad_parameters_are_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        TotalVariationLoss(**parameters)
