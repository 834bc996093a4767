"""The MDF loss against the numbers of the authors' code, and what holds for any discriminators."""

import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn
from torch.autograd import gradcheck

from sharploss.losses import MDFLoss, build_loss, min_patch, required_assets, resolve_loss
from sharploss.mdf.networks import SinGANDiscriminator, initialise
from sharploss.utils.errors import UserError
from sharploss.utils.files import sha256

MIRROR = os.environ.get("SHARPLOSS_MIRROR")
with_weights = pytest.mark.skipif(not MIRROR, reason="SHARPLOSS_MIRROR is not set: no discriminators of the authors")


def mdf_loss(output, target, networks, **parameters):
    """The loss of these networks instead of the authors'."""
    loss = MDFLoss(**parameters)
    loss.network = torch.nn.ModuleList(networks)
    return loss(output, target)


def golden_pair():
    """The images that the authors' code was run on, (2, 3, 24, 20) in [0, 1]: element i of 2880 by formula."""
    i = torch.arange(2880, dtype=torch.float64)
    target = 0.5 + 0.4 * torch.sin(0.013 * i**1.5)
    output = (target + 0.1 * torch.cos(0.7 * i)).clamp(0, 1)
    return output.view(2, 3, 24, 20), target.view(2, 3, 24, 20)


def discriminators(*widths, dtype=torch.float64):
    with torch.random.fork_rng():
        torch.manual_seed(7)
        networks = nn.ModuleList(SinGANDiscriminator(width) for width in widths).to(dtype).eval()
        for network in networks.modules():
            if isinstance(network, nn.Conv2d):
                nn.init.normal_(network.weight, 0, 0.2)
            if isinstance(network, nn.BatchNorm2d):
                network.running_mean.uniform_(-0.3, 0.3)
                network.running_var.uniform_(0.5, 1.5)
    return networks.requires_grad_(False)


def images(seed, *shape, dtype=torch.float64):
    return torch.rand(2, *shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


# MDFLoss of gfxdisp/mdf at 3901f23 with its own weights, on golden_pair() in float64 (its sums are in float32).
GOLDEN = [
    ("sisr", 8, "[0,1]", 0.23638683557510376),
    ("sisr", 9, "[0,1]", 0.2487770915031433),
    ("sisr", 8, "[-1,1]", 1.042412281036377),
    ("sisr", 9, "[-1,1]", 1.0975914001464844),
    ("denoising", 8, "[0,1]", 0.23638683557510376),
    ("jpeg", 8, "[0,1]", 0.7806709408760071),
    ("jpeg", 8, "[-1,1]", 2.4244463443756104),
    ("jpeg", 1, "[0,1]", 0.07699596136808395),
    ("jpeg", 1, "[-1,1]", 0.4446012079715729),
]


@with_weights
@pytest.mark.parametrize(("weights", "scales", "input_range", "value"), GOLDEN)
def test_values_of_the_authors_code(weights, scales, input_range, value):
    loss = MDFLoss(weights, scales, input_range)
    loss.load()
    output, target = golden_pair()
    assert loss(output, target).item() == pytest.approx(value, rel=1e-6)
    assert loss(output.float(), target.float()).item() == pytest.approx(value, rel=1e-5)


@with_weights
def test_gradient_and_single_images_of_the_authors_code():
    loss = MDFLoss()
    loss.load()
    output, target = golden_pair()
    alone = [loss(output[[n]], target[[n]]).item() for n in range(2)]
    assert alone == pytest.approx([0.24556918442249298, 0.22720450162887573], rel=1e-6)
    loss(output.requires_grad_(), target).backward()
    assert output.grad.abs().sum().item() == pytest.approx(22.63576268504166, rel=1e-6)
    assert output.grad[0, 0, 12, 10].item() == pytest.approx(0.00997427249729315, rel=1e-6)


@with_weights
def test_bfloat16_images_are_compared_in_float32():
    loss = build_loss({"mdf": 1})
    output, target = (image.bfloat16() for image in golden_pair())
    value = loss(output, target)
    assert value.dtype == torch.float32
    assert value.item() == loss(output.float(), target.float()).item()


@with_weights
def test_precision_comes_and_goes_without_a_trace():
    loss = build_loss({"mdf": {"scales": 2}})
    output, target = (image.float() for image in golden_pair())
    first = loss(output, target)
    loss(output.double(), target.double())
    assert torch.equal(loss(output, target), first)


@with_weights
def test_loading_draws_no_random_numbers_and_freezes():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    loss = MDFLoss()
    loss.load()
    assert torch.equal(torch.get_rng_state(), before)
    assert not list(loss.parameters())
    assert not loss.state_dict()
    assert not any(module.training for module in loss.train().modules())
    assert loss.backbone == "MDF sisr (Ds_SISR.pth 69ff954e399176a4), 8 scales, [0,1]"


@with_weights
def test_denoising_is_recorded_as_the_file_that_it_is():
    loss = build_loss({"mdf": {"weights": "denoising", "scales": 9, "input_range": "[-1,1]"}})
    assert loss.backbones == {"mdf": "MDF denoising (Ds_SISR.pth 69ff954e399176a4), 9 scales, [-1,1]"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_changes_neither_value_nor_gradient(dtype):
    output, target = images(12, 1, 3, 24, 20, dtype=dtype)
    networks = discriminators(4, 8, dtype=torch.float32)
    loss = MDFLoss(scales=2)
    loss.network = networks
    for measure in (loss, lambda output, target: mdf_loss(output, target, networks)):
        found = []
        for enabled in (False, True):
            leaf = output.clone().requires_grad_()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
                value = measure(leaf, target)
            value.backward()
            assert value.dtype == torch.float32
            found.append((value, leaf.grad))
        assert torch.equal(found[0][0], found[1][0])
        assert torch.equal(found[0][1], found[1][1])


@pytest.mark.slow
def test_gradients_are_right():
    output, target = images(3, 1, 3, 12, 11)
    networks = discriminators(2, 3)
    assert gradcheck(lambda image: mdf_loss(image, target, networks), output.requires_grad_())
    assert gradcheck(lambda image: mdf_loss(image, target, networks, input_range="[-1,1]", layers=["body"]), output)


@settings(max_examples=10)
@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_the_loss_of_a_batch_is_the_mean_over_its_images(batch, seed):
    output, target = images(seed, batch, 3, 13, 14)
    networks = discriminators(3, 4)
    alone = [mdf_loss(output[[n]], target[[n]], networks) for n in range(batch)]
    torch.testing.assert_close(mdf_loss(output, target, networks), torch.stack(alone).mean(), rtol=1e-9, atol=1e-12)


def test_it_is_the_sum_over_scales_and_layers():
    output, target = images(4, 2, 3, 16, 15)
    networks = discriminators(3, 4, 5)
    parts = [mdf_loss(output, target, [one], layers=[layer]) for one in networks for layer in ("head", "body", "tail")]
    assert len({round(part.item(), 9) for part in parts}) == 9
    torch.testing.assert_close(mdf_loss(output, target, networks), torch.stack(parts).sum())


def test_it_is_never_negative_and_0_for_equal_images():
    output, target = images(5, 2, 3, 16, 15)
    networks = discriminators(4)
    assert mdf_loss(output, target, networks) > 0
    assert mdf_loss(target, target, networks) == 0


def test_the_target_is_a_constant():
    output, target = images(6, 1, 3, 12, 12)
    target.requires_grad_()
    assert not mdf_loss(output, target, discriminators(2)).requires_grad


def test_bad_images_are_refused():
    networks = discriminators(2)
    with pytest.raises(ValueError, match="the MDF loss needs images of at least 11x11 pixels, not 10x12"):
        mdf_loss(*images(7, 1, 3, 10, 12), networks)
    with pytest.raises(ValueError, match="RGB images"):
        mdf_loss(*images(7, 1, 1, 12, 12), networks)
    with pytest.raises(ValueError, match="one shape"):
        mdf_loss(images(7, 1, 3, 12, 12)[0], images(7, 1, 3, 12, 13)[0], networks)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scales": 0}, "scales must be an integer of at least 1"),
        ({"input_range": "[0,255]"}, "input_range must be one of"),
        ({"layers": []}, "layers must be a list of some of head, body, tail"),
        ({"layers": "head"}, "layers must be a list"),
        ({"layers": ["head", "head"]}, "layers must be a list"),
        ({"layers": {"layers": 5}}, "layers must be a list of some of head, body, tail, not {'layers': 5}"),
        ({"layers": 5}, "layers must be a list of some of head, body, tail, not 5"),
        ({"layers": [["head"]]}, r"layers must be a list of some of head, body, tail, not \[\['head'\]\]"),
        ({"layers": ["head", 5]}, "layers must be a list"),
        ({"layers": ["haed"]}, "There is no layer 'haed': did you mean 'head'?"),
        ({"layers": ["neck"]}, "There is no layer 'neck': known are: body, head, tail"),
        ({"weights": 3}, "weights must be one of sisr, jpeg, denoising"),
        ({"weights": "../x"}, r"weights must be one of sisr, jpeg, denoising, .*, not '\.\./x'"),
    ],
)
def test_bad_parameters_are_refused_without_weights(arguments, message):
    with pytest.raises(UserError, match=f"loss term 'mdf': {message}"):
        resolve_loss({"mdf": arguments})


def test_what_the_plan_asks_of_it():
    assert required_assets({"mdf": 1}) == (("mdf_sisr",),)
    assert required_assets({"mdf": {"weights": "denoising"}}) == (("mdf_sisr",),)
    assert required_assets({"mdf": {"weights": "mdf_of_ours"}}) == ()
    assert min_patch({"mdf": 1}) == 11
    assert resolve_loss({"mdf": 0.5}).terms["mdf"].parameters["scales"] == 8


@pytest.mark.parametrize(
    ("weights", "wanted"),
    [
        ("sisr", "[0,1]"),
        ("jpeg", "[0,1]"),
        ("denoising", "[0,1]"),
        ("mdf_sr", "[-1,1]"),
        ("elsewhere/x.safetensors", "[-1,1]"),
    ],
)
def test_the_range_is_by_default_what_the_weights_are_used_or_were_trained_with(weights, wanted):
    assert MDFLoss(weights).input_range == wanted
    assert MDFLoss(weights, input_range=None).input_range == wanted
    for stated in ("[0,1]", "[-1,1]"):
        assert MDFLoss(weights, input_range=stated).input_range == stated


def test_discriminators_trained_here_are_fed_the_range_they_were_trained_with(tmp_path):
    networks = discriminators(2, 3, dtype=torch.float32)
    path = tmp_path / "ours.safetensors"
    save_file({name: value.clone() for name, value in networks.state_dict().items()}, path)
    loss = build_loss({"mdf": {"weights": str(path), "scales": 2}})
    output, target = images(11, 1, 3, 12, 13, dtype=torch.float32)
    assert loss(output, target).item() == mdf_loss(output, target, networks, input_range="[-1,1]").item()
    assert loss(output, target).item() != mdf_loss(output, target, networks).item()
    assert loss.backbones == {"mdf": f"MDF ours (ours.safetensors {sha256(path)[:16]}), 2 scales, [-1,1]"}


def test_initialised_discriminators_serve_too():
    network = SinGANDiscriminator(4).eval()
    initialise(network)
    output, target = images(9, 1, 3, 12, 12, dtype=torch.float32)
    assert mdf_loss(output, target, [network]).isfinite()
