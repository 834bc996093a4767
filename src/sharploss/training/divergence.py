"""Noticing that a run has diverged, without waiting for the device at every step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sharploss.losses.weighted_sum import WeightedSum
from sharploss.training.optimizers import gradient_norm


def first_nonfinite(rows: Tensor, names: Sequence[str], start: int) -> dict[str, Any] | None:
    """Find the first NaN or infinity among logged terms.

    Args:
        rows: (steps, terms) on the CPU; a row holds the terms of one step.
        names: the terms' names, in the order of the columns.
        start: the step of the first row, counted from 0.

    Returns:
        The term and its step, or None where all are finite.
    """
    bad = (~rows.isfinite()).nonzero()
    if len(bad) == 0:
        return None
    row, column = (int(value) for value in bad[0])
    return {"term": names[column], "step": start + row}


def nonfinite_weights(networks: Mapping[str, nn.Module], step: int) -> dict[str, Any] | None:
    """Check the weights too: the last step can ruin them without any of its terms showing it.

    Args:
        networks: by the name that messages give their weights.
        step: the last one, counted from 0.
    """
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
    """Find the term whose gradient became non-finite a step before anything else: that of a root does so at 0.

    Args:
        diverged: what `first_nonfinite` or `nonfinite_weights` found.
        last_network: returns the last network that was saved, on the CPU, and its step.
        loss: whose terms are tried one by one.
        batch: returns the input and target of a step.

    Returns:
        "gradient of <term>" and its step; or `diverged`, where all terms' gradients are finite with that network.
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
