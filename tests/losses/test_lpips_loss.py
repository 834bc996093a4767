import os

import pytest
import torch
from backbone import random_alexnet
from torch.autograd import gradcheck

from sharploss.assets.fetch import AssetMissingError
from sharploss.losses import LPIPSLoss, build_loss

MIRROR = os.environ.get("SHARPLOSS_MIRROR")
pytestmark = pytest.mark.usefixtures("lpips_at_once")
with_weights = pytest.mark.skipif(not MIRROR, reason="SHARPLOSS_MIRROR is not set: no AlexNet to compare with")


def pair(batch=2, height=48, width=40):
    target, noise = torch.rand(2, batch, 3, height, width, generator=torch.Generator().manual_seed(8))
    return (0.7 * target + 0.3 * noise).mul(255).round() / 255, target.mul(255).round() / 255


@pytest.fixture
def loss():
    term = LPIPSLoss()
    term.use("random", random_alexnet())
    return term


def test_it_is_the_packages_value_for_images_from_minus_1_to_1(loss):
    output, target = pair()
    with torch.no_grad():
        expected = loss.network(output, target, normalize=True).mean()
    torch.testing.assert_close(loss(output, target), expected)


def test_the_variant_without_normalising_is_the_mdf_codes_mistake(loss):
    output, target = pair()
    variant = LPIPSLoss(normalise=False)
    variant.use("random", random_alexnet())
    with torch.no_grad():
        expected = loss.network(output, target).mean()
    torch.testing.assert_close(variant(output, target), expected)
    assert variant(output, target) != loss(output, target)


def test_gradients_are_right_and_the_target_gets_none(loss):
    loss.double()
    output, target = (image.double().requires_grad_() for image in pair(1, 31, 32))
    assert gradcheck(lambda image: loss(image, target), output, fast_mode=True)
    loss(output, target).backward()
    assert target.grad is None


def test_black_images_have_a_finite_gradient(loss):
    output = torch.full((1, 3, 32, 32), 0.5).requires_grad_()
    for constant in loss.network.net.buffers():
        constant.zero_()  # all features are 0
    loss(output, torch.rand(1, 3, 32, 32)).backward()
    assert output.grad.isfinite().all()


def test_equal_images_cost_nothing_and_a_batch_its_mean(loss):
    output, target = pair(3)
    assert loss(target, target).item() == 0
    alone = torch.stack([loss(output[[n]], target[[n]]) for n in range(3)])
    torch.testing.assert_close(loss(output, target), alone.mean())


def test_bfloat16_images_are_compared_in_float32(loss):
    output, target = pair()
    half = output.bfloat16().requires_grad_()
    value = loss(half, target)
    value.backward()
    assert value.dtype == torch.float32
    assert torch.equal(value, loss(half.detach().float(), target))
    assert half.grad.dtype == torch.bfloat16


def test_autocast_does_not_coarsen_it(loss):
    output, target = pair()
    expected = loss(output.requires_grad_(), target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(output, target)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, expected)


def test_training_mode_does_not_reach_the_dropout_of_the_package(loss):
    output, target = pair()
    expected = loss(output, target)
    assert torch.equal(loss.train()(output, target), expected)
    assert not any(module.training for module in loss.network.modules())


def test_there_is_nothing_to_train_or_to_store(loss):
    assert not list(loss.parameters())
    assert not loss.state_dict()
    assert not any(buffer.requires_grad for buffer in loss.buffers())


def test_small_and_grey_images_are_refused(loss):
    with pytest.raises(ValueError, match=r"LPIPS \(alex\) needs images of at least 31x31 pixels, not 30x40"):
        loss(torch.rand(1, 3, 30, 40), torch.rand(1, 3, 30, 40))
    with pytest.raises(ValueError, match="LPIPS takes RGB images"):
        loss(torch.rand(1, 1, 32, 32), torch.rand(1, 1, 32, 32))
    loss(torch.rand(1, 3, 31, 31), torch.rand(1, 3, 31, 31))


@with_weights
def test_it_is_the_metric_on_images_of_8_bits():
    from sharploss.metrics.lpips import load_lpips

    output, target = pair()
    loss = build_loss({"lpips": 1})
    assert loss.backbones == {"lpips": "AlexNet, torchvision's convolutions"}
    torch.testing.assert_close(loss(output, target), load_lpips()(output, target).mean(), rtol=1e-4, atol=1e-6)


def test_vgg_without_its_weights_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path))
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    with pytest.raises(AssetMissingError, match=r"vgg16-397923af.pth of asset 'vgg16_torchvision' is missing"):
        build_loss({"lpips": {"net": "vgg"}})


@pytest.mark.parametrize("parameters", [{"net": "squeeze"}, {"normalise": 1}])
def test_bad_parameters_are_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        LPIPSLoss(**parameters)
