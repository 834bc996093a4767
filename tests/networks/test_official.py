"""Golden numbers of the official implementations, and loading their checkpoints.

Each official network was run once, outside this repository, in float64 and in evaluation mode, with weights and an
image given by the rules of tests_rule.py; a few numbers of its output are written here. Sources: EDSR and
NLSN from HarukiYqM/Non-Local-Sparse-Attention@fb3d422 (whose EDSR is sanghyun-son/EDSR-PyTorch's), RRDBNet, MSRResNet
and the discriminator from XPixelGroup/BasicSR@8d56e3a, MPRNet from swz30/MPRNet@43feb2a, DnCNN from cszn/KAIR@fc1732f,
VDSR from twtygqyy/pytorch-vdsr@514b021, ESPCN from leftthomas/ESPCN@b1dd698; the last two have fixed sizes and see the
first channel alone. NLSN's random rotations were replaced by ours of step 0, and its sort by a stable one.
"""

import re

import pytest
import torch
from safetensors.torch import save_file
from tests_rule import picture, weights

from sharploss.networks import build_network
from sharploss.networks.official import OFFICIAL, load_official
from sharploss.utils.errors import UserError

EDSR = {"blocks": 2, "width": 8, "res_scale": 0.1, "rgb_range": 1}
NLSN = {"blocks": 8, "width": 16, "res_scale": 0.1, "chunk": 9, "scale": 2}
RRDB = {"blocks": 2, "width": 8, "growth": 4}
MSRRESNET = {"blocks": 2, "width": 8, "batch_norm": False}
MPRNET = {"width": 8, "unet": 4, "orsnet": 4, "blocks": 2}

# name, parameters, image size, gain of the weights, then output[0], [n // 3], [n // 2], [-1], mean, standard deviation
GOLDEN = [
    (
        "edsr",
        {**EDSR, "scale": 2},
        (5, 7),
        1,
        [0.048369124, -0.157038219, -1.683925764, 1.138840768, 0.828056438, 4.645087256],
    ),
    (
        "edsr",
        {**EDSR, "scale": 3},
        (5, 7),
        1,
        [-0.12175564, -0.25016317, 3.176170398, 0.865658095, 0.538124857, 2.619784762],
    ),
    (
        "edsr",
        {**EDSR, "scale": 4},
        (5, 7),
        1,
        [0.754886306, 0.940136636, -0.872226721, 0.855561389, 0.373349561, 4.425038842],
    ),
    (
        "edsr",
        {**EDSR, "scale": 2, "rgb_range": 255},
        (5, 7),
        1,
        [0.015902271, -0.241959762, -1.740127794, 0.988002999, 0.76058969, 4.617071946],
    ),
    ("nlsn", NLSN, (9, 10), 1, [0.468609851, 0.532283876, 0.623395571, 0.512146381, 0.496287959, 0.095379093]),
    (
        "nlsn",
        {**NLSN, "chunk": 7},
        (9, 10),
        1,
        [0.468596101, 0.532313553, 0.623425104, 0.512115644, 0.496285681, 0.09542857],
    ),
    (
        "rrdbnet",
        {**RRDB, "scale": 4},
        (5, 7),
        1,
        [7.086144256, 7.375830958, -3.28486455, -1.838624414, -0.316415007, 31.412460325],
    ),
    (
        "rrdbnet",
        {**RRDB, "scale": 2},
        (6, 8),
        1,
        [5.417725885, 5.577588987, -0.93998051, -0.022592715, -0.01307036, 12.11841367],
    ),
    (
        "rrdbnet",
        {**RRDB, "scale": 1},
        (8, 12),
        1,
        [0.690977284, 0.662061913, -0.595972741, 0.112152435, -0.127994779, 1.662836102],
    ),
    (
        "srresnet",
        {**MSRRESNET, "scale": 2},
        (5, 7),
        1,
        [-10.287747341, -12.020736221, -1.301944981, 1.475461804, 1.216383343, 25.2685322],
    ),
    (
        "srresnet",
        {**MSRRESNET, "scale": 3},
        (5, 7),
        1,
        [2.45262102, 2.52175392, -35.844422594, 0.392149209, 0.792975724, 14.789321406],
    ),
    (
        "srresnet",
        {**MSRRESNET, "scale": 4},
        (5, 7),
        1,
        [-3.315354169, -3.938270237, -0.193640912, 0.724241509, 0.820638642, 16.182298782],
    ),
    (
        "dncnn",
        {"width": 8, "depth": 5},
        (6, 7),
        1,
        [0.450422611, 0.477091951, -0.060215926, 0.799173733, 0.449596731, 0.358339158],
    ),
    (
        "dncnn",
        {"width": 8, "depth": 5, "batch_norm": False},
        (6, 7),
        1,
        [0.467732938, 0.571961904, 1.043834089, 0.308252443, -0.035396182, 1.242802192],
    ),
    (
        "vdsr",
        {"scale": 1, "channels": 1},
        (6, 7),
        0.5,
        [0.547160592, 0.026342851, 0.998823621, 0.729872682, 0.562401711, 0.360030762],
    ),
    (
        "espcn",
        {"scale": 2, "channels": 1},
        (6, 7),
        1,
        [0.484454082, 0.486239731, 0.47990384, 0.525404612, 0.506238474, 0.016357073],
    ),
    (
        "espcn",
        {"scale": 3, "channels": 1},
        (6, 7),
        1,
        [0.484454082, 0.486239731, 0.47990384, 0.474792042, 0.499985697, 0.018228885],
    ),
    (
        "espcn",
        {"scale": 4, "channels": 1},
        (6, 7),
        1,
        [0.484454082, 0.486239731, 0.47990384, 0.491067324, 0.502789783, 0.01711186],
    ),
    (
        "mprnet",
        MPRNET,
        (16, 24),
        0.5,
        [-4.073817333, -3.510485239, 13.532225566, 7.322533863, 0.239420155, 54.139127076],
    ),
]


def official_state(name, network, gain=1.0):
    ours = network.state_dict()
    return {theirs: weights(theirs, ours[key].shape, gain) for key, theirs in OFFICIAL[name](ours).items()}


def summary(output):
    flat = output.detach().flatten()
    picked = [flat[index] for index in (0, len(flat) // 3, len(flat) // 2, len(flat) - 1)]
    return torch.stack([*picked, flat.mean(), flat.std()])


@pytest.mark.parametrize(("name", "parameters", "size", "gain", "expected"), GOLDEN)
def test_the_output_is_that_of_the_official_code(tmp_path, name, parameters, size, gain, expected):
    network = build_network(name, **parameters).double().eval()
    torch.save(official_state(name, network, gain), tmp_path / "official.pth")
    load_official(name, network, tmp_path / "official.pth")
    images = picture(*size)[:, : parameters.get("channels", 3)]
    torch.testing.assert_close(summary(network(images)), torch.tensor(expected).double(), rtol=1e-6, atol=1e-7)


def test_mprnet_gives_the_three_stages_of_the_official_code_in_training():
    network = build_network("mprnet", **MPRNET).double().train()
    network.load_state_dict(
        {
            key: weights(theirs, network.state_dict()[key].shape, 0.5)
            for key, theirs in OFFICIAL["mprnet"](network.state_dict()).items()
        }
    )
    second, first = (
        torch.tensor(values).double()
        for values in (
            [0.54603476, 0.188656382, 0.312641346, -0.01160016, 0.500526394, 0.477728119],
            [0.467649651, 0.148448845, 0.237270293, 0.056103203, 0.502823249, 0.365603125],
        )
    )
    stages = network(picture(16, 24))
    torch.testing.assert_close(summary(stages[1]), second, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(summary(stages[2]), first, rtol=1e-6, atol=1e-7)


SMALL = {
    "edsr": EDSR,
    "nlsn": NLSN,
    "rrdbnet": RRDB,
    "srresnet": MSRRESNET,
    "dncnn": {"width": 4, "depth": 4},
    "mprnet": MPRNET,
    "vdsr": {"width": 4, "depth": 4, "channels": 1},
    "espcn": {"width": 4},
}


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


def loaded(name, network, state):
    """Whether a network has the values of an official state."""
    ours = network.state_dict()
    return all(torch.equal(ours[key], state[theirs]) for key, theirs in OFFICIAL[name](ours).items())


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


def constants(rgb_range, mean=(0.4488, 0.4371, 0.4040), std=1.0):
    """The tensors of the official MeanShift of images and back."""
    shift = torch.tensor(mean) * rgb_range / std
    eye = torch.eye(3).view(3, 3, 1, 1) / std
    return {"sub_mean.weight": eye, "sub_mean.bias": -shift, "add_mean.weight": eye.clone(), "add_mean.bias": shift}


SHIFTED = [("edsr", EDSR, 1), ("edsr", {**EDSR, "rgb_range": 255}, 255), ("nlsn", NLSN, 1)]
each_shifted = pytest.mark.parametrize(("name", "parameters", "rgb_range"), SHIFTED)


@each_shifted
@pytest.mark.parametrize("prefix", ["", "module.model."])
def test_constants_that_are_those_of_the_network_are_not_asked_for(tmp_path, name, parameters, rgb_range, prefix):
    network = build_network(name, **parameters).double()
    state = official_state(name, network)
    content = {**state, **constants(rgb_range)}
    torch.save({prefix + key: value for key, value in content.items()}, tmp_path / "a.pt")
    load_official(name, network, tmp_path / "a.pt")
    assert loaded(name, network, state)


@each_shifted
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (lambda r: constants(256 - r), "sub_mean.bias"),
        (lambda r: constants(r, (0.0, 0.0, 0.0)), "sub_mean.bias"),
        (lambda r: constants(r, (0.4040, 0.4371, 0.4488)), "sub_mean.bias"),
        (lambda r: constants(r, (0.485, 0.456, 0.406), 0.225), "sub_mean.weight"),
        (lambda r: constants(r, (0.4469, 0.4367, 0.4044)), "sub_mean.bias"),
        (lambda r: {"sub_mean.bias": constants(r)["add_mean.bias"]}, "sub_mean.bias"),
        (lambda r: {**constants(r), "add_mean.bias": torch.zeros(3)}, "add_mean.bias"),
        (lambda r: {"add_mean.bias": constants(r)["add_mean.bias"] * torch.nan}, "add_mean.bias"),
        (lambda r: {"sub_mean.bias": constants(r)["sub_mean.bias"][:1]}, "sub_mean.bias"),
    ],
)
def test_constants_that_contradict_the_network_are_refused(tmp_path, name, parameters, rgb_range, changes, named):
    network = build_network(name, **parameters).double()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    torch.save({**official_state(name, network), **changes(rgb_range)}, tmp_path / "a.pt")
    with pytest.raises(
        UserError, match=rf"a\.pt was trained with other constants than this {name} has: its {named} is"
    ):
        load_official(name, network, tmp_path / "a.pt")
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_the_range_that_a_file_was_trained_with_is_named(tmp_path):
    for ours, theirs in ((1, 255), (255, 1)):
        network = build_network("edsr", **{**EDSR, "rgb_range": ours})
        torch.save({**official_state("edsr", network), **constants(theirs)}, tmp_path / "a.pt")
        with pytest.raises(UserError, match=f"build the network with rgb_range={theirs}"):
            load_official("edsr", network, tmp_path / "a.pt")


@pytest.mark.parametrize("name", ["rrdbnet", "srresnet", "vdsr", "espcn", "mprnet", "dncnn"])
def test_constants_that_a_network_has_not_are_refused(tmp_path, name):
    network = build_network(name, **SMALL[name])
    torch.save({**official_state(name, network), **constants(1)}, tmp_path / "a.pt")
    with pytest.raises(UserError, match=r"'sub_mean\.weight' is there and not here"):
        load_official(name, network, tmp_path / "a.pt")


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


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(("name", "parameters"), [("edsr", EDSR), ("edsr", EDSR | {"rgb_range": 255}), ("nlsn", NLSN)])
def test_constants_may_be_rounded_as_the_weights_are(tmp_path, name, parameters, dtype):
    network = build_network(name, **parameters)
    state = {key: value.to(dtype) for key, value in official_state(name, network).items()}
    torch.save(state, tmp_path / "a.pth")
    load_official(name, network, tmp_path / "a.pth")


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
