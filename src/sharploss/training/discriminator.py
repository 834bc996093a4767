"""The discriminator of an adversarial training: its optimiser, its updates, and what is logged of it."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sharploss.config.recipe import Optimisation
from sharploss.config.run_config import RunConfig
from sharploss.data.patches import Patches
from sharploss.losses.adversarial import AdversarialLoss
from sharploss.losses.weighted_sum import WeightedSum
from sharploss.training.optimizers import descend, gradient_norm
from sharploss.training.processes import Gradients, ProcessGroup, micro_batches
from sharploss.training.state import APART, make_optimizer
from sharploss.utils.errors import UserError

LOGGED = ("loss", "real", "fake", "gradient")
"""What the record holds of a discriminator: its loss, the mean logits of real and restored images (SharpGAN's
probabilities are their sigmoids), and its gradient's norm after clipping. Logits that drift apart for good mean that it
has won; logits that meet and a gradient near zero, that it has collapsed."""


@dataclass
class DiscriminatorTrainer:
    """Trains the discriminator beside the network; `patches` are what it sees in further steps of its own."""

    term: AdversarialLoss
    optimizer: torch.optim.Optimizer
    settings: Optimisation
    patches: Patches
    gradients: Gradients

    def draws(self, step: int) -> list[tuple[Patches, int]]:
        """Return where the batches of its further steps come from, after one of the network: patches and their step."""
        return [(self.patches, step * (self.term.steps - 1) + index) for index in range(self.term.steps - 1)]

    def update(
        self,
        restore: Callable[[Tensor], Tensor],
        network: nn.Module,
        output: Tensor,
        target: Tensor,
        further: Sequence[tuple[Tensor, Tensor]],
    ) -> Tensor:
        """Train the discriminator after a step of the network; return LOGGED of its last step, (4,) on the device.

        Its first step is on that step's images, as in BasicSR; further ones (SharpGAN has two) are on `further`, inputs
        and targets as `draws` says. `restore` is the `network` as a function, whose running statistics stay.
        """
        logged = self._step(output, target)
        for input, real in further:
            with torch.no_grad(), _kept(network):
                output = final(restore(input))
            logged = self._step(output, real)
        return logged

    def _step(self, output: Tensor, target: Tensor) -> Tensor:
        self.gradients.clear()
        logged: list[Tensor] = []
        for restored, real_images in self.gradients.split(output, target):
            loss, real, fake = self.term.discriminator_loss(restored, real_images)
            self.gradients.add(loss)
            logged.append(torch.stack([loss.detach(), real.detach().mean(), fake.detach().mean()]))
        self.gradients.finish()
        descend(self.term.discriminator, self.optimizer, self.settings.clip_norm)
        return torch.cat([torch.stack(logged).mean(0), gradient_norm(self.term.discriminator)[None]])


def make_discriminator_trainer(
    loss: WeightedSum, config: RunConfig, patches: Patches, group: ProcessGroup
) -> DiscriminatorTrainer | None:
    """Make what trains the discriminator of a loss; None for one without, UserError for several adversarial terms."""
    terms = {name: term for name, term in loss.losses.items() if isinstance(term, AdversarialLoss)}
    if not terms:
        return None
    if len(terms) > 1:
        raise UserError(f"A loss can have one adversarial term, not several ({', '.join(terms)}): leave one.")
    recipe, term = config.recipe, next(iter(terms.values()))
    settings = recipe.discriminator or recipe
    optimizer, own = make_optimizer(term.discriminator, settings), patches.stream(config.seed + APART)
    count = micro_batches(recipe, group.world)
    gradients = Gradients(term.discriminator, group, count, exact=recipe.mode == "exact")
    return DiscriminatorTrainer(term, optimizer, settings, own, gradients)


def final(output: Any) -> Tensor:
    """Return the restored image of a network that has several stages: the last stage comes first."""
    return output if isinstance(output, Tensor) else output[0]


@contextmanager
def _kept(network: nn.Module) -> Generator[None]:
    """Restore the buffers of a network at the end: batch normalisation counts every batch that it sees."""
    buffers = list(network.buffers())
    before = [buffer.clone() for buffer in buffers]
    yield
    for buffer, value in zip(buffers, before, strict=True):
        buffer.copy_(value)
