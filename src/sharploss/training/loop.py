"""Training one run, top to bottom."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from sharploss.config.recipe import Recipe
from sharploss.config.run_config import RunConfig
from sharploss.config.tasks import border_of
from sharploss.data.pack import Pack
from sharploss.data.patches import Patches
from sharploss.losses.adversarial import AdversarialLoss
from sharploss.losses.weighted_sum import WeightedSum
from sharploss.record.history import History, NullHistory
from sharploss.training.device import memory_format, set_mode
from sharploss.training.discriminator import LOGGED, final, make_discriminator_trainer
from sharploss.training.divergence import find_diverged_term, first_nonfinite, nonfinite_weights
from sharploss.training.interrupt import stop_on_signal
from sharploss.training.optimizers import gradient_norm
from sharploss.training.processes import Gradients, ProcessGroup, micro_batches, process_group
from sharploss.training.schedule import learning_rate
from sharploss.training.state import (
    State,
    last_good,
    make_loss,
    make_network,
    make_optimizer,
    restore_state,
    save_state,
    start_from,
)
from sharploss.training.validation import leaves_pictures, validate


@dataclass
class TrainResult:
    """How a training ended.

    `status` is finished, diverged, stopped or not_trained; `state` the last one; `network` the one to keep (the last
    good one where the run diverged, from step `step`); `diverged` names the first non-finite term and its step;
    `reason` says why a run was not trained; `backbones` names the weights that terms of the loss were computed with;
    `left_out` says of which training images nothing was learnt.
    """

    status: str
    state: State
    network: nn.Module
    step: int
    diverged: dict[str, Any] | None = None
    reason: str | None = None
    backbones: dict[str, str] = field(default_factory=dict[str, str])
    left_out: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def steps_per_second(self) -> float:
        """The speed of the whole training, over all pieces that it was done in; 0 where no step was."""
        return self.state.step / self.state.seconds if self.state.step else 0.0


def not_trained(config: RunConfig, scratch: Path, reason: str) -> TrainResult:
    """Return the result of a run that cannot be trained here, and write a record into `scratch` that says why."""
    network = make_network(config)
    with History(scratch / "history.jsonl") as record:
        record.append({"event": "not_trained", "step": 0, "reason": reason})
    state = State(network, make_optimizer(network, config.recipe), torch.zeros(1, 1))
    return TrainResult("not_trained", state, network, 0, reason=reason)


def train(  # noqa: C901, PLR0915 - the loop reads best as one piece
    config: RunConfig,
    packs: dict[str, Pack],
    *,
    scratch: Path,
    device: torch.device,
    title: str = "",
    start: Path | None = None,
    on_start: Callable[[Path], Path | None] = lambda _: None,
) -> TrainResult:
    """Train one run, or go on with it where `scratch` holds a checkpoint of it.

    The batch and the learning rate of step t depend on (seed, t) alone, so a resumed run ends with the same bits as one
    that was never interrupted. Nothing in a step waits for the device: terms gather in a small tensor there, read every
    `log_every` steps, which is also when a non-finite one is noticed.

    Under torchrun (`processes.join`) the processes share every batch, and the first of them writes.

    Args:
        config: the resolved run (sharploss.config.run_config.resolve_run).
        packs: what to learn from (`train`) and what to draw the validation curve from (`validation`).
        scratch: the run's own folder for checkpoints and the growing record `history.jsonl`.
        device: where to compute.
        title: what the progress bar shows.
        start: weights of another run to begin with, safetensors; random ones when left out.
        on_start: called with the record's path once it exists, before the first step; returns the folder that pictures
            of validations go to, or None for no pictures.
    """
    recipe = config.recipe
    set_mode(recipe.mode)
    layout = memory_format(device, recipe.mode)
    network = make_network(config)
    if start is not None:
        start_from(network, start)
    network.to(device=device, memory_format=layout)  # pyright: ignore[reportCallIssue]
    loss = make_loss(config).to(device=device, memory_format=layout)  # pyright: ignore[reportCallIssue]
    fuse(loss, device, recipe.mode)
    group = process_group()
    count = micro_batches(recipe, group.world)
    patches = _patches(packs["train"], config, group, count, device)
    gradients = Gradients(network, group, count, exact=recipe.mode == "exact")
    adversary = make_discriminator_trainer(loss, config, patches, group)
    names = [*loss.weights, *(f"discriminator {name}" for name in LOGGED if adversary is not None)]
    window = torch.zeros(recipe.log_every, len(names), device=device)
    average = copy.deepcopy(network) if recipe.average else None
    state = State(
        network,
        make_optimizer(network, recipe),
        window,
        average,
        discriminator=adversary and adversary.discriminator,
        discriminator_optimizer=adversary and adversary.optimizer,
    )
    forward = _forward(network, device, recipe.mode)

    set_step = getattr(network, "set_step", None)  # of networks that draw random numbers (NLSN)

    with group.main_first():
        kept = restore_state(state, scratch, device)
    earlier, started = state.seconds, time.perf_counter()
    status, diverged = "finished", None
    with (
        History(scratch / "history.jsonl", kept) if group.is_main else NullHistory() as record,
        stop_on_signal() as interrupt,
        _progress(title, state.step, recipe, group.is_main) as bar,
    ):
        pictures = on_start(scratch / "history.jsonl") if group.is_main else None
        while state.step < recipe.steps:
            rate = learning_rate(state.step, recipe, recipe.steps)
            input, target = (image.contiguous(memory_format=layout) for image in patches.batch(state.step))
            if set_step is not None:
                set_step(state.step)
            output, logged = _backward(forward, loss, gradients, input, target)
            _optimise(network, state.optimizer, rate, recipe.clip_norm)
            state.update_average(recipe.average)
            if adversary is not None:
                logged = torch.cat([logged, adversary.update(forward, network, output, target, state.step)])
            state.window[state.step % len(state.window)] = logged
            state.step += 1
            bar.update(recipe.batch)

            stopping = group.any(interrupt.requested)
            due = _due(state.step, recipe, stopping)
            if not due:
                continue
            recent = state.window[: (state.step - 1) % len(state.window) + 1]
            rows = recent.copy_(group.mean(recent)).cpu()
            diverged = first_nonfinite(rows, names, state.step - len(rows))
            if diverged is None and "save" in due:
                diverged = nonfinite_weights(state.networks, state.step - 1)
            if diverged is not None:
                last_network = partial(last_good, config, scratch, start)
                status, diverged = "diverged", find_diverged_term(diverged, last_network, loss, patches.batch)
                record.append({"event": status, **diverged})
                break
            if "log" in due:
                means = rows.double().mean(0).tolist()
                state.terms = dict(zip(loss.weights, means, strict=False))
                total = sum(loss.weights[name] * mean for name, mean in state.terms.items())
                line = {"event": "train", "step": state.step, "lr": rate, "total": total, "terms": state.terms}
                line["gradient"] = gradient_norm(network).item()
                if adversary is not None:
                    line["discriminator"] = dict(zip(LOGGED, means[len(loss.weights) :], strict=True))
                    line["discriminator"]["lr"] = learning_rate(state.step - 1, adversary.settings, recipe.steps)
                record.append(line)
            if "validate" in due and group.is_main:
                state.validation = validate(
                    state.trained_network,
                    packs["validation"],
                    border=border_of(config.task.scale),
                    device=device,
                    pictures=pictures if leaves_pictures(state.step, recipe) else None,
                    step=state.step,
                )
                record.append({"event": "validation", "step": state.step, "psnr_y": state.validation})
                bar.set_postfix_str(f"{state.validation:.2f} dB", refresh=False)
            if "save" in due and group.is_main:
                state.seconds = earlier + time.perf_counter() - started
                save_state(state, scratch, record.sync())
            if stopping and state.step < recipe.steps:
                status = "stopped"
                break

    state.seconds = earlier + time.perf_counter() - started
    keep, step = last_good(config, scratch, start) if status == "diverged" else (state.trained_network, state.step)
    left_out = packs["train"].left_out | patches.left_out
    return TrainResult(status, state, keep, step, diverged, backbones=loss.backbones, left_out=left_out)


def _due(step: int, recipe: Recipe, stopping: bool) -> set[str]:
    """Return what is to be done after `step` steps; after the last one, everything is."""
    last = step == recipe.steps
    every = {"log": recipe.log_every, "validate": recipe.validate_every, "save": recipe.checkpoint_every}
    due = {name for name, steps in every.items() if last or step % steps == 0}
    return due | {"save"} if stopping else due


def _patches(pack: Pack, config: RunConfig, group: ProcessGroup, count: int, device: torch.device) -> Patches:
    """Return the source of this process's patches, of a batch in `count` micro-batches."""
    return Patches(
        pack,
        scale=config.task.scale,
        patch=config.recipe.patch,
        batch=config.recipe.batch,
        seed=config.seed,
        device=device,
        rank=group.rank,
        world=group.world,
        parts=count,
    )


def _forward(network: nn.Module, device: torch.device, mode: str) -> Callable[[Tensor], Any]:
    """Return the network as a function of its input: as it is in exact mode, compiled and in bfloat16 in fast mode."""
    if mode == "exact":
        return network
    compiled = torch.compile(network)

    def forward(input: Tensor) -> Any:
        with torch.autocast(device.type, dtype=torch.bfloat16):
            return compiled(input)

    return forward


def fuse(loss: WeightedSum, device: torch.device, mode: str) -> None:
    """Compile, in fast mode and in place, the terms that compute pixel by pixel: a GPU then reads images less often.

    Not on a CPU, where their own blocks are faster than what the compiler makes of them (docs/scale.md), and not terms
    with a network, whose time is that of its convolutions.
    """
    if mode == "exact" or device.type == "cpu":
        return
    for term in loss.losses.values():
        if not hasattr(term, "against") and not isinstance(term, AdversarialLoss):
            term.compile()


def _backward(
    forward: Callable[[Tensor], Any], loss: WeightedSum, gradients: Gradients, input: Tensor, target: Tensor
) -> tuple[Tensor, Tensor]:
    """Store the gradient of a batch on the network; return what it restored, (B, C, H, W), and its terms, (terms,)."""
    gradients.clear()
    restored: list[Tensor] = []
    logged: list[Tensor] = []
    for part, real in gradients.split(input, target):
        output = forward(part)
        terms = loss.terms(output, real)
        gradients.add(terms.total)
        restored.append(final(output).detach())
        logged.append(torch.stack([term.detach() for term in terms.values()]))
    gradients.finish()
    return torch.cat(restored), torch.stack(logged).mean(0)


def _optimise(network: nn.Module, optimizer: torch.optim.Optimizer, rate: float, clip_norm: float | None) -> None:
    """Do one step of the optimiser at learning rate `rate`, the gradient's norm clipped where asked."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
    optimizer.step()


def _progress(title: str, step: int, recipe: Recipe, shown: bool) -> "tqdm[Any]":
    """Return a bar that counts patches, so that its rate is patches/s, and shows the time left (on terminals only)."""
    done, total = step * recipe.batch, recipe.steps * recipe.batch
    return tqdm(
        desc=title,
        initial=done,
        total=total,
        unit=" patches",
        disable=not shown or None,
        dynamic_ncols=True,
        leave=False,
    )
