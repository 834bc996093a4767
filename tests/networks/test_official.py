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


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"params_ema": s}, lambda s: {"epoch": 3, "state_dict": s}])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_wrapped_checkpoints_load(tmp_path, wrap, prefix):
    network = build_network("rrdbnet", **RRDB).double()
    state = official_state("rrdbnet", network)
    torch.save(wrap({prefix + key: value for key, value in state.items()}), tmp_path / "a.pth")
    load_official("rrdbnet", network, tmp_path / "a.pth")
    assert torch.equal(network.state_dict()["conv_first.weight"], state["conv_first.weight"])


def test_the_constant_means_of_edsr_are_ignored(tmp_path):
    network = build_network("edsr", **EDSR).double()
    extra = {"sub_mean.weight": torch.eye(3).view(3, 3, 1, 1), "add_mean.bias": torch.zeros(3)}
    torch.save({**official_state("edsr", network), **extra}, tmp_path / "a.pt")
    load_official("edsr", network, tmp_path / "a.pt")


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


@pytest.mark.parametrize("state", [{0: torch.zeros(2)}, {"head.0.weight": torch.zeros(2, dtype=torch.int8)}])
def test_what_is_no_state_of_weights_is_told(tmp_path, state):
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(UserError, match="holds no state dict"):
        load_official("edsr", build_network("edsr", **EDSR), tmp_path / "a.pth")


def test_no_such_file_no_state_dict_no_such_network(tmp_path):
    network = build_network("edsr", **EDSR)
    with pytest.raises(UserError, match="There is no checkpoint"):
        load_official("edsr", network, tmp_path / "none.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(UserError, match="holds no state dict"):
        load_official("edsr", network, tmp_path / "list.pt")
    with pytest.raises(UserError, match="edsr"):
        load_official("edrs", network, tmp_path / "list.pt")
