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


def official_state(name, network, gain=1.0):
    ours = network.state_dict()
    return {theirs: weights(theirs, ours[key].shape, gain) for key, theirs in OFFICIAL[name](ours).items()}


def loaded(name, network, state):
    """Whether a network has the values of an official state."""
    ours = network.state_dict()
    return all(torch.equal(ours[key], state[theirs]) for key, theirs in OFFICIAL[name](ours).items())
