import torch
from torch import nn

from sharploss.functional.image_loss import PretrainedLoss, freeze
from sharploss.losses import L1Loss, LPIPSLoss, TextureLoss, VGGLoss


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))


def test_a_frozen_network_computes_as_before_and_has_nothing_to_train_or_store():
    plain, images = network().eval(), torch.rand(1, 3, 8, 8)
    expected = plain(images)
    frozen = freeze(plain)
    assert torch.equal(frozen(images), expected)
    assert not list(frozen.parameters())
    assert not frozen.state_dict()
    assert not frozen.training


def test_gradients_pass_through_a_frozen_network():
    frozen, images = freeze(network()), torch.rand(1, 3, 8, 8, requires_grad=True)
    frozen(images).sum().backward()
    assert images.grad.abs().max() > 0
    assert not any(constant.requires_grad for constant in frozen.buffers())


def test_a_frozen_network_moves_with_the_module_it_is_in():
    outer = nn.Module()
    outer.network = freeze(network())
    assert {constant.device.type for constant in outer.to("meta").buffers()} == {"meta"}
    assert freeze(network()).double()(torch.rand(1, 3, 8, 8).double()).dtype == torch.float64


def test_terms_that_need_weights_say_so_and_others_do_not():
    assert all(isinstance(term, PretrainedLoss) for term in (VGGLoss(), TextureLoss(), LPIPSLoss()))
    assert not isinstance(L1Loss(), PretrainedLoss)
