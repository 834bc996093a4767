"""torch.func on the losses, and what float32 must not cost on large images."""

import pytest
import torch
from torch.func import functional_call, grad, jvp, vmap

from sharploss.losses import (
    CharbonnierLoss,
    EdgeLoss,
    GradientVarianceLoss,
    L1Loss,
    L2Loss,
    MSSSIMLoss,
    SecondOrderGradientLoss,
    SPLoss,
    SSIMLoss,
    TotalVariationLoss,
)

LOSSES = {
    "l1": L1Loss(),
    "l2": L2Loss(),
    "charbonnier": CharbonnierLoss(),
    "edge": EdgeLoss(),
    "sploss": SPLoss(),
    "sploss grey reflect": SPLoss(4, channels="grey", border="reflect"),
    "second_order": SecondOrderGradientLoss(),
    "second_order sobel": SecondOrderGradientLoss("sobel_twice", norm=2, border="zero"),
    "tv": TotalVariationLoss(),
    "tv absolute sum": TotalVariationLoss(norm=1, reduction="sum"),
    "gv": GradientVarianceLoss(),
    "gv rgb": GradientVarianceLoss(patch=5, channels="rgb", border="replicate", unbiased=False),
    "ssim": SSIMLoss(),
    "ssim same": SSIMLoss("same"),
    "ms_ssim": MSSSIMLoss(2),
}


def pairs(count=3, side=23):
    return torch.rand(2, count, 1, 3, side, side + 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def slope(loss, output, target):
    output = output.clone().requires_grad_()
    return torch.autograd.grad(loss(output, target), output)[0]


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_grad_vmap_and_jvp_agree_with_autograd(loss):
    outputs, targets = pairs()
    slopes = torch.stack([slope(loss, *pair) for pair in zip(outputs, targets, strict=True)])
    values = torch.stack([loss(*pair) for pair in zip(outputs, targets, strict=True)])
    torch.testing.assert_close(grad(loss)(outputs[0], targets[0]), slopes[0], rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(vmap(loss)(outputs, targets), values, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(vmap(grad(loss))(outputs, targets), slopes, rtol=1e-10, atol=1e-14)
    direction = pairs()[1][0].flip(-1)
    value, along = jvp(lambda output: loss(output, targets[0]), (outputs[0],), (direction,))
    torch.testing.assert_close(value, values[0], rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(along, (slopes[0] * direction).sum(), rtol=1e-9, atol=1e-13)


def test_forward_over_reverse_lacks_what_torch_lacks():
    """Once torch has it, the sentence in docs/decisions.md and the last lines here can go."""
    (output, direction), (target, _) = (images[:2] for images in pairs(2, 13))

    def both_ways(loss):
        wanted = grad(lambda image: (grad(loss)(image, target) * direction).sum())(output)
        return jvp(lambda image: grad(loss)(image, target), (output,), (direction,))[1], wanted

    for name in ("charbonnier", "sploss", "second_order", "tv", "ssim"):
        torch.testing.assert_close(*both_ways(LOSSES[name]), rtol=1e-9, atol=1e-13)
    for loss in (torch.nn.functional.mse_loss, LOSSES["l2"], LOSSES["gv"]):
        with pytest.raises(RuntimeError, match="ZeroTensors are immutable"):
            both_ways(loss)


def test_gradients_reach_a_networks_weights_through_a_functional_call():
    network, (outputs, targets) = torch.nn.Conv2d(3, 3, 3, padding=1).double(), pairs()

    def loss(weights):
        return GradientVarianceLoss()(functional_call(network, weights, (outputs[0],)), targets[0])

    found = grad(loss)(dict(network.named_parameters()))
    GradientVarianceLoss()(network(outputs[0]), targets[0]).backward()
    torch.testing.assert_close(found["weight"], network.weight.grad)


@pytest.mark.parametrize("loss", [SecondOrderGradientLoss(), TotalVariationLoss(1), TotalVariationLoss()])
def test_large_float32_images_lose_no_precision(loss):
    output, target = torch.rand(2, 1, 1, 1024, 2048, generator=torch.Generator().manual_seed(3))
    exact = loss(output.double(), target.double())
    assert loss(output, target).item() == pytest.approx(exact.item(), rel=1e-6)
