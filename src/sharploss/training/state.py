"""What changes from step to step in a training: all of it is in a checkpoint, so that a resume is exact."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from sharploss.config.recipe import Optimisation
from sharploss.config.run_config import RunConfig
from sharploss.losses import WeightedSum, build_loss, resolve_loss
from sharploss.networks import build_network
from sharploss.record.paths import ScratchFiles
from sharploss.training.checkpoint import load_checkpoint, read_weights, save_checkpoint
from sharploss.training.optimizers import SGD, Adam
from sharploss.utils.errors import UserError

APART = 1 << 32  # added to a run's seed for the patches that a discriminator alone sees

LAST_SEED = (1 << 32) - 1
"""A discriminator's initial weights are drawn from this minus the run's seed. APART would leave the network's stream as
it is: torch's generator for CPUs looks at 32 bits of a seed. The two are never equal, since this is odd."""

VALUES = ("step", "seconds", "replays", "terms", "validation", "window")  # what a checkpoint holds of a State as it is


@dataclass
class State:
    """The moving parts of a training.

    `window` (log_every, names) holds what is logged of the last steps, the newest in its last row, on the device;
    `average` is the running mean of the weights where there is one; `step` counts the optimiser steps done, `replays`
    those that were replays of a CUDA graph; `seconds` include those before a resume; `terms` are the last means of the
    unweighted terms, `validation` is the last validation PSNR in dB (protocol y).
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    window: Tensor
    average: nn.Module | None = None
    discriminator: nn.Module | None = None
    discriminator_optimizer: torch.optim.Optimizer | None = None
    step: int = 0
    seconds: float = 0.0
    replays: int = 0
    terms: dict[str, float] | None = None
    validation: float | None = None

    @property
    def trained_network(self) -> nn.Module:
        """The network to validate and to keep: the mean of the weights where there is one."""
        return self.network if self.average is None else self.average

    @property
    def parts(self) -> dict[str, Any]:
        """What has a state_dict, by its name in a checkpoint."""
        names = ("network", "optimizer", "average", "discriminator", "discriminator_optimizer")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The networks that are trained, by what messages call their weights."""
        found = {"weights": self.network, "discriminator weights": self.discriminator}
        return {name: network for name, network in found.items() if network is not None}

    @torch.no_grad()
    def update_average(self, decay: float) -> None:
        """Update the mean after a step: mean = decay * mean + (1 - decay) * weights, as BasicSR; copy the buffers."""
        if self.average is None:
            return
        get_ema_multi_avg_fn(decay)(list(self.average.parameters()), list(self.network.parameters()), torch.empty(0))
        for mean, value in zip(self.average.buffers(), self.network.buffers(), strict=True):
            mean.copy_(value)


def with_defaults(config: RunConfig) -> RunConfig:
    """Return a run with the defaults of its loss spelt out, as weight files and provenance hold it."""
    return config.model_copy(update={"loss": resolve_loss(config.loss)})


def make_network(config: RunConfig) -> nn.Module:
    """Build a run's network, initialised from the run's seed."""
    torch.manual_seed(config.seed)
    return build_network(config.network.network, scale=config.task.scale, **config.network.parameters)


def make_loss(config: RunConfig) -> WeightedSum:
    """Build a run's loss; a discriminator in it is initialised from the run's seed, apart from the network."""
    torch.manual_seed(LAST_SEED - config.seed)
    return build_loss(config.loss)


def start_from(network: nn.Module, path: Path) -> list[str]:
    """Load the weights of another run into an initialised network, and return the names of those that it lacks.

    Tensors of the same name and shape are taken, the others stay as they were: the enlarging layers, where a network
    for x4 starts from one for x2. UserError where less than half of the network is taken.
    """
    tensors, wanted = read_weights(path), network.state_dict()
    taken = {name: tensor for name, tensor in tensors.items() if name in wanted and wanted[name].shape == tensor.shape}
    share = sum(tensor.numel() for tensor in taken.values()) / sum(tensor.numel() for tensor in wanted.values())
    if share < 0.5:
        raise UserError(f"{path} fits only {share:.0%} of the network that is to start from it: name another run.")
    network.load_state_dict(taken, strict=False)
    return sorted(wanted.keys() - taken.keys())


def make_optimizer(network: nn.Module, settings: Optimisation) -> torch.optim.Optimizer:
    """Build Adam or SGD; the learning rate is set anew before every step.

    On a GPU it is one kernel that reads the learning rate from the device, as a CUDA graph has to.
    """
    device = next(network.parameters()).device
    rate: Any = {"lr": 0.0} if device.type != "cuda" else {"lr": torch.zeros((), device=device), "fused": True}
    decay = settings.weight_decay
    if settings.optimizer == "sgd":
        return SGD(network.parameters(), **rate, momentum=settings.momentum, weight_decay=decay)
    capturable = device.type == "cuda"
    return Adam(network.parameters(), **rate, betas=settings.betas, weight_decay=decay, capturable=capturable)


def save_state(state: State, scratch: Path, record_bytes: int) -> None:
    """Write a checkpoint; `record_bytes` is the length of the record by then."""
    values = {name: getattr(state, name) for name in VALUES}
    parts = {name: part.state_dict() for name, part in state.parts.items()}
    save_checkpoint(scratch, {**values, **parts, "record_bytes": record_bytes})


def restore_state(state: State, scratch: Path, device: torch.device) -> int:
    """Load the newest checkpoint into `state`, if there is one; return how many bytes of the record it stands for."""
    content = load_checkpoint(scratch, device)
    if content is None:
        return 0
    history = ScratchFiles(scratch).history
    if not history.is_file() or history.stat().st_size < content["record_bytes"]:  # killed while a run was deleted
        print(f"warning: {history} is shorter than its checkpoint says: training from the beginning", file=sys.stderr)
        for path in ScratchFiles(scratch).checkpoints():
            path.unlink()
        return 0
    for name, part in state.parts.items():
        kept = content[name]
        if isinstance(part, torch.optim.Optimizer):  # how it computes is this device's matter, not the stopped run's
            kept = {**kept, "param_groups": part.state_dict()["param_groups"]}
        part.load_state_dict(kept)
    for name in VALUES:
        setattr(state, name, content[name])
    return int(content["record_bytes"])


def last_good(config: RunConfig, scratch: Path, start: Path | None = None) -> tuple[nn.Module, int]:
    """Return the network of the newest checkpoint and its step, or the network as training began and 0."""
    network, content = make_network(config), load_checkpoint(scratch, torch.device("cpu"))
    if content is not None:
        network.load_state_dict(content.get("average", content["network"]))
    elif start is not None:
        start_from(network, start)
    return network, content["step"] if content is not None else 0
