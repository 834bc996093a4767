import os

import pytest
import torch
from safetensors.torch import save, save_file

from sharploss.assets.fetch import AssetMissingError
from sharploss.losses import build_loss
from sharploss.mdf.networks import SinGANDiscriminator
from sharploss.mdf.weights import build, load_discriminators, official_tensors
from sharploss.utils.checksum import add_checksum
from sharploss.utils.errors import UserError

MIRROR = os.environ.get("SHARPLOSS_MIRROR")
with_weights = pytest.mark.skipif(not MIRROR, reason="SHARPLOSS_MIRROR is not set: no discriminators of the authors")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path / "cache"))


def trained(*widths):
    networks = torch.nn.ModuleList(SinGANDiscriminator(width) for width in widths)
    return {name: value.clone() for name, value in networks.state_dict().items()}


@with_weights
def test_the_authors_file_is_named_by_its_sum():
    assert official_tensors("mdf_jpeg")[1] == "Ds_JPEG.pth 6eee1fbf452c7789"


@with_weights
def test_no_cache_is_needed(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path / "file"))
    assert len(load_discriminators("jpeg", 8)[0]) == 8


@with_weights
def test_denoising_is_sisr_and_jpeg_is_not():
    sisr, denoising, jpeg = (
        load_discriminators(name, 1)[0][0].head.conv.weight for name in ("sisr", "denoising", "jpeg")
    )
    assert torch.equal(sisr, denoising)
    assert not torch.equal(sisr, jpeg)


@with_weights
def test_more_scales_than_there_are():
    with pytest.raises(UserError, match="the authors' weights 'jpeg' has 8 discriminators, not 9: set 'scales' to 8"):
        load_discriminators("jpeg", 9)


def test_weights_that_cannot_be_had(monkeypatch):
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)
    with pytest.raises(AssetMissingError, match=r"Ds_SISR\.pth"):
        build_loss({"mdf": 1})


def test_self_trained_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results/weights/extractors"
    folder.mkdir(parents=True)
    state = trained(4, 6)
    save_file(state, folder / "ours.safetensors")
    networks, _ = load_discriminators(str(folder / "ours.safetensors"), 2)
    assert [network.head.conv.out_channels for network in networks] == [4, 6]
    assert torch.equal(networks[1].tail.weight, state["1.tail.weight"])
    assert not list(networks.parameters())
    loss = build_loss({"mdf": {"weights": str(folder / "ours.safetensors"), "scales": 1}})
    assert loss(torch.rand(1, 3, 12, 12), torch.rand(1, 3, 12, 12)) > 0


def test_self_trained_weights_that_do_not_match_their_checksum_are_refused(tmp_path):
    path, content = tmp_path / "ours.safetensors", bytearray(add_checksum(save(trained(4))))
    path.write_bytes(content)
    load_discriminators(str(path), 1)
    content[-1] ^= 1  # one bit of a number: safetensors sees nothing wrong
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"ours\.safetensors is damaged \(it does not match its sha256\)"):
        load_discriminators(str(path), 1)


def test_missing_self_trained_weights_say_how_to_make_them():
    with pytest.raises(UserError, match=r"ours\.safetensors is missing: run 'python -P pipelines/extract\.py ours'"):
        load_discriminators("ours", 4)
    with pytest.raises(UserError, match=r"a/ours\.safetensors is missing: check the path, or set 'weights' to one of"):
        load_discriminators("a/ours.safetensors", 4)


@pytest.mark.parametrize("old", [False, True])
def test_a_pytorch_file_by_another_name_is_said_to_be_one(tmp_path, old):
    path = tmp_path / "ours.safetensors"
    torch.save({"0.head.conv.weight": torch.zeros(2)}, path, _use_new_zipfile_serialization=not old)
    with pytest.raises(UserError, match=r"ours\.safetensors is a pickle, no safetensors file"):
        load_discriminators(str(path), 1)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"no safetensors")
    with pytest.raises(UserError, match=r"x\.safetensors is damaged"):
        load_discriminators(str(path), 1)
    save_file({"weight": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="holds no discriminators"):
        load_discriminators(str(path), 1)
    broken = trained(4)
    del broken["0.tail.bias"]
    with pytest.raises(UserError, match=r"does not fit MDF's discriminator 0 .*tail\.bias"):
        build(broken, 1, "x")
    with pytest.raises(UserError, match="x has 1 discriminators, not 2"):
        build(trained(4), 2, "x")


@with_weights
def test_the_authors_names_are_those_of_the_networks():
    tensors, _ = official_tensors("mdf_sisr")
    assert {name.split(".", 1)[0] for name in tensors} == set("012345678")
    assert {name.split(".", 1)[1] for name in tensors} == set(SinGANDiscriminator(32).state_dict())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_discriminators_that_are_not_finite_are_refused(value):
    tensors = trained(4, 4)
    tensors["1.body.block2.norm.running_var"][0] = value
    build(tensors, 1, "x")
    with pytest.raises(UserError, match="x has values that are not finite in MDF's discriminator 1"):
        build(tensors, 2, "x")
