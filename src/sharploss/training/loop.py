"""Training one run, top to bottom."""

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from sharploss.data.pack import Pack
from sharploss.data.patches import Patches
from sharploss.losses import build_loss
from sharploss.networks import build_network
from sharploss.training.checkpoint import load_checkpoint, save_checkpoint
from sharploss.training.device import memory_format, set_mode
from sharploss.training.history import History
from sharploss.training.interrupt import stop_on_signal
from sharploss.training.schedule import learning_rate
from sharploss.training.validation import validate


@dataclass
class Outcome:
    """What a training came to.

    `status` is finished, diverged or stopped; `network` holds the last good weights; `step` counts the optimiser steps
    behind them; `terms` are the last means of the loss's unweighted terms; `validation` is the last validation PSNR in
    dB (protocol y); `diverged` names the first non-finite term and its step; `seconds` of training include those
    before a resume; `steps_per_second` is of this process.
    """

    status: str
    network: nn.Module
    step: int = 0
    terms: dict[str, float] | None = None
    validation: float | None = None
    diverged: dict[str, Any] | None = None
    seconds: float = 0.0
    steps_per_second: float = 0.0


def make_network(config: dict[str, Any]) -> nn.Module:
    """Build a run's network from its resolved configuration, initialised from the run's seed."""
    torch.manual_seed(config["seed"])
    parameters = {key: value for key, value in config["network"].items() if key != "network"}
    return build_network(config["network"]["network"], scale=config["task"]["scale"], **parameters)


def make_optimizer(network: nn.Module, recipe: dict[str, Any]) -> torch.optim.Optimizer:
    """Build Adam or SGD; the learning rate is set anew before every step."""
    if recipe["optimizer"] == "sgd":
        return torch.optim.SGD(network.parameters(), lr=0.0, momentum=recipe["momentum"], weight_decay=recipe["weight_decay"])
    betas = (recipe["betas"][0], recipe["betas"][1])
    return torch.optim.Adam(network.parameters(), lr=0.0, betas=betas, weight_decay=recipe["weight_decay"])


def optimise(optimizer: torch.optim.Optimizer, total: Tensor, rate: float, clip_norm: float | None) -> None:
    """Do one step of the optimiser at learning rate `rate`, the gradient's norm clipped where asked."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    total.backward()
    if clip_norm is not None:
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        nn.utils.clip_grad_norm_(parameters, clip_norm)
    optimizer.step()


def first_nonfinite(window: Tensor, names: Iterable[str], start: int) -> dict[str, Any] | None:
    """Find the first NaN or infinity among logged terms.

    Args:
        window: (steps, terms) on the CPU; a row holds the terms of one step.
        names: the terms' names.
        start: the step of the first row.
    """
    bad = (~window.isfinite()).nonzero()
    if len(bad) == 0:
        return None
    row, column = (int(value) for value in bad[0])
    return {"term": list(names)[column], "step": start + row}


def train(
    config: dict[str, Any],
    train_pack: Pack,
    validation_pack: Pack,
    *,
    scratch: Path,
    device: torch.device,
    title: str = "",
    on_start: Callable[[Path], object] = lambda _: None,
) -> Outcome:
    """Train one run, or go on with it where `scratch` holds a checkpoint of it.

    The batch and the learning rate of step t depend on (seed, t) alone, so a resumed run ends with the same bits as
    one that was never interrupted. Nothing in a step waits for the device: terms gather in a small tensor there, read
    every `log_every` steps, which is also when a non-finite one is noticed (the weights go back to the last good
    checkpoint then).

    Args:
        config: the resolved run (sharploss.params.resolve_run).
        train_pack: what to learn from.
        validation_pack: what to validate on.
        scratch: the run's own folder for checkpoints and the growing record `history.jsonl`.
        device: where to compute.
        title: what the progress bar shows.
        on_start: called with the record's path once it exists, before the first step.
    """
    recipe, scale = config["recipe"], config["task"]["scale"]
    set_mode(recipe["mode"])
    layout = memory_format(device, recipe["mode"])
    # pyright does not know the memory_format overload of nn.Module.to.
    network = make_network(config).to(device=device, memory_format=layout)  # pyright: ignore[reportCallIssue]
    loss = build_loss(config["loss"]).to(device)
    optimizer = make_optimizer(network, recipe)
    patches = Patches(train_pack, scale=scale, patch=recipe["patch"], batch=recipe["batch"], seed=config["seed"], device=device)
    forward, precision = _speed_up(network, device, recipe["mode"])

    steps, log_every = recipe["steps"], recipe["log_every"]
    names = list(loss.weights)
    window = torch.zeros(log_every, len(names), device=device)
    outcome = Outcome("finished", network)
    kept = _restore(scratch, network, optimizer, window, outcome, device)
    step, resumed_at, started = outcome.step, outcome.step, time.perf_counter()
    earlier = outcome.seconds

    with History(scratch / "history.jsonl", kept) as record, stop_on_signal() as interrupt, _progress(title, step, recipe) as bar:
        on_start(record.path)
        while step < steps:
            rate = learning_rate(step, recipe)
            input, target = patches.batch(step)
            with precision:
                output = forward(input.contiguous(memory_format=layout))
            terms = loss.terms(output, target)
            total = loss.weigh(terms)
            optimise(optimizer, total, rate, recipe["clip_norm"])
            window[step % log_every] = torch.stack([terms[name].detach() for name in names])
            step += 1
            bar.update(recipe["batch"])

            logging = step % log_every == 0 or step == steps
            saving = step % recipe["checkpoint_every"] == 0 or step == steps or interrupt.requested
            if not (logging or saving or step % recipe["validate_every"] == 0):
                continue
            rows = window[: (step - 1) % log_every + 1].cpu()
            outcome.diverged = first_nonfinite(rows, names, step - len(rows))
            if outcome.diverged is None and saving:
                outcome.diverged = _nonfinite_weights(network, step)
            if outcome.diverged is not None:
                record.append({"event": "diverged", **outcome.diverged})
                return _last_good(outcome, config, scratch, device)
            if logging:
                means = rows.double().mean(0).tolist()
                outcome.terms = dict(zip(names, means, strict=True))
                weighted = sum(loss.weights[name] * outcome.terms[name] for name in names)
                record.append({"event": "train", "step": step, "lr": rate, "total": weighted, "terms": outcome.terms})
            if step % recipe["validate_every"] == 0 or step == steps:
                outcome.validation = validate(network, validation_pack, border=scale, device=device)
                record.append({"event": "validation", "step": step, "psnr_y": outcome.validation})
                bar.set_postfix_str(f"{outcome.validation:.2f} dB", refresh=False)
            outcome.step = step
            outcome.seconds = earlier + time.perf_counter() - started
            outcome.steps_per_second = (step - resumed_at) / (time.perf_counter() - started)
            if saving:
                _save(scratch, network, optimizer, window, outcome, record)
            if interrupt.requested and step < steps:
                outcome.status = "stopped"
                break
    return outcome


def _speed_up(
    network: nn.Module, device: torch.device, mode: str
) -> tuple[Callable[[Tensor], Tensor], contextlib.AbstractContextManager[Any]]:
    """Give the forward pass of a mode, and the precision it runs in."""
    if mode == "exact":
        return network, contextlib.nullcontext()
    return torch.compile(network), torch.autocast(device.type, dtype=torch.bfloat16)


def _progress(title: str, step: int, recipe: dict[str, Any]) -> "tqdm[Any]":
    """Give a progress bar that counts patches: its rate is patches/s, and it shows the time left (on terminals only)."""
    batch = recipe["batch"]
    return tqdm(
        desc=title, initial=step * batch, total=recipe["steps"] * batch, unit=" patches", disable=None, dynamic_ncols=True, leave=False
    )


def _restore(
    scratch: Path, network: nn.Module, optimizer: torch.optim.Optimizer, window: Tensor, outcome: Outcome, device: torch.device
) -> int:
    """Load the newest checkpoint, if any, and give how many bytes of the record it stands for."""
    state = load_checkpoint(scratch, device)
    if state is None:
        return 0
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    window.copy_(state["window"])
    outcome.step, outcome.seconds = state["step"], state["seconds"]
    outcome.terms, outcome.validation = state["terms"], state["validation"]
    return int(state["history_bytes"])


def _save(
    scratch: Path, network: nn.Module, optimizer: torch.optim.Optimizer, window: Tensor, outcome: Outcome, record: History
) -> None:
    state = {
        "step": outcome.step,
        "seconds": outcome.seconds,
        "terms": outcome.terms,
        "validation": outcome.validation,
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "window": window,
        "history_bytes": record.sync(),
    }
    save_checkpoint(scratch, state)


def _nonfinite_weights(network: nn.Module, step: int) -> dict[str, Any] | None:
    """A step can ruin the weights without any of its terms showing it, so look before they are saved."""
    finite = torch.stack([parameter.detach().isfinite().all() for parameter in network.parameters()]).all()
    return None if bool(finite) else {"term": "weights", "step": step - 1}


def _last_good(outcome: Outcome, config: dict[str, Any], scratch: Path, device: torch.device) -> Outcome:
    """Put the last good weights into a diverged outcome: the newest checkpoint's, or the initial ones."""
    state = load_checkpoint(scratch, device)
    outcome.status = "diverged"
    outcome.step = state["step"] if state else 0
    outcome.network = make_network(config)
    if state:
        outcome.network.load_state_dict(state["network"])
    return outcome
