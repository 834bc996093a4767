"""LPIPS's network, made once: the package draws hundreds of megabytes of weights first, to throw them away."""

import functools
import warnings

import pytest
import torch


@functools.cache
def lpips_network(net):
    """The network of the package lpips with weights of chance, large enough for differences to show."""
    from lpips.lpips import LPIPS

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        patch.setattr(torch.nn.Linear, "reset_parameters", lambda _: None)
        patch.setattr(torch.nn.init, "normal_", lambda tensor, *_: tensor)
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        return LPIPS(net=net, version="0.1", pnet_rand=True, verbose=False)
