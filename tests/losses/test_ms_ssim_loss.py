import pytest
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity
from waves import waves

from sharploss.functional.ms_ssim import WEIGHTS, ms_ssim_of_channels
from sharploss.functional.ssim import ssim_map, ssim_parts
from sharploss.losses import MSSSIMLoss


def pair(seed, height=161, width=176):
    target, noise = torch.rand(
        2, 2, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    return 0.8 * target + 0.2 * noise, target


def literal(output, target):
    """MS-SSIM of one channel from scikit-image's SSIM maps and means of 2x2 pixels, sides divisible by 16."""
    product = 1.0
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            output, target = (
                image.reshape(image.shape[0] // 2, 2, image.shape[1] // 2, 2).mean((1, 3)) for image in (output, target)
            )
        settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
        # Where K1 is enormous luminance is 1, so the map is contrast times structure.
        last = scale == len(WEIGHTS) - 1
        _, values = structural_similarity(output, target, full=True, K1=0.01 if last else 1e8, **settings)
        product *= values[5:-5, 5:-5].mean() ** weight
    return product


def test_agrees_with_scikit_images_ssim_at_every_scale():
    output, target = pair(1, 176, 192)
    found = ms_ssim_of_channels(output, target)
    for n in range(2):
        for c in range(3):
            expected = literal(output[n, c].numpy(), target[n, c].numpy())
            assert found[n, c].item() == pytest.approx(expected, rel=1e-6)


def test_agrees_with_pyiqa():
    from pyiqa.archs import ssim_arch

    output, target = pair(2, 176, 192)
    for c in range(3):
        expected = ssim_arch.ms_ssim(output[:, [c]], target[:, [c]], data_range=1.0)
        torch.testing.assert_close(ms_ssim_of_channels(output, target)[:, c], expected, rtol=1e-7, atol=0)


@pytest.mark.parametrize(("share", "value"), [(0.8, 0.9248363971710205), (0.24, 0.9931889772415161)])
def test_the_mdf_form_agrees_with_the_released_code(share, value):
    # gfxdisp/mdf@3901f23, loss_modules/msssim.py, run on the same images in float32; it gives the negative value.
    first, second = waves(0.0, 176, 192)[:1, :1], waves(0.5, 176, 192)[:1, :1]
    output = (1 - share) * first + share * second
    assert 1 - MSSSIMLoss(form="mdf")(first, output).item() == pytest.approx(value, abs=3e-5)


@pytest.mark.parametrize(("share", "value"), [(0.8, 0.924789309501648), (0.24, 0.9931782484054565)])
def test_the_mdf_form_agrees_with_the_released_code_where_sides_are_odd(share, value):
    first, second = waves(0.0, 179, 187)[:1, :1], waves(0.5, 179, 187)[:1, :1]
    output = (1 - share) * first + share * second
    assert 1 - MSSSIMLoss(form="mdf")(first, output).item() == pytest.approx(value, abs=3e-5)


def test_flips_change_the_value_of_ragged_sides_alone():
    output, target = pair(11, 176, 192)
    for axis in (-1, -2):
        torch.testing.assert_close(MSSSIMLoss()(output.flip(axis), target.flip(axis)), MSSSIMLoss()(output, target))
    output, target = output[..., :179], target[..., :179]
    turned = MSSSIMLoss()(output.flip(-1), target.flip(-1))
    assert turned.item() != pytest.approx(MSSSIMLoss()(output, target).item(), rel=1e-6)


def test_the_least_factor_is_a_millionth():
    # Small enough that a training can tell scales that contradict each other from those that hardly agree.
    target = pair(5)[1][:1, :1, :24, :24]
    assert 1 - MSSSIMLoss(scales=2)(1 - target, target).item() == pytest.approx(1e-6, rel=0.01)


def test_the_mdf_form_counts_the_coarsest_ssim_four_times():
    output, target = pair(3, 176, 192)
    coarse = ssim_map(F.avg_pool2d(output, 16), F.avg_pool2d(target, 16)).mean((2, 3))
    expected = ms_ssim_of_channels(output, target) * coarse ** (3 * WEIGHTS[-1])
    torch.testing.assert_close(ms_ssim_of_channels(output, target, form="mdf"), expected)


def test_equal_images_cost_nothing():
    target = pair(4)[1]
    assert MSSSIMLoss()(target, target).item() == pytest.approx(0, abs=1e-12)


def test_inverted_images_have_a_loss_and_a_gradient():
    # Contrast-structure is negative at every scale there: literally, a fractional power of it does not exist.
    target = pair(5)[1]
    output = (1 - target).requires_grad_()
    loss = MSSSIMLoss()(output, target)
    loss.backward()
    assert 0.9 < loss.item() <= 1
    assert output.grad.isfinite().all()


def test_one_contradicting_scale_leaves_the_others_a_gradient():
    target = torch.rand(1, 1, 48, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    smooth = F.interpolate(F.avg_pool2d(target, 2), scale_factor=2)
    output = (target - 2 * (smooth - smooth.mean())).requires_grad_()  # right in detail, inverted where coarse
    loss = MSSSIMLoss(scales=2)(output, target)
    loss.backward()
    assert loss.item() < 1
    assert output.grad.abs().max() > 0


@pytest.mark.parametrize("scales", [2, 3, 4])
def test_fewer_scales_use_the_finest_weights_stretched(scales):
    output, target = pair(7, 96, 96)
    factors, first, second = [], output, target
    for scale in range(scales):
        if scale:
            first, second = F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)
        luminance, contrast = ssim_parts(first, second)
        factors.append((contrast if scale < scales - 1 else luminance * contrast).mean((2, 3)))
    stretch = sum(WEIGHTS) / sum(WEIGHTS[:scales])
    expected = torch.stack([f ** (w * stretch) for f, w in zip(factors, WEIGHTS, strict=False)]).prod(0)
    torch.testing.assert_close(ms_ssim_of_channels(output, target, scales), expected)


def test_a_ragged_edge_is_averaged_over_the_pixels_there_are():
    # Repeating the last row and column, as the authors' MATLAB code does, gives the same means.
    output, target = pair(8, 171, 165)
    padded = [F.pad(image, (0, 3, 0, 5), mode="replicate") for image in (output, target)]
    odd, even = (F.avg_pool2d(image, 2, ceil_mode=True) for image in (output, padded[0][..., :172, :166]))
    torch.testing.assert_close(odd, even)
    assert 0 < MSSSIMLoss()(output, target).item() < 1


@pytest.mark.parametrize(("scales", "side"), [(5, 161), (4, 81), (2, 21)])
def test_images_below_the_window_at_the_coarsest_scale_are_refused(scales, side):
    loss = MSSSIMLoss(scales)
    assert loss.min_size == side
    loss(torch.rand(1, 3, side, side), torch.rand(1, 3, side, side))
    with pytest.raises(ValueError, match=f"MS-SSIM over {scales} scales needs images of at least {side}x{side} pixels"):
        loss(torch.rand(1, 3, side - 1, side), torch.rand(1, 3, side - 1, side))


def test_autocast_does_not_coarsen_it():
    # With a gradient: without one no convolution is run on CPUs.
    output, target = (image.float() for image in pair(9))
    output.requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = MSSSIMLoss()(output, target)
    assert torch.equal(inside, MSSSIMLoss()(output, target))


@pytest.mark.parametrize("parameters", [{"scales": 1}, {"scales": 6}, {"scales": 2.0}, {"form": "fast"}])
def test_bad_parameters_are_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        MSSSIMLoss(**parameters)
