import pytest
import torch

from sharploss.functional import blocks
from sharploss.functional.blocks import in_blocks, mean_in_blocks
from sharploss.functional.filters import laplacian, quick_laplacian
from sharploss.losses import GradientVarianceLoss, SecondOrderGradientLoss, SPLoss, SSIMLoss, TotalVariationLoss

QUICK = {
    "sploss": SPLoss(),
    "sploss 255 zero": SPLoss(4, data_range=255, border="zero"),
    "second_order": SecondOrderGradientLoss(),
    "second_order squared": SecondOrderGradientLoss(norm=2, border="zero"),
    "tv": TotalVariationLoss(),
    "tv absolute sum": TotalVariationLoss(norm=1, reduction="sum"),
    "gv": GradientVarianceLoss(),
    "ssim": SSIMLoss(),
    "gv rgb": GradientVarianceLoss(patch=5, channels="rgb", unbiased=False),
}
LAYOUTS = [torch.contiguous_format, torch.channels_last]


def pair(batch=5, height=21, width=34):
    return torch.rand(2, batch, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def value_and_gradient(loss, output, target):
    output = output.clone().requires_grad_()
    value = loss(output, target)
    value.backward()
    return value.detach(), output.grad


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("loss", QUICK.values(), ids=QUICK)
def test_written_out_gradients_are_those_that_torch_derives(loss, layout, monkeypatch):
    output, target = (images.contiguous(memory_format=layout) for images in pair())
    module = type(loss).__module__
    calls = []
    monkeypatch.setattr(f"{module}.mean_in_blocks", lambda *args: calls.append(args) or mean_in_blocks(*args))
    quick = value_and_gradient(loss, output, target)
    assert len(calls) == 1
    monkeypatch.setattr(f"{module}.in_blocks", lambda _: False)
    plain = value_and_gradient(loss, output, target)
    assert len(calls) == 1
    for ours, theirs in zip(quick, plain, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("loss", QUICK.values(), ids=QUICK)
def test_the_size_of_the_blocks_does_not_matter(loss, monkeypatch):
    output, target = pair()
    whole = value_and_gradient(loss, output, target)
    monkeypatch.setattr(blocks, "BLOCK", 2 * output[0].numel() + 1)  # two, two and one
    for ours, theirs in zip(value_and_gradient(loss, output, target), whole, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-15)


def test_blocks_are_as_large_as_said_and_cover_all_images(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 3 * 3 * 21 * 34)
    output, target = pair()
    sizes = []

    def kernel(ours, theirs, values, gradient):
        sizes.append(len(ours))
        values.copy_((ours * theirs).sum((1, 2, 3)))
        gradient.copy_(theirs)

    def plain(_):
        raise AssertionError("a first derivative needs no other way")

    value, gradient = value_and_gradient(lambda *images: 2 * mean_in_blocks(kernel, plain, *images), output, target)
    assert sizes == [3, 2]
    torch.testing.assert_close(value, 2 * (output * target).sum() / 5)
    torch.testing.assert_close(gradient, 2 * target / 5)


@pytest.mark.parametrize("loss", QUICK.values(), ids=QUICK)
def test_second_derivatives_are_those_without_blocks(loss, monkeypatch):
    output, target = pair(2)
    direction = torch.rand(output.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))

    def curvature():
        image = output.clone().requires_grad_()
        # Beside another loss: alone, a gradient that is constant has no derivative to ask for.
        total = loss(image, target) + image.pow(3).mean()
        (slope,) = torch.autograd.grad(total, image, create_graph=True)
        return slope.detach(), torch.autograd.grad((slope * direction).sum(), image)[0]

    quick = curvature()
    monkeypatch.setattr(f"{type(loss).__module__}.in_blocks", lambda _: False)
    for ours, theirs in zip(quick, curvature(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", [SecondOrderGradientLoss(), TotalVariationLoss(1), TotalVariationLoss()])
def test_large_float32_images_lose_no_precision(loss):
    output, target = torch.rand(2, 1, 1, 2048, 2048, generator=torch.Generator().manual_seed(3))
    exact = loss(output.double(), target.double())
    assert loss(output, target).item() == pytest.approx(exact.item(), rel=1e-6)


@pytest.mark.parametrize("border", ["replicate", "zero"])
def test_both_ways_to_filter_agree_to_the_last_bit(border):
    images = torch.rand(2, 3, 33, 47, generator=torch.Generator().manual_seed(4))
    images[..., 8:24, 8:24] = 0.3  # flat: where they did not agree, an absolute value would pull at it
    assert torch.equal(quick_laplacian(images, border), laplacian(images, border=border))


def test_without_gradients_the_value_is_the_same():
    output, target = pair()
    with torch.no_grad():
        value = SPLoss()(output.requires_grad_(), target)
    assert not value.requires_grad
    assert torch.equal(value, SPLoss()(output, target).detach())


def test_only_cpus_work_in_blocks():
    assert in_blocks(torch.rand(1))
    assert not in_blocks(torch.rand(1, device="meta"))
