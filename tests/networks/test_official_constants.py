"""Checkpoints that hold the mean and range of images as weights, which are constants of our EDSR and NLSN."""

import pytest
import torch
from official_states import EDSR, NLSN, SMALL, constants, loaded, official_state

from sharploss.networks import build_network
from sharploss.networks.official import load_official
from sharploss.utils.errors import UserError

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


@each_shifted
@pytest.mark.parametrize("absent", [["sub_mean.bias"], ["add_mean.weight", "add_mean.bias"], list(constants(1))])
def test_constants_that_a_file_does_not_state_are_named(tmp_path, name, parameters, rgb_range, absent):
    network = build_network(name, **parameters).double()
    state = official_state(name, network)
    torch.save({key: value for key, value in state.items() if key not in absent}, tmp_path / "a.pt")
    mean = rf"\[{0.4488 * rgb_range:.4g}\d*, "
    with pytest.warns(UserWarning, match=rf"a\.pt has no {', '.join(absent)}, .* a mean of {mean}.*, {name} restores"):
        load_official(name, network, tmp_path / "a.pt")
    assert loaded(name, network, state)


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


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(("name", "parameters"), [("edsr", EDSR), ("edsr", EDSR | {"rgb_range": 255}), ("nlsn", NLSN)])
def test_constants_may_be_rounded_as_the_weights_are(tmp_path, name, parameters, dtype):
    network = build_network(name, **parameters)
    state = {key: value.to(dtype) for key, value in official_state(name, network).items()}
    torch.save(state, tmp_path / "a.pth")
    load_official(name, network, tmp_path / "a.pth")
