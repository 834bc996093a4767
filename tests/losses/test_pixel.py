import pytest
import torch

from sharploss.losses import CharbonnierLoss, L1Loss, L2Loss


def pair(*differences):
    target = torch.full((1, 1, 1, len(differences)), 0.5, dtype=torch.float64)
    return target + torch.tensor(differences, dtype=torch.float64), target


def test_l1_and_l2_by_hand():
    assert L1Loss()(*pair(0.1, -0.3)).item() == pytest.approx(0.2)
    assert L2Loss()(*pair(0.1, -0.3)).item() == pytest.approx(0.05)


def test_charbonnier_forms_by_hand():
    assert CharbonnierLoss(eps=0.4)(*pair(0.3, -0.3)).item() == pytest.approx(0.5)
    assert CharbonnierLoss(eps=0.16, form="basicsr")(*pair(0.3, -0.3)).item() == pytest.approx(0.5)


def test_charbonnier_of_equal_images_is_the_root_of_its_constant():
    assert CharbonnierLoss()(*pair(0.0, 0.0)).item() == pytest.approx(1e-3)
    assert CharbonnierLoss(eps=1e-12, form="basicsr")(*pair(0.0, 0.0)).item() == pytest.approx(1e-6)


def test_charbonnier_agrees_with_mprnets_released_code(wave_pair):
    # MPRNet@43feb2a, Deblurring/losses.py, run on the same images.
    assert CharbonnierLoss()(*wave_pair).item() == pytest.approx(0.10561247169971466, rel=1e-6)


def test_charbonnier_gradient_is_finite_where_images_are_equal():
    output, target = (image.float() for image in pair(0.0, 0.0))
    CharbonnierLoss(eps=1e-15)(output.requires_grad_(), target).backward()
    assert output.grad.tolist() == torch.zeros_like(output).tolist()


@pytest.mark.parametrize("parameters", [{"eps": 0}, {"eps": -1}, {"eps": "small"}, {"form": "huber"}])
def test_bad_parameters_are_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        CharbonnierLoss(**parameters)
