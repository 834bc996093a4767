"""One run on several processes (torchrun): who they are, and how they come to one and the same gradient."""

import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from sharploss.utils.errors import UserError

PATIENCE = timedelta(hours=1)
"""How long processes wait for one that validates or writes a checkpoint before they take it for dead."""


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that train one run together: this one's `rank`, 0 to `world` - 1. The first leads: it writes."""

    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the record, checkpoints and weights."""
        return self.rank == 0

    def mean(self, values: Tensor) -> Tensor:
        """Give the mean of what all processes have, the same on each; a NaN anywhere is a NaN everywhere."""
        if self.world == 1:
            return values
        total = values.clone()
        dist.all_reduce(total)
        return total / self.world

    def any(self, flag: bool) -> bool:
        """Say whether any process says so. The processes meet, their devices do not: nothing waits for a GPU."""
        if self.world == 1:
            return flag
        vote = torch.tensor(int(flag))
        dist.all_reduce(vote, dist.ReduceOp.MAX)
        return bool(vote.item())

    @contextmanager
    def leader_first(self) -> Generator[None]:
        """Let the leader do the block, then the others."""
        if not self.leads:
            self.any(False)
        yield
        if self.leads:
            self.any(False)


@contextmanager
def join() -> Generator[ProcessGroup]:
    """Join the processes that torchrun has started; without torchrun, be alone.

    Call it before a device is chosen: each process of a machine gets a GPU of its own.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ProcessGroup()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    try:
        yield team()
    finally:
        dist.destroy_process_group()


def team() -> ProcessGroup:
    """Give the processes that this one has joined."""
    return ProcessGroup(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else ProcessGroup()


def parts_of_batch(recipe: dict[str, object], world: int) -> int:
    """Say in how many parts a batch is computed, by all processes together.

    `accumulate` says it. Where it is 1 and there are several processes, each computes one part.

    Raises:
        UserError: the processes cannot share the parts, or the parts the batch, evenly.
    """
    wanted, batch = int(str(recipe.get("accumulate", 1))), int(str(recipe["batch"]))
    parts = world if wanted == 1 else wanted
    if parts % world:
        raise UserError(f"{world} processes cannot share accumulate: {wanted} parts: use 1, or a multiple of {world}.")
    if batch % parts:
        raise UserError(f"A batch of {batch} cannot be computed in {parts} equal parts: make it a multiple of {parts}.")
    return parts


class Gradients:
    """The gradient of one step, gathered from the parts of its batch, here and on the other processes.

    The loss of a batch is the mean over its equal parts, so its gradient is the mean of theirs. Part i is computed by
    process i mod `world`. In exact mode the parts' gradients are added in their order whoever computed them: a run has
    the same bits on 1 process as on 4, given the same number of parts. That costs as many numbers received as there are
    processes for every parameter and part; fast mode adds them up once a step, in the order of the library.

    Nothing overlaps with the backward pass, as DistributedDataParallel would have it: that is a few per cent of a step
    for networks such as these, and a loop that can be read with two players in it.

    Args:
        network: whose gradients they are.
        team: the processes.
        parts: of a batch, of all processes (`parts_of_batch`).
        exact: see above.
    """

    def __init__(self, network: nn.Module, team: ProcessGroup, parts: int, *, exact: bool) -> None:
        self.network, self.team, self.parts, self.exact = network, team, parts, exact
        self.own = parts // team.world
        self.total: Tensor | None = None

    def split(self, *images: Tensor) -> Iterable[tuple[Tensor, ...]]:
        """Give the parts that this process computes of its share of a batch, each (B / parts, C, H, W)."""
        return zip(*(image.chunk(self.own) for image in images), strict=True)

    def clear(self) -> None:
        """Begin a step."""
        self.network.zero_grad(set_to_none=True)
        self.total = None

    def add(self, loss: Tensor) -> None:
        """Add the gradient of a part's loss, a scalar."""
        several = self.exact and self.team.world > 1
        if several:
            self.network.zero_grad(set_to_none=True)
        (loss if self.parts == 1 else loss / self.parts).backward()
        if several:
            flat = _flat(self.network)
            received = [torch.empty_like(flat) for _ in range(self.team.world)]
            dist.all_gather(received, flat)
            for gradient in received:
                self.total = gradient if self.total is None else self.total.add_(gradient)

    def finish(self) -> None:
        """Leave the gradient of the whole batch on the parameters."""
        if self.team.world > 1 and self.total is None:
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
