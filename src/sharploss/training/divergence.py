"""Noticing that a run has diverged, without waiting for the device at every step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sharploss.losses.weighted_sum import WeightedSum
from sharploss.training.optimizers import gradient_norm


def first_nonfinite(rows: Tensor, names: Sequence[str], start: int) -> dict[str, Any] | None:
    """Find the first NaN or infinity in `rows`, (steps, terms) from step `start` on: its term and step, or None."""
    bad = (~rows.isfinite()).nonzero()
    if len(bad) == 0:
        return None
    row, column = (int(value) for value in bad[0])
    return {"term": names[column], "step": start + row}


def nonfinite_weights(networks: Mapping[str, nn.Module], step: int) -> dict[str, Any] | None:
    """Check the weights of networks, by their names, too: the last step can ruin them without any term showing it."""
    for name, network in networks.items():
        if not bool(torch.stack([parameter.detach().isfinite().all() for parameter in network.parameters()]).all()):
            return {"term": name, "step": step}
    return None


def find_diverged_term(
    diverged: dict[str, Any],
    last_network: Callable[[], tuple[nn.Module, int]],
    loss: WeightedSum,
    batch: Callable[[int], tuple[Tensor, Tensor]],
) -> dict[str, Any]:
    """Find the term whose gradient became non-finite a step before anything else (that of a root does so at 0).

    Terms are tried one by one on the batch of the step before, with the last network that was saved; where all their
    gradients are finite, it is what was `diverged`.
    """
    step = diverged["step"] - (0 if diverged["term"].endswith("weights") else 1)
    if step < 0:
        return diverged
    input, target = batch(step)
    network = last_network()[0].to(input.device)
    for name in loss.weights:
        network.zero_grad(set_to_none=True)
        term = loss.terms(network(input), target)[name]
        if term.requires_grad and term.isfinite():
            term.backward()
            if not gradient_norm(network).isfinite():
                return {"term": f"gradient of {name}", "step": step}
    return diverged
