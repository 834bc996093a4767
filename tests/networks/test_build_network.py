"""What every network must satisfy; a new network is one row here."""

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sharploss.networks import NETWORKS, build_network
from sharploss.utils.errors import UserError

SMALL = {
    "dncnn": {"width": 4, "depth": 4},
    "edsr": {"blocks": 2, "width": 4},
    "espcn": {"width": 4},
    "mprnet": {"width": 8, "unet": 4, "orsnet": 4, "blocks": 1, "reduction": 1},
    "nlsn": {"blocks": 1, "width": 8, "chunk": 12},
    "nonbn_resg": {"blocks": 3, "width": 4},
    "resg": {"blocks": 3, "width": 4},
    "rrdbnet": {"blocks": 1, "width": 4, "growth": 2},
    "srresnet": {"blocks": 1, "width": 4},
    "stackedg": {"blocks": 2, "width": 4},
    "vdsr": {"width": 4, "depth": 3},
}
SCALES = dict.fromkeys(SMALL, (1, 2, 3, 4)) | {"espcn": (2, 3, 4), "mprnet": (1,)}
each_network = pytest.mark.parametrize("name", SMALL)


def small(name, seed=0, **parameters):
    torch.manual_seed(seed)
    return build_network(name, **SMALL[name], **parameters)


def stages(output):
    """The output of a network in training: MPRNet gives that of every stage."""
    return torch.stack(output) if isinstance(output, tuple) else output


def test_every_network_is_here():
    assert SMALL.keys() == NETWORKS.keys()


@pytest.mark.parametrize(
    ("name", "scale", "count"),
    [
        ("dncnn", 1, 670_531),
        ("edsr", 4, 43_089_923),
        ("espcn", 4, 37_200),
        ("mprnet", 1, 20_127_073),
        ("nlsn", 4, 44_156_483),
        ("rrdbnet", 4, 16_697_987),
        ("srresnet", 4, 1_549_462),
        ("vdsr", 4, 667_008),
    ],
)
def test_the_defaults_are_the_papers_own_sizes(name, scale, count):
    """For three channels; test_<network> has the other published variants."""
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in build_network(name, scale=scale).parameters()) == count


@each_network
@settings(max_examples=8)
@given(
    data=st.data(),
    channels=st.sampled_from([1, 3]),
    size=st.tuples(st.integers(1, 3), st.integers(1, 17), st.integers(1, 17)),
)
def test_the_output_is_scale_times_as_large(name, data, channels, size):
    scale = data.draw(st.sampled_from(SCALES[name]))
    batch, height, width = size
    network = small(name, scale=scale, channels=channels).eval()
    output = network(torch.rand(batch, channels, height, width))
    assert output.shape == (batch, channels, scale * height, scale * width)
    assert output.dtype == torch.float32
    assert output.isfinite().all()


@each_network
def test_every_parameter_gets_a_gradient(name):
    network = small(name)
    stages(network(torch.rand(2, 3, 9, 9))).square().mean().backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


@each_network
def test_every_image_of_a_batch_is_restored_for_itself(name):
    network, images = small(name).double().eval(), torch.rand(3, 3, 6, 7, dtype=torch.float64)
    torch.testing.assert_close(network(images)[1:2], network(images[1:2]))


@each_network
def test_the_seed_alone_decides_the_initial_weights(name):
    first, again, other = small(name).eval(), small(name).eval(), small(name, seed=1).eval()
    images = torch.rand(1, 3, 8, 8)
    assert torch.equal(first(images), again(images))
    assert not torch.equal(first(images), other(images))


@each_network
def test_weights_travel_by_state_dict(name):
    first, second, images = small(name).eval(), small(name, seed=1).eval(), torch.rand(1, 3, 8, 8)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(images), second(images))


@each_network
def test_layouts_agree(name):
    network, images = small(name).eval(), torch.rand(2, 3, 8, 9)
    expected = network(images)
    last = network.to(memory_format=torch.channels_last)(images.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(last, expected, rtol=1e-4, atol=1e-5)


@each_network
def test_deterministic_algorithms_suffice(name):
    torch.set_deterministic_debug_mode("error")
    stages(small(name)(torch.rand(2, 3, 8, 8))).mean().backward()


@each_network
def test_images_of_other_channels_are_refused(name):
    with pytest.raises(ValueError, match=r"images \(N, 3, h, w\), not \(1, 1, 8, 8\)"):
        small(name)(torch.rand(1, 1, 8, 8))


@each_network
def test_impossible_scales_are_refused_by_all(name):
    known = f"network '{name}': scale must be one of {', '.join(map(str, SCALES[name]))}"
    for scale in (0, 5, -2, "4", True, None):
        with pytest.raises(UserError, match=re.escape(f"{known}, not {scale!r}.")):
            build_network(name, scale=scale)


@each_network
def test_fractions_are_no_scales(name):
    with pytest.raises(UserError, match="scale must be an integer of at least"):
        build_network(name, scale=float(SCALES[name][0]))


@each_network
def test_impossible_widths_are_refused_by_all(name):
    for width in (0, -1, 1.5):
        with pytest.raises(UserError, match=re.escape(f"network '{name}': width must be an integer of at least ")):
            build_network(name, width=width)


@each_network
def test_inputs_smaller_than_what_the_network_sees_are_restored_all_the_same(name):
    """Nothing is refused: convolutions pad, MPRNet and RRDBNet repeat the border, NLSN has one chunk."""
    network = small(name).eval()
    for size in [(1, 1), (1, 9), (7, 2)]:
        assert network(torch.rand(1, 3, *size)).isfinite().all()


@each_network
def test_images_without_pixels_are_refused(name):
    for size in [(0, 8), (8, 0)]:
        with pytest.raises((ValueError, RuntimeError)):
            small(name)(torch.rand(1, 3, *size))


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("esdr", {}, "There is no network 'esdr': did you mean 'edsr'?"),
        ("edsr", {"block": 4}, "network 'edsr': There is no parameter 'block': did you mean 'blocks'?"),
        ("vdsr", {"scale": 5}, "network 'vdsr': scale must be one of 1, 2, 3, 4, not 5."),
        ("mprnet", {"scale": 2}, "network 'mprnet': scale must be one of 1, not 2."),
        ("nlsn", {"width": 2}, "network 'nlsn': width must be an integer of at least 4, not 2."),
        ("dncnn", {"depth": 1}, "network 'dncnn': depth must be an integer of at least 2, not 1."),
        ("espcn", {"width": 0}, "network 'espcn': width must be an integer of at least 2, not 0."),
        ("edsr", {"res_scale": "1e-1"}, "(text: in YAML write 0.1)."),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(name, parameters, message):
    with pytest.raises(UserError, match=re.escape(message)):
        build_network(name, **parameters)
