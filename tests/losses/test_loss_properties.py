"""What every loss must satisfy; a new loss is one row here."""

import copy

import pytest
import torch
from backbone import loaded
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from sharploss.config.loss_spec import ADVERSARIAL
from sharploss.losses import (
    TERMS,
    CharbonnierLoss,
    EdgeLoss,
    GradientVarianceLoss,
    L1Loss,
    L2Loss,
    LPIPSLoss,
    MDFLoss,
    MSSSIMLoss,
    SecondOrderGradientLoss,
    SPLoss,
    SSIMLoss,
    TextureLoss,
    TotalVariationLoss,
    VGGLoss,
    build_loss,
)

LOSSES = {
    "l1": L1Loss(),
    "l2": L2Loss(),
    "charbonnier": CharbonnierLoss(),
    "charbonnier basicsr": CharbonnierLoss(1e-4, "basicsr"),
    "ssim": SSIMLoss(),
    "ssim same": SSIMLoss("same"),
    "tv": TotalVariationLoss(),
    "tv absolute": TotalVariationLoss(norm=1),
    "gv": GradientVarianceLoss(),
    "gv rgb": GradientVarianceLoss(patch=4, channels="rgb", border="reflect", unbiased=False),
    "second_order": SecondOrderGradientLoss(),
    "second_order squared": SecondOrderGradientLoss("8-neighbour", norm=2, border="reflect"),
    "second_order sobel": SecondOrderGradientLoss("sobel_twice"),
    "sploss": SPLoss(),
    "sploss grey": SPLoss(4, "8-neighbour", channels="grey", border="zero"),
    "ms_ssim": MSSSIMLoss(scales=2),
    "ms_ssim mdf": MSSSIMLoss(scales=2, form="mdf"),
    "edge": EdgeLoss(),
    "vgg": loaded(VGGLoss({"conv3_1": 1})),
    "vgg squared": loaded(VGGLoss({"pool2": 1, "relu1_1": 0.5}, criterion="l2", ceil_mode=True)),
    "texture": loaded(TextureLoss({"pool1": 1, "conv2_2": 1}, patch=4)),
    "texture whole": loaded(TextureLoss({"conv2_1": 1}, patch=None, criterion="l1", normalisation="hw")),
}

# Random filters have no symmetry, and of an even side the edge loss keeps the first pixel, not the last: its symmetry
# is tested in its own file.
SYMMETRIC = {name: loss for name, loss in LOSSES.items() if not isinstance(loss, EdgeLoss | VGGLoss | TextureLoss)}

# Terms that are tested in files of their own alone: their networks are too large for this, or for images of one size.
ELSEWHERE = {LPIPSLoss, MDFLoss, *(TERMS[name] for name in ADVERSARIAL)}
PLAIN = sorted(name for name, term in TERMS.items() if not hasattr(term, "assets") and name not in ADVERSARIAL)
each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def images(seed, *shape, dtype=torch.float64):
    return torch.rand(2, *shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def images_for(loss, seed, batch, height, width, dtype=torch.float64):
    """Images of these sides, doubled where the loss needs larger ones."""
    factor = 1
    while min(height, width) * factor < getattr(loss, "min_size", 1):
        factor *= 2
    return images(seed, batch, 3, height * factor, width * factor, dtype=dtype)


def test_every_term_is_here():
    assert {type(loss) for loss in LOSSES.values()} == set(TERMS.values()) - ELSEWHERE


@each_loss
def test_gradients_are_right(loss):
    # Random images, so no error lies near enough to a kink of the absolute value to matter. Fast: along random
    # directions, in which a wrong gradient shows as it does pixel by pixel.
    output, target = images_for(loss, 3, 1, 11, 12)
    assert gradcheck(lambda image: loss(image, target), output.requires_grad_(), fast_mode=True)


@each_loss
def test_the_target_is_a_constant(loss):
    output, target = (image.requires_grad_() for image in images_for(loss, 4, 1, 11, 12))
    loss(output, target).backward()
    assert output.grad is not None
    assert target.grad is None


@each_loss
@settings(max_examples=10)
@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_the_loss_of_a_batch_is_the_mean_over_its_images(loss, batch, seed):
    output, target = images_for(loss, seed, batch, 16, 13)
    alone = [loss(output[[n]], target[[n]]) for n in range(batch)]
    torch.testing.assert_close(loss(output, target), torch.stack(alone).mean(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", SYMMETRIC.values(), ids=SYMMETRIC)
def test_flips_and_transposition_change_nothing(loss):
    # Sides are multiples of the patches: their grid starts at one corner.
    output, target = images_for(loss, 5, 2, 16, 24)
    for turn in (lambda x: x.flip(-1), lambda x: x.flip(-2), lambda x: x.mT):
        torch.testing.assert_close(loss(turn(output), turn(target)), loss(output, target), rtol=1e-9, atol=1e-12)


@each_loss
def test_equal_images_are_a_minimum(loss):
    output, target = images_for(loss, 6, 1, 16, 16)
    if isinstance(loss, TotalVariationLoss):
        target = torch.full_like(target, 0.5)
    best = loss(target, target)
    assert 0 <= best < loss(0.99 * target + 0.01 * output, target) < loss(output, target)


@each_loss
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_float32(loss, dtype):
    output, target = images_for(loss, 7, 2, 16, 16, dtype=torch.float32)
    half = output.to(dtype).requires_grad_()
    value = loss(half, target)
    value.backward()
    assert value.dtype == torch.float32
    assert torch.equal(value, loss(half.detach().float(), target))
    assert half.grad.dtype == dtype


@each_loss
def test_autocast_does_not_coarsen_it(loss):
    output, target = images_for(loss, 9, 2, 16, 16, dtype=torch.float32)
    output.requires_grad_()  # without a gradient some convolutions are not run on CPUs
    expected = loss(output, target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(output, target)
    assert torch.equal(inside, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAIN)
def test_the_compiler_makes_the_same_of_it(name):
    # What fast mode asks for on GPUs; "aot_eager" goes through all of the compiler but the writing of kernels.
    loss = build_loss({name: {"scales": 2} if name == "ms_ssim" else 1}).losses[name]
    output, target = images(10, 2, 3, 32, 24)
    found = []
    for version in (loss, torch.compile(loss, backend="aot_eager", fullgraph=True)):
        image = output.clone().requires_grad_()
        value = version(image, target)
        value.backward()
        found.append((value.detach(), image.grad))
    for ours, compiled in zip(*found, strict=True):
        torch.testing.assert_close(compiled, ours, rtol=1e-9, atol=1e-12)


@each_loss
def test_layouts_agree_and_float64_stays(loss):
    output, target = images_for(loss, 8, 2, 16, 16)
    last = [image.contiguous(memory_format=torch.channels_last) for image in (output, target)]
    torch.testing.assert_close(loss(*last), loss(output, target), rtol=1e-12, atol=1e-12)
    assert loss(output, target).dtype == torch.float64


@each_loss
def test_nothing_is_read_back_from_the_device(loss):
    # Meta tensors hold no values: reading one (.item(), if) raises, and so does mixing in a constant from the CPU.
    output, target = torch.rand(2, 8, 3, 24, 24, device="meta")
    total = copy.deepcopy(loss).to("meta")(output.requires_grad_(), target)
    total.backward()
    assert total.shape == ()
    assert output.grad.shape == output.shape


@each_loss
def test_images_of_two_shapes_are_refused(loss):
    with pytest.raises(ValueError, match="one shape"):
        loss(torch.rand(2, 3, 16, 16), torch.rand(1, 3, 16, 16))


@each_loss
def test_a_nan_in_the_output_shows(loss):
    output, target = images_for(loss, 9, 1, 16, 16)
    output[0, 1, 8, 8] = torch.nan
    assert loss(output, target).isnan()


@each_loss
def test_there_is_nothing_to_train_or_to_store(loss):
    assert not list(loss.parameters())
    assert not loss.state_dict()


@pytest.mark.slow
def test_all_terms_compile_as_one_graph():
    loss = build_loss(dict.fromkeys((name for name in PLAIN), 1))
    loss.losses["vgg"], loss.weights["vgg"] = loaded(VGGLoss({"pool2": 1})), 1.0
    output, target = images(10, 2, 3, 161, 161, dtype=torch.float32)
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(output, target), loss(output, target))
