"""One step of a training: one function in three forms, eager, compiled, and captured in a CUDA graph.

A small network's step is hundreds of kernels of a few microseconds, which a processor launches more slowly than a GPU
runs them. A graph launches all of them at once; what changes from step to step (patches, learning rates, random
numbers) is written into buffers that it reads.
"""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from sharploss.config.recipe import Recipe
from sharploss.data.patches import Patches
from sharploss.losses.adversarial import AdversarialLoss
from sharploss.losses.weighted_sum import WeightedSum
from sharploss.training.device import memory_format
from sharploss.training.discriminator import DiscriminatorTrainer, final
from sharploss.training.optimizers import descend, set_rate
from sharploss.training.processes import Gradients
from sharploss.training.schedule import learning_rate
from sharploss.training.state import State
from sharploss.utils.errors import UserError, cut

Form = Literal["eager", "compiled", "captured"]

WARM_UPS = 3
"""Steps before a capture: they compile, choose algorithms and make all buffers, none of which a capture allows."""

VERSIONS = 64
"""Compiled versions that are kept of one function; torch's 8 are too few for a loss swept over its parameter."""


@dataclass
class Step:
    """The step of a training: `step(index)` trains on the batch of step `index`, counted from 0.

    `update` is the arithmetic, whatever the `form` that it has taken (`reason` says why not a faster one). In fast mode
    networks compute in bfloat16, and are compiled, as terms are; a capture is a graph of that, or in exact mode of the
    eager step. `batches` are (input, target) of the network's step, then those that the discriminator alone sees.
    """

    recipe: Recipe
    device: torch.device
    state: State
    loss: WeightedSum
    patches: Patches
    gradients: Gradients
    adversary: DiscriminatorTrainer | None = None
    form: Form = "eager"
    reason: str = ""
    batches: list[tuple[Tensor, Tensor]] = field(default_factory=list[tuple[Tensor, Tensor]])
    graph: Any = None
    forward: Callable[[Tensor], Any] = field(init=False)

    def __call__(self, index: int) -> None:
        """Train on the batch of one step."""
        self.draw(index)
        if self.graph is None:
            self.update()
        else:
            self.graph.replay()
            self.state.replays += 1

    def draw(self, index: int) -> None:
        """Write what a step takes from the host: learning rates, random numbers and batches; a graph's in place."""
        set_rate(self.state.optimizer, learning_rate(index, self.recipe, self.recipe.steps))
        draws = [(self.patches, index)]
        if self.adversary is not None:
            set_rate(self.adversary.optimizer, learning_rate(index, self.adversary.settings, self.recipe.steps))
            draws += self.adversary.draws(index)
        set_step = getattr(self.state.network, "set_step", None)  # of networks that draw random numbers (NLSN)
        if set_step is not None:
            set_step(index)
        if self.form == "captured" and self.batches:
            for (patches, at), images in zip(draws, self.batches, strict=True):
                patches.fill(at, *images)
        else:
            layout = memory_format(self.device, self.recipe.mode)
            batches = (patches.batch(at) for patches, at in draws)
            self.batches = [
                (one.contiguous(memory_format=layout), two.contiguous(memory_format=layout)) for one, two in batches
            ]

    def update(self) -> None:
        """Compute one step on the device. Nothing here waits for it, or depends on what it computes."""
        state, (input, target) = self.state, self.batches[0]
        output, logged = _backward(self.forward, self.loss, self.gradients, input, target)
        descend(state.network, state.optimizer, self.recipe.clip_norm)
        state.update_average(self.recipe.average)
        if self.adversary is not None:
            more = self.adversary.update(self.forward, state.network, output, target, self.batches[1:])
            logged = torch.cat([logged, more])
        state.window.copy_(torch.cat([state.window[1:], logged[None]]))

    def take(self, wanted: Form | None = None) -> None:
        """Take a form: the fastest that works here, or `wanted` (UserError with the reason). State stays as it is."""
        for form in (wanted,) if wanted else self._forms():
            try:
                self._try(form)
            except UserError:  # what is trained on, or weights that cannot be had
                raise
            except Exception as error:  # whatever a compiler or a driver raises
                reason = cut(f"{form}: {type(error).__name__}: {' '.join(str(error).split())}", 300)
                if wanted or form == "eager":
                    raise UserError(f"The training step cannot be {reason}: name another form, or none.") from error
                print(f"warning: the training step cannot be {reason}", file=sys.stderr)
                self.reason = self.reason or reason
            else:
                return

    def _forms(self) -> tuple[Form, ...]:
        plain: tuple[Form, ...] = ("eager",) if self.recipe.mode == "exact" else ("compiled", "eager")
        if self.device.type != "cuda":
            return plain
        if self.gradients.group.world > 1:
            self.reason = "captured: several processes share a batch"
            return plain
        return ("captured", *plain)

    def _try(self, form: Form) -> None:
        fast = self.recipe.mode == "fast"
        self.form, self.graph = form, None
        compiled = fast and form != "eager"
        self.forward = make_forward(self.state.network, self.device, fast=fast, compiled=compiled)
        fuse(self.loss, compiled=compiled and self.device.type != "cpu")
        if form == "captured" or (compiled and self.device.type != "cpu"):
            self._rehearse()

    def _rehearse(self) -> None:
        """Run the step a few times, capture it where that is the form, and leave all state as it was."""
        self.batches = []
        self.draw(self.state.step)
        before = {id(tensor): tensor.clone() for tensor in moving_tensors(self.state)}
        with side_stream() as stream:
            try:
                for _ in range(WARM_UPS):
                    self._reset(before)
                    self.update()
                if self.form == "captured":
                    wanted = {id(tensor): tensor.clone() for tensor in moving_tensors(self.state)}
                    self._reset(before)
                    self.graph = capture(self.update, stream)
                    self.graph.replay()
                    self._check(before, wanted)
            finally:
                self._reset(before)

    @torch.no_grad()
    def _reset(self, before: dict[int, Tensor]) -> None:
        """Restore all state to earlier values, in place: a graph keeps the addresses. New state of optimisers was 0."""
        for tensor in moving_tensors(self.state):
            tensor.copy_(before[id(tensor)]) if id(tensor) in before else tensor.zero_()

    @torch.no_grad()
    def _check(self, before: dict[int, Tensor], wanted: dict[int, Tensor]) -> None:
        """Compare what a replay has made of all state with what the step did."""
        found = {id(tensor): tensor for tensor in moving_tensors(self.state)}
        off, moved = (
            torch.stack([(one[name] - other[name]).double().norm() for name in before]).norm().item()
            for one, other in ((found, wanted), (wanted, before))
        )
        # bfloat16 may add up in another order; a graph that holds nothing is off by all that the step moves.
        if off > (0 if self.recipe.mode == "exact" else 0.5 * moved):
            raise RuntimeError(f"a replay of the graph is off by {off:.2g} where the step moves {moved:.2g}")


def moving_tensors(state: State) -> list[Tensor]:
    """Return all tensors that a step changes: weights, running statistics, optimisers' state, terms."""
    networks = [part for part in state.parts.values() if isinstance(part, nn.Module)]
    optimizers = [part for part in state.parts.values() if isinstance(part, torch.optim.Optimizer)]
    found = [state.window, *(tensor for network in networks for tensor in (*network.parameters(), *network.buffers()))]
    values = [value for optimizer in optimizers for slots in optimizer.state.values() for value in slots.values()]
    return found + [value for value in values if isinstance(value, Tensor)]


@contextmanager
def side_stream() -> Generator[Any]:
    """Run the block on a CUDA stream of its own, after what was asked for before and before what comes after."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    try:
        with torch.cuda.stream(stream):
            yield stream
    finally:
        torch.cuda.current_stream().wait_stream(stream)


def capture(function: Callable[[], None], stream: Any) -> Any:
    """Capture what a function launches, with a memory pool of its own; nothing is computed. Return its graph."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        function()
    return graph


def make_forward(network: nn.Module, device: torch.device, *, fast: bool, compiled: bool) -> Callable[[Tensor], Any]:
    """Return a network as a function of its input: in bfloat16 where fast, compiled where asked."""
    if not fast:
        return network
    run = network
    if compiled:
        import torch._dynamo.config as dynamo
        import torch._inductor.config as inductor

        # Beyond this many versions of a function torch would go on without compiling, and without a word.
        dynamo.recompile_limit, dynamo.fail_on_recompile_limit_hit = VERSIONS, True
        # A resumed run is to have the kernels of the stopped one: what is chosen by time can differ.
        if hasattr(inductor, "deterministic"):  # from torch 2.10 on
            inductor.deterministic = device.type == "cuda"
        run = torch.compile(network)

    def forward(input: Tensor) -> Any:
        # A weight's copy in bfloat16 must not be kept: a graph would not make it anew.
        with torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False):
            return run(input)

    return forward


def fuse(loss: WeightedSum, *, compiled: bool) -> None:
    """Compile in place the terms that compute pixel by pixel, or undo it: compiled, a GPU reads images less often.

    Not on a CPU, where their own blocks are faster than what the compiler makes of them (docs/scale.md), and not terms
    with a network, whose time is that of its convolutions.
    """
    for term in loss.losses.values():
        if not hasattr(term, "with_target") and not isinstance(term, AdversarialLoss):
            if compiled:
                term.compile()
            else:
                setattr(term, "_compiled_call_impl", None)  # noqa: B010 - torch has no name for it


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
