"""Small networks, and states of theirs under the names of the official codes."""

import torch
from tests_rule import weights

from sharploss.networks.official import OFFICIAL

EDSR = {"blocks": 2, "width": 8, "res_scale": 0.1, "rgb_range": 1}
NLSN = {"blocks": 8, "width": 16, "res_scale": 0.1, "chunk": 9, "scale": 2}
RRDB = {"blocks": 2, "width": 8, "growth": 4}
MSRRESNET = {"blocks": 2, "width": 8, "batch_norm": False}
MPRNET = {"width": 8, "unet": 4, "orsnet": 4, "blocks": 2}
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


def constants(rgb_range, mean=(0.4488, 0.4371, 0.4040), std=1.0):
    """The tensors of the official MeanShift of images and back."""
    shift = torch.tensor(mean) * rgb_range / std
    eye = torch.eye(3).view(3, 3, 1, 1) / std
    return {"sub_mean.weight": eye, "sub_mean.bias": -shift, "add_mean.weight": eye.clone(), "add_mean.bias": shift}


def official_state(name, network, gain=1.0):
    ours = network.state_dict()
    shift = constants(getattr(network, "rgb_range", 1)) if name in ("edsr", "nlsn") else {}
    return {theirs: weights(theirs, ours[key].shape, gain) for key, theirs in OFFICIAL[name](ours).items()} | shift


def loaded(name, network, state):
    """Whether a network has the values of an official state."""
    ours = network.state_dict()
    return all(torch.equal(ours[key], state[theirs]) for key, theirs in OFFICIAL[name](ours).items())
