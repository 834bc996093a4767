"""Golden numbers of the official implementations.

Each official network was run once, outside this repository, in float64 and in evaluation mode, with weights and an
image given by the rules of tests_rule.py; a few numbers of its output are written here. Sources: EDSR and
NLSN from HarukiYqM/Non-Local-Sparse-Attention@fb3d422 (whose EDSR is sanghyun-son/EDSR-PyTorch's), RRDBNet, MSRResNet
and the discriminator from XPixelGroup/BasicSR@8d56e3a, MPRNet from swz30/MPRNet@43feb2a, DnCNN from cszn/KAIR@fc1732f,
VDSR from twtygqyy/pytorch-vdsr@514b021, ESPCN from leftthomas/ESPCN@b1dd698; the last two have fixed sizes and see the
first channel alone. NLSN's random rotations were replaced by ours of step 0, and its sort by a stable one.
"""

import pytest
import torch
from official_states import EDSR, MPRNET, MSRRESNET, NLSN, RRDB, official_state
from tests_rule import picture, weights

from sharploss.networks import build_network
from sharploss.networks.official import OFFICIAL, load_official

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
