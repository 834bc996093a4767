"""One run on several processes (torchrun): their ranks, and the gradient of a batch that they share."""

import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from sharploss.config.recipe import Recipe
from sharploss.utils.errors import UserError

PATIENCE = timedelta(hours=1)
"""How long processes wait for one that validates or writes a checkpoint before they take it for dead."""


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that train one run together: this one's `rank`, 0 to `world` - 1. The first writes all files."""

    rank: int = 0
    world: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes the record, checkpoints and weights."""
        return self.rank == 0

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of what all processes have, the same on each; a NaN anywhere is a NaN everywhere."""
        if self.world == 1:
            return values
        total = values.clone()
        dist.all_reduce(total)
        return total / self.world

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set on any process. It is exchanged on the CPU: nothing waits for a GPU."""
        if self.world == 1:
            return flag
        vote = torch.tensor(int(flag))
        dist.all_reduce(vote, dist.ReduceOp.MAX)
        return bool(vote.item())

    @contextmanager
    def main_first(self) -> Generator[None]:
        """Run the block on the main process, then on the others."""
        if not self.is_main:
            self.any(False)
        yield
        if self.is_main:
            self.any(False)


@contextmanager
def join() -> Generator[ProcessGroup]:
    """Join the processes that torchrun has started, or be one alone; before a device is chosen: each has its own."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ProcessGroup()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    try:
        yield process_group()
    finally:
        dist.destroy_process_group()


def process_group() -> ProcessGroup:
    """Return the processes that this one has joined."""
    return ProcessGroup(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else ProcessGroup()


def micro_batches(recipe: Recipe, world: int) -> int:
    """Return how many micro-batches a batch is computed in: `accumulate`, or one by each process where it is 1.

    UserError where the processes cannot share the micro-batches, or these the batch, evenly.
    """
    count = world if recipe.accumulate == 1 else recipe.accumulate
    if count % world:
        raise UserError(f"{world} processes cannot share accumulate: {count} parts: use 1, or a multiple of {world}.")
    if recipe.batch % count:
        raise UserError(
            f"A batch of {recipe.batch} cannot be computed in {count} equal parts: make it a multiple of {count}."
        )
    return count


class Gradients:
    """The gradient of one step, accumulated over the micro-batches of its batch, here and on the other processes.

    The loss of a batch is the mean over its micro-batches (`count` of all processes, of equal size), so its gradient is
    the mean of theirs. Micro-batch i is computed by process i mod `world`. In `exact` mode their gradients are added in
    their order whichever process computed them, so a run has the same bits on 1 process as on 4, given the same number
    of micro-batches; fast mode adds them up once a step. Nothing overlaps with the backward pass, as it does in
    DistributedDataParallel: that costs a few per cent, and keeps the loop readable with a discriminator in it.
    """

    def __init__(self, network: nn.Module, group: ProcessGroup, count: int, *, exact: bool) -> None:
        self.network, self.group, self.count, self.exact = network, group, count, exact
        self.own = count // group.world
        self.total: Tensor | None = None

    def split(self, *images: Tensor) -> Iterable[tuple[Tensor, ...]]:
        """Return the micro-batches of this process, of its share of a batch, each (B / count, C, H, W)."""
        return zip(*(image.chunk(self.own) for image in images), strict=True)

    def clear(self) -> None:
        """Set the gradient to zero, at the start of a step."""
        self.network.zero_grad(set_to_none=True)
        self.total = None

    def add(self, loss: Tensor) -> None:
        """Add the gradient of a micro-batch's loss, a scalar."""
        several = self.exact and self.group.world > 1
        if several:
            self.network.zero_grad(set_to_none=True)
        (loss if self.count == 1 else loss / self.count).backward()
        if several:
            flat = _flat(self.network)
            received = [torch.empty_like(flat) for _ in range(self.group.world)]
            dist.all_gather(received, flat)
            for gradient in received:
                self.total = gradient if self.total is None else self.total.add_(gradient)

    def finish(self) -> None:
        """Store the gradient of the whole batch on the parameters."""
        if self.group.world > 1 and self.total is None:
            self.total = _flat(self.network)
            dist.all_reduce(self.total)
        if self.total is not None:
            gradients = _gradients(self.network)
            pieces = self.total.split([gradient.numel() for gradient in gradients])
            for gradient, piece in zip(gradients, pieces, strict=True):
                gradient.copy_(piece.view(gradient.shape))


def _gradients(network: nn.Module) -> list[Tensor]:
    return [parameter.grad for parameter in network.parameters() if parameter.grad is not None]


def _flat(network: nn.Module) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in _gradients(network)])
