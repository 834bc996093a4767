"""Torch's optimisers without their marks for torch's compiler, and the size of gradients.

Outside of a compiled function the marks do nothing, but the first call imports the compiler: a second of a training.
"""

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

MARKED = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")


def _unmarked(kind: type[torch.optim.Optimizer]) -> Any:
    """Derive an optimiser whose methods are those of `kind`, as they are below the marks."""
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in MARKED}
    # A mark of `step` also turns gradients off.
    return type(kind.__name__, (kind,), {**methods, "step": torch.no_grad()(inspect.unwrap(kind.step))})


Adam: type[torch.optim.Adam] = _unmarked(torch.optim.Adam)
SGD: type[torch.optim.SGD] = _unmarked(torch.optim.SGD)


def gradient_norm(network: nn.Module) -> Tensor:
    """Return the L2 norm of all gradients of a network, a scalar on its device."""
    return get_total_norm([parameter.grad for parameter in network.parameters() if parameter.grad is not None])


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next step; in place where it is a tensor, which a CUDA graph reads."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def descend(network: nn.Module, optimizer: torch.optim.Optimizer, clip_norm: float | None) -> None:
    """Do one step of the optimiser, the gradient's norm clipped where asked."""
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
    optimizer.step()
