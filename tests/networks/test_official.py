"""Loading the checkpoints of the official implementations."""

import re

import pytest
import torch
from official_states import EDSR, RRDB, SMALL, loaded, official_state
from safetensors.torch import save_file

from sharploss.networks import build_network
from sharploss.networks.official import OFFICIAL, load_official
from sharploss.utils.errors import UserError


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_official_name_is_used_once(name):
    ours = build_network(name, **SMALL[name]).state_dict()
    names = OFFICIAL[name](ours)
    assert names.keys() == ours.keys()
    assert len(set(names.values())) == len(names)


def test_names_of_vdsr_are_those_of_the_official_code():
    names = OFFICIAL["vdsr"](build_network("vdsr", width=4, depth=4).state_dict())
    assert list(names.values()) == [
        "input.weight",
        "residual_layer.0.conv.weight",
        "residual_layer.1.conv.weight",
        "output.weight",
    ]


PLACES = (
    (),
    ("params",),
    ("params_ema",),
    ("state_dict",),
    ("model_state_dict",),
    ("generator",),
    ("net_g", "params"),
    ("models", "net_g", "state_dict"),
    ("a name of its own",),
)
PREFIXES = ("", "module.", "_orig_mod.", "model.", "net_g.", "module._orig_mod.", "generator.module.net.", "netG.")


@pytest.mark.parametrize(("turn", "name"), enumerate(["rrdbnet", "edsr", "espcn", "dncnn"]))
def test_weights_load_from_any_depth_and_behind_any_prefix(tmp_path, turn, name):
    """Every place and every prefix of every network, each prefix at another place for each network."""
    network = build_network(name, **SMALL[name]).double()
    state = official_state(name, network)
    for index in range(max(len(PLACES), len(PREFIXES))):
        place, prefix = PLACES[index % len(PLACES)], PREFIXES[(index + turn) % len(PREFIXES)]
        content = {prefix + key: value for key, value in state.items()}
        for key in reversed(place):
            content = {key: content, "epoch": 3, "optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}}}
        torch.save(content, tmp_path / "a.pth")
        other = build_network(name, **SMALL[name]).double()
        load_official(name, other, tmp_path / "a.pth")
        assert loaded(name, other, state), (place, prefix)


@pytest.mark.parametrize("wrapped", ["body", "conv_body", "body.1", ""])
def test_a_network_that_was_compiled_in_part_loads(tmp_path, wrapped):
    network = build_network("rrdbnet", **RRDB).double()
    state = official_state("rrdbnet", network)
    mark = f"{wrapped}._orig_mod." if wrapped else "_orig_mod."
    renamed = {re.sub(rf"^{wrapped}\.?", mark, key) if key.startswith(wrapped) else key: state[key] for key in state}
    torch.save({"net": renamed}, tmp_path / "a.pth")
    load_official("rrdbnet", network, tmp_path / "a.pth")
    assert loaded("rrdbnet", network, state)


def test_torchs_averaged_model_loads(tmp_path):
    network = build_network("rrdbnet", **RRDB).double()
    average = torch.optim.swa_utils.AveragedModel(network)
    torch.save(average.state_dict(), tmp_path / "a.pth")
    other = build_network("rrdbnet", **RRDB).double()
    load_official("rrdbnet", other, tmp_path / "a.pth")
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("names", [("params", "params_ema"), ("net_g_ema", "net_g"), ("ema", "model")])
def test_of_several_sets_the_averaged_one_is_taken(tmp_path, names):
    network = build_network("espcn", width=4).double()
    state = official_state("espcn", network)
    content = {name: state if "ema" in name else {key: value + 1 for key, value in state.items()} for name in names}
    torch.save(content, tmp_path / "a.pth")
    load_official("espcn", network, tmp_path / "a.pth")
    assert loaded("espcn", network, state)


def test_two_networks_of_which_neither_is_an_average_are_refused_unless_they_are_equal(tmp_path):
    network = build_network("espcn", width=4).double()
    state = official_state("espcn", network)
    torch.save({"best": state, "last": dict(state)}, tmp_path / "a.pth")
    load_official("espcn", network, tmp_path / "a.pth")
    torch.save({"best": state, "last": {key: value + 1 for key, value in state.items()}}, tmp_path / "a.pth")
    with pytest.raises(UserError, match=r"holds several networks \(best\., last\.\): save the one that you mean alone"):
        load_official("espcn", network, tmp_path / "a.pth")


@pytest.mark.parametrize("file", ["a.pth", "a.pt", "a.safetensors", "a"])
def test_a_files_content_counts_and_not_its_name(tmp_path, file):
    network = build_network("rrdbnet", **RRDB)
    state = {key: value.float() for key, value in official_state("rrdbnet", network).items()}
    writers = (
        lambda: save_file(state, tmp_path / file),
        lambda: torch.save(state, tmp_path / file),
        lambda: torch.save({"params": state}, tmp_path / file, _use_new_zipfile_serialization=False),
    )
    for write in writers:
        write()
        other = build_network("rrdbnet", **RRDB)
        load_official("rrdbnet", other, tmp_path / file)
        assert loaded("rrdbnet", other, state)


@pytest.mark.parametrize("name", OFFICIAL)
def test_weights_that_are_not_finite_are_refused_by_name(tmp_path, name):
    network = build_network(name, **SMALL[name])
    state = official_state(name, network)
    key = list(state)[len(state) // 2]
    while not state[key].is_floating_point():
        key = list(state)[list(state).index(key) - 1]
    for value in (torch.nan, torch.inf, -torch.inf, 1e300):
        state[key].view(-1)[-1] = value
        torch.save(state, tmp_path / "a.pt")
        with pytest.raises(UserError, match=rf"a\.pt holds weights that are not finite \('{re.escape(key)}'\)"):
            load_official(name, network, tmp_path / "a.pt")


def test_a_checkpoint_of_another_variant_is_told(tmp_path):
    torch.save(official_state("edsr", build_network("edsr", **EDSR)), tmp_path / "a.pt")
    network = build_network("edsr", **{**EDSR, "width": 12})
    with pytest.raises(UserError, match=r"another variant of edsr: 'head.0.weight' is \(8, 3, 3, 3\) there and \(12, "):
        load_official("edsr", network, tmp_path / "a.pt")
    with pytest.raises(UserError, match=r"'body.2.body.0.weight' is missing"):
        load_official("edsr", build_network("edsr", **{**EDSR, "blocks": 3, "width": 8}), tmp_path / "a.pt")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_a_damaged_checkpoint_is_told(tmp_path, content):
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.pt cannot be read"):
        load_official("edsr", build_network("edsr", **EDSR), tmp_path / "a.pt")


class Malicious:
    def __reduce__(self):
        return (print, ("executed",))


def test_nothing_in_a_checkpoint_is_executed(tmp_path, capsys):
    torch.save({"head.0.weight": Malicious()}, tmp_path / "a.pt")
    with pytest.raises(UserError, match="cannot be read"):
        load_official("edsr", build_network("edsr", **EDSR), tmp_path / "a.pt")
    assert "executed" not in capsys.readouterr().out


def test_the_files_that_esrgan_was_released_in_load(tmp_path):
    """xinntao/ESRGAN's names, which differ from BasicSR's."""
    network = build_network("rrdbnet", **RRDB).double()
    state = official_state("rrdbnet", network)
    old = {}
    for key, value in state.items():
        name = re.sub(r"^body\.(\d+)\.rdb(\d)", r"RRDB_trunk.\1.RDB\2", key)
        for new, released in (("conv_body", "trunk_conv"), ("conv_up", "upconv"), ("conv_hr", "HRconv")):
            name = name.replace(new, released)
        old[name] = value
    assert {"RRDB_trunk.1.RDB3.conv5.bias", "trunk_conv.weight", "upconv2.weight", "HRconv.bias"} <= old.keys()
    torch.save(old, tmp_path / "RRDB_ESRGAN_x4.pth")
    load_official("rrdbnet", network, tmp_path / "RRDB_ESRGAN_x4.pth")
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def test_counters_that_old_files_lack_are_not_asked_for(tmp_path):
    network = build_network("dncnn", width=4, depth=4, batch_norm=True)
    state = official_state("dncnn", network)
    assert any(key.endswith("num_batches_tracked") for key in state)
    torch.save({key: value for key, value in state.items() if "tracked" not in key}, tmp_path / "a.pth")
    load_official("dncnn", network, tmp_path / "a.pth")


def test_what_has_no_official_checkpoint_is_told(tmp_path):
    torch.save({"conv_first.weight": torch.zeros(1)}, tmp_path / "a.pth")
    with pytest.raises(UserError, match="SRResNet has no official checkpoint: build it with batch_norm=False"):
        load_official("srresnet", build_network("srresnet", width=4, blocks=1), tmp_path / "a.pth")


def test_what_is_no_state_of_weights_is_told(tmp_path):
    torch.save({0: torch.zeros(2)}, tmp_path / "a.pth")
    with pytest.raises(UserError, match="holds no state dict"):
        load_official("edsr", build_network("edsr", **EDSR), tmp_path / "a.pth")


@pytest.mark.parametrize("name", ["body.0.layers.0.weight", "a.counter"])
@pytest.mark.parametrize(
    "spoil", [torch.Tensor.char, torch.Tensor.cfloat, torch.Tensor.to_sparse, lambda x: x.to("meta")]
)
def test_tensors_that_are_no_plain_weights_are_named(tmp_path, name, spoil):
    network = build_network("edsr", **EDSR)
    key = OFFICIAL["edsr"](network.state_dict()).get(name, name)
    state = official_state("edsr", network)
    torch.save(state | {key: spoil(state.get(key, torch.ones(2)))}, tmp_path / "a.pth")
    with pytest.raises(UserError, match=f"'{key}' holds no floating-point weights"):
        load_official("edsr", network, tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("place", "averaged"),
    [
        *((place, True) for place in ("ema", "params_ema", "emaModel", "net_gEMA", "modelEma", "EMA_net")),
        *((place, False) for place in ("schema", "SCHEMA", "demand", "emanet", "x.remap")),
    ],
)
def test_averaged_weights_are_known_by_a_whole_word(tmp_path, place, averaged):
    network = build_network("dncnn", width=4, depth=4)
    state = official_state("dncnn", network)
    torch.save({"other": {key: value * 0 for key, value in state.items()}, place: state}, tmp_path / "a.pth")
    if averaged:
        load_official("dncnn", network, tmp_path / "a.pth")
        assert all(value.equal(state[key]) for key, value in official_state("dncnn", network).items())
    else:
        with pytest.raises(UserError, match="holds several networks"):
            load_official("dncnn", network, tmp_path / "a.pth")


def test_no_such_file_no_state_dict_no_such_network(tmp_path):
    network = build_network("edsr", **EDSR)
    with pytest.raises(UserError, match="There is no checkpoint"):
        load_official("edsr", network, tmp_path / "none.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(UserError, match="holds no state dict"):
        load_official("edsr", network, tmp_path / "list.pt")
    with pytest.raises(UserError, match="edsr"):
        load_official("edrs", network, tmp_path / "list.pt")
