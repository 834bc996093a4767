"""Adversarial losses: a discriminator learns to tell restored from real, and the network to be taken for real.

Each has two sides: `forward` is the network's, `discriminator_loss` the discriminator's. Logits are high for real.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from sharploss.functional.image_loss import ImageLoss
from sharploss.networks.discriminators import DISCRIMINATORS
from sharploss.utils.argument_checks import check_integer, check_number
from sharploss.utils.registry import construct


@dataclass(frozen=True)
class Form:
    """The two sides of an adversarial loss: functions of the logits of real and of restored images, to scalars."""

    generator: Callable[[Any, Tensor], Tensor]
    discriminator: Callable[[Tensor, Tensor], Tensor]
    relativistic: bool = False  # the network's side looks at real images; else it is given None for their logits


def linear_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Compute D(fake) + 1 - D(real), D a sigmoid: SharpGAN's eq. 7, linear, in [0, 2], 1 where it cannot tell.

    The paper says to rewrite D(G) as 1 - D(G), which to the letter would reward the discriminator for being fooled;
    this is the reading with the sign that eq. 7 has itself. It is bounded, unlike Wasserstein's.
    """
    return fake.sigmoid().mean() + 1 - real.sigmoid().mean()


class AdversarialLoss(ImageLoss):
    """An adversarial loss and its discriminator.

    `forward(output, target)` is the network's side, a scalar; it leaves no gradient on the discriminator. Whoever
    trains with it calls `discriminator_loss` with the detached output, and steps an optimiser of
    `discriminator.parameters()`, `steps` times for each step of the network.

    Args:
        discriminator: a key of DISCRIMINATORS.
        width: channels of its first layer.
        size: side of the patches it judges, in pixels; a training fills in the recipe's patch times the scale.
        channels: 3 for RGB, 1 for grey.
        steps: of the discriminator for each one of the network.
        r1: weight of the squared gradient of the logits of real images (Mescheder et al. 2018, eq. 9: r1 / 2 times its
            mean); 0 leaves it out.
    """

    form: ClassVar[Form]

    def __init__(
        self,
        discriminator: str = "vgg128",
        *,
        width: int = 64,
        size: int = 128,
        channels: int = 3,
        steps: int = 1,
        r1: float = 0.0,
    ) -> None:
        super().__init__()
        check_integer("steps", steps, minimum=1)
        check_number("r1", r1, minimum=0)
        self.steps, self.r1 = steps, float(r1)
        sizes = {"size": size, "width": width, "channels": channels}
        self.discriminator = construct("discriminator", discriminator, DISCRIMINATORS, sizes)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the network's loss of `output` (N, C, size, size) against `target`, a scalar."""
        output, target = self._matched(output, target)
        self.discriminator.requires_grad_(False)
        real = None
        if self.form.relativistic:
            with torch.no_grad():
                real = self.discriminator(target)
        return self.form.generator(real, self.discriminator(output))

    def discriminator_loss(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the discriminator's loss, a scalar, and the logits of the real and of the restored images, (N, 1).

        `output` are restored images, taken without gradient, (N, C, size, size) in [0, 1], `target` real ones.
        """
        output, target = self._matched(output.detach(), target)
        self.discriminator.requires_grad_(True)
        if self.r1:
            target = target.detach().requires_grad_()
        real, fake = self.discriminator(target), self.discriminator(output)
        loss = self.form.discriminator(real, fake)
        if self.r1:
            loss = loss + self.r1 / 2 * gradient_penalty(real, target)
        return loss, real, fake

    def _matched(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return both in the discriminator's precision, which float64 images may not have."""
        dtype = next(self.discriminator.parameters()).dtype
        output, target = self.check(output, target)
        return output.to(dtype), target.to(dtype)


def gradient_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """Compute the mean squared norm of the gradient of the logits' sum with respect to each image, a scalar (R1)."""
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean()


class VanillaGANLoss(AdversarialLoss):
    """Goodfellow et al. 2014, with the non-saturating loss of the network; SRGAN's."""

    form = Form(
        lambda _, fake: F.softplus(-fake).mean(),  # -log D(fake), section 3
        # -log D(real) - log(1 - D(fake)), eq. 1: 2 log 2 where it cannot tell
        lambda real, fake: F.softplus(-real).mean() + F.softplus(fake).mean(),
    )


class LeastSquaresGANLoss(AdversarialLoss):
    """Mao et al., "Least squares generative adversarial networks" (ICCV 2017)."""

    form = Form(  # on the logits, eq. 9: (D(fake) - 1)^2 / 2, and (D(real) - 1)^2 / 2 + D(fake)^2 / 2
        lambda _, fake: (fake - 1).square().mean() / 2,
        lambda real, fake: ((real - 1).square().mean() + fake.square().mean()) / 2,
    )


class RelativisticGANLoss(AdversarialLoss):
    """The relativistic average loss of ESRGAN (Wang et al. 2018, eq. 1 and 2, after Jolicoeur-Martineau 2018).

    Both sides are halved as in its code, and log 2 where it cannot tell: restored images should look more real than the
    mean real one. All means carry gradient, as in the paper. BasicSR's two backward passes cut them.
    """

    form = Form(
        lambda real, fake: (F.softplus(real - fake.mean()).mean() + F.softplus(real.mean() - fake).mean()) / 2,
        lambda real, fake: (F.softplus(fake.mean() - real).mean() + F.softplus(fake - real.mean()).mean()) / 2,
        relativistic=True,
    )


class SharpGANLoss(AdversarialLoss):
    """SharpGAN's linear form (Fan and Wang 2021, eq. 6 and 7): the network's side is -D(fake), D a sigmoid."""

    form = Form(lambda _, fake: -fake.sigmoid().mean(), linear_discriminator)
