"""What changes from step to step in a training: all of it is in a checkpoint, so that a resume is exact."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sharploss.networks import build_network
from sharploss.training.checkpoint import load_checkpoint, save_checkpoint


@dataclass
class State:
    """The moving parts of a training.

    `window` (log_every, terms) holds the terms of the steps since the last line of the record, on the device; `step`
    counts the optimiser steps done; `seconds` of training include those before a resume; `terms` are the last means of
    the unweighted terms; `validation` is the last validation PSNR in dB (protocol y).
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    window: Tensor
    step: int = 0
    seconds: float = 0.0
    terms: dict[str, float] | None = None
    validation: float | None = None


def make_network(config: dict[str, Any]) -> nn.Module:
    """Build a run's network from its resolved configuration, initialised from the run's seed."""
    torch.manual_seed(config["seed"])
    parameters = {key: value for key, value in config["network"].items() if key != "network"}
    return build_network(config["network"]["network"], scale=config["task"]["scale"], **parameters)


def make_optimizer(network: nn.Module, recipe: dict[str, Any]) -> torch.optim.Optimizer:
    """Build Adam or SGD; the learning rate is set anew before every step."""
    decay = recipe["weight_decay"]
    if recipe["optimizer"] == "sgd":
        return torch.optim.SGD(network.parameters(), lr=0.0, momentum=recipe["momentum"], weight_decay=decay)
    first, second = recipe["betas"]
    return torch.optim.Adam(network.parameters(), lr=0.0, betas=(first, second), weight_decay=decay)


def save_state(state: State, scratch: Path, record_bytes: int) -> None:
    """Write a checkpoint; `record_bytes` is how much of the record it stands for."""
    content = {
        "step": state.step,
        "seconds": state.seconds,
        "terms": state.terms,
        "validation": state.validation,
        "network": state.network.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "window": state.window,
        "record_bytes": record_bytes,
    }
    save_checkpoint(scratch, content)


def restore_state(state: State, scratch: Path, device: torch.device) -> int:
    """Load the newest checkpoint into `state`, if there is one, and give how much of the record it stands for."""
    content = load_checkpoint(scratch, device)
    if content is None:
        return 0
    state.network.load_state_dict(content["network"])
    state.optimizer.load_state_dict(content["optimizer"])
    state.window.copy_(content["window"])
    state.step, state.seconds = content["step"], content["seconds"]
    state.terms, state.validation = content["terms"], content["validation"]
    return int(content["record_bytes"])


def last_good(config: dict[str, Any], scratch: Path) -> tuple[nn.Module, int]:
    """Give the network of the newest checkpoint and its step, or the initial network and 0."""
    network, content = make_network(config), load_checkpoint(scratch, torch.device("cpu"))
    if content is None:
        return network, 0
    network.load_state_dict(content["network"])
    return network, content["step"]
