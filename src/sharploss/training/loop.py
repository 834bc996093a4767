"""Training one run, top to bottom."""

import copy
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sharploss.config.recipe import Recipe
from sharploss.config.run_config import RunConfig
from sharploss.config.tasks import border_of
from sharploss.data.pack import Pack
from sharploss.data.patches import Patches
from sharploss.record.history import History
from sharploss.record.paths import ScratchFiles
from sharploss.training.device import memory_format, set_mode
from sharploss.training.discriminator import LOGGED, make_discriminator_trainer
from sharploss.training.divergence import find_diverged_term, first_nonfinite, nonfinite_weights
from sharploss.training.interrupt import stop_on_signal
from sharploss.training.optimizers import gradient_norm
from sharploss.training.processes import Gradients, micro_batches, process_group
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
from sharploss.training.step import Form, Step
from sharploss.training.validation import leaves_pictures, validate
from sharploss.utils.optional import progress_bar


@dataclass
class TrainResult:
    """How a training ended: finished, diverged, stopped or not_trained (`reason` says why).

    `network` of step `step` is the one to keep (the last good one where the run diverged), `diverged` the first
    non-finite term and its step; `backbones` to `form_reason` are those of `sharploss.record.run.Provenance`.
    """

    status: str
    state: State
    network: nn.Module
    step: int
    diverged: dict[str, Any] | None = None
    reason: str | None = None
    backbones: dict[str, str] = field(default_factory=dict[str, str])
    left_out: dict[str, str] = field(default_factory=dict[str, str])
    fresh: list[str] = field(default_factory=list[str])
    form: str = ""
    form_reason: str = ""

    @property
    def steps_per_second(self) -> float:
        """The speed of the whole training, over all pieces that it was done in; 0 where no step was."""
        return self.state.step / self.state.seconds if self.state.step else 0.0


def not_trained(config: RunConfig, scratch: Path, reason: str) -> TrainResult:
    """Return the result of a run that cannot be trained here, and write a record into `scratch` that says why."""
    network = make_network(config)
    with History(ScratchFiles(scratch).history) as record:
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
    form: Form | None = None,
) -> TrainResult:
    """Train one run, or go on with it where `scratch` holds a checkpoint of it.

    The batch and the learning rate of step t depend on (seed, t) alone, so a resumed run ends with the same bits as one
    that was never interrupted. Nothing in a step waits for the device: terms gather in a small tensor there, read every
    `log_every` steps, which is also when a non-finite one is noticed.

    Under torchrun (`processes.join`) the processes share every batch, and the first of them writes.

    Args:
        config: the resolved run.
        packs: what to learn from (`train`) and what to draw the validation curve from (`validation`).
        scratch: the run's own folder for checkpoints and the growing record.
        device: where to compute.
        title: what the progress bar shows.
        start: weights of another run to begin with; random ones when left out.
        on_start: called with the record's path before the first step; returns the folder for pictures of validations.
        form: of the step; the fastest that works here when left out, and a UserError where a named one does not.
    """
    recipe = config.recipe
    set_mode(recipe.mode)
    layout = memory_format(device, recipe.mode)
    network = make_network(config)
    fresh = [] if start is None else start_from(network, start)
    network.to(device=device, memory_format=layout)  # pyright: ignore[reportCallIssue]
    loss = make_loss(config).to(device=device, memory_format=layout)  # pyright: ignore[reportCallIssue]
    group = process_group()
    count = micro_batches(recipe, group.world)
    patches = Patches(
        packs["train"],
        scale=config.task.scale,
        patch=recipe.patch,
        batch=recipe.batch,
        seed=config.seed,
        device=device,
        rank=group.rank,
        world=group.world,
        parts=count,
    )
    if patches.left_out and group.is_main:
        left = f"{len(patches.left_out)} of {len(packs['train'])} training images"
        print(f"warning: {left} left out: smaller than the patch", file=sys.stderr)
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
        discriminator=adversary and adversary.term.discriminator,
        discriminator_optimizer=adversary and adversary.optimizer,
    )
    with group.main_first():
        kept = restore_state(state, scratch, device)
    earlier, started = state.seconds, time.perf_counter()
    step = Step(recipe, device, state, loss, patches, gradients, adversary)
    step.take(form)
    status, diverged = "finished", None
    with (
        History(*((ScratchFiles(scratch).history, kept) if group.is_main else (Path(os.devnull), None))) as record,
        stop_on_signal() as interrupt,
        _progress(title, state.step, recipe, group.is_main) as bar,
    ):
        pictures = on_start(ScratchFiles(scratch).history) if group.is_main else None
        while state.step < recipe.steps:
            step(state.step)
            state.step += 1
            bar.update(recipe.batch)

            stopping = group.any(interrupt.is_set())
            due = _due(state.step, recipe, stopping)
            if not due:
                continue
            recent = state.window[-((state.step - 1) % len(state.window) + 1) :]
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
                rate = learning_rate(state.step - 1, recipe, recipe.steps)
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
    keep, last = last_good(config, scratch, start) if status == "diverged" else (state.trained_network, state.step)
    left_out = packs["train"].left_out | patches.left_out
    return TrainResult(
        status, state, keep, last, diverged, None, loss.backbones, left_out, fresh, step.form, step.reason
    )


def _due(step: int, recipe: Recipe, stopping: bool) -> set[str]:
    """Return what is to be done after `step` steps; after the last one, everything is."""
    last = step == recipe.steps
    every = {"log": recipe.log_every, "validate": recipe.validate_every, "save": recipe.checkpoint_every}
    due = {name for name, steps in every.items() if last or step % steps == 0}
    return due | {"save"} if stopping else due


def _progress(title: str, step: int, recipe: Recipe, shown: bool) -> Any:
    """Return a bar that counts patches, so that its rate is patches/s, and shows the time left (on terminals only)."""
    done, total = step * recipe.batch, recipe.steps * recipe.batch
    return progress_bar(
        desc=title,
        initial=done,
        total=total,
        unit=" patches",
        disable=not shown or None,
        dynamic_ncols=True,
        leave=False,
    )
