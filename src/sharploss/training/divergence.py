"""Noticing that a run has diverged, without waiting for the device at every step."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn


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
    """Look at the weights too: the last step can ruin them without any of its terms showing it.

    Args:
        networks: by what their weights are called.
        step: the last one, counted from 0.
    """
    for name, network in networks.items():
        if not bool(torch.stack([parameter.detach().isfinite().all() for parameter in network.parameters()]).all()):
            return {"term": name, "step": step}
    return None
