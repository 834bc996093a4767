"""Losses on trained networks load their weights in the first call, and move with the module from then on."""

import copy

import pytest
import torch
from backbone import random_alexnet, random_vgg
from safetensors.torch import save_file
from torch import nn

from sharploss.assets.fetch import AssetMissingError
from sharploss.losses import LPIPSLoss, MDFLoss, TextureLoss, VGGLoss
from sharploss.mdf.networks import SinGANDiscriminator

NAMES = ("vgg", "vgg16", "texture", "lpips", "mdf")
pytestmark = pytest.mark.usefixtures("lpips_at_once")
each = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def make(monkeypatch, tmp_path):
    """A function that makes a loss by name; its weights are random and can be had."""
    torch.manual_seed(4)
    networks = nn.ModuleList(SinGANDiscriminator(width) for width in (2, 3))
    path = tmp_path / "ours.safetensors"
    save_file({name: value.clone() for name, value in networks.state_dict().items()}, path)
    for module, weights in (("vgg_features", random_vgg), ("lpips", random_alexnet)):
        monkeypatch.setattr(
            f"sharploss.losses.{module}.read_weights",
            lambda assets, weights=weights: (
                assets[0],
                weights("vgg16") if "vgg16_torchvision" in assets else weights(),
            ),
        )
    return {
        "vgg": lambda: VGGLoss({"pool2": 1}),
        "vgg16": lambda: VGGLoss({"relu2_2": 1}, network="vgg16"),
        "texture": lambda: TextureLoss({"conv1_2": 1}),
        "lpips": LPIPSLoss,
        "mdf": lambda: MDFLoss(str(path), scales=2),
    }.__getitem__


def pair(dtype=torch.float32):
    return torch.rand(2, 2, 3, 32, 36, generator=torch.Generator().manual_seed(1)).to(dtype)


@each
def test_the_first_call_loads_and_has_the_value_of_a_loaded_loss(name, make):
    early, late = make(name)(), make(name)()
    early.load()
    assert late.backbone == ""
    assert torch.equal(late(*pair()), early(*pair()))
    assert late.backbone == early.backbone != ""
    network = late.network
    late(*pair())
    assert late.network is network


@each
@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
def test_what_was_loaded_without_gradients_has_them_later(name, make, mode):
    loss, (output, target) = make(name)(), pair()
    with mode():
        first = loss(output, target)
    output.requires_grad_()
    again = loss(output, target)
    again.backward()
    assert torch.equal(first, again.detach())
    assert output.grad.abs().sum() > 0


@each
def test_what_was_loaded_in_a_call_moves_with_the_module_and_is_not_stored(name, make):
    loss = nn.Sequential(make(name)())
    loss[0](*pair())
    assert not loss.state_dict()
    assert not list(loss.parameters())
    again = copy.deepcopy(loss)
    assert torch.equal(again[0](*pair()), loss[0](*pair()))
    assert loss.double()[0](*pair(torch.float64)).dtype == torch.float64
    assert {buffer.device.type for buffer in loss.to("meta").buffers()} == {"meta"}
    assert loss[0](*pair().to("meta")).is_meta
    with pytest.raises(ValueError, match=r"is on meta and the images on cpu: call its to\('cpu'\)\."):
        loss[0](*pair())


@each
@pytest.mark.parametrize("mode", [True, False])
def test_the_mode_neither_keeps_from_loading_nor_changes_the_value(name, make, mode):
    expected = make(name)()(*pair())
    loss = make(name)().train(mode)
    assert torch.equal(loss(*pair()), expected)
    assert torch.equal(loss.train(not mode)(*pair()), expected)


@each
def test_it_loads_onto_the_images_device_without_gradients_or_autocast(name, make):
    loss = make(name)()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(*pair())
    assert torch.equal(inside, make(name)()(*pair()))
    assert {weight.device.type for weight in loss.buffers()} == {"cpu"}
    output = pair()[0].requires_grad_()
    loss(output, pair()[1]).backward()
    assert output.grad.abs().sum() > 0


@each
def test_wrong_images_are_refused_before_anything_is_loaded(name, make):
    loss = make(name)()
    for images in (pair() * 255, pair()[:, :0], pair().byte()):
        with pytest.raises(ValueError, match=r"output|target"):
            loss(*images)
    assert loss.network is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg", "mdf"])
def test_compiled_code_loads_outside_of_the_graph_or_asks_for_load(name, make):
    loss = make(name)()
    expected = make(name)()(*pair())
    torch.testing.assert_close(torch.compile(loss, backend="eager")(*pair()), expected)
    torch._dynamo.reset()
    with pytest.raises(Exception, match=r"call its load\(\) before"):
        torch.compile(make(name)(), backend="eager", fullgraph=True)(*pair())


def test_weights_that_cannot_be_had_are_named_in_the_first_call(monkeypatch, tmp_path):
    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path))
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    for loss, file in ((VGGLoss(), "vgg19-dcbb9e9d.pth"), (MDFLoss(), "Ds_SISR.pth"), (LPIPSLoss("vgg"), "vgg16")):
        with pytest.raises(AssetMissingError, match=file):
            loss(*pair())
