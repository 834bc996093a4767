"""Training the discriminators of an MDF loss from one image, coarsest scale first.

The recipe is SinGAN's (Shaham et al. 2019): a generator and a discriminator for each scale, trained as a Wasserstein
GAN with gradient penalty (Gulrajani et al. 2017), three steps each in turn; either starts from the one of the scale
before where both have the same width. As Mustafa et al. changed it, the generators restore: each sees what the one
before made, enlarged, with the distortion of the task. docs/papers/mdf.md says what is ours,
since their training code is not released.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from sharploss.config.extractors import Extractor
from sharploss.config.tasks import Task
from sharploss.mdf.networks import SinGANDiscriminator, SinGANGenerator, initialise
from sharploss.mdf.pyramid import Pyramid, distorted_input, make_pyramid, random_numbers
from sharploss.record.history import History
from sharploss.record.paths import ScratchFiles
from sharploss.training.checkpoint import load_checkpoint, save_checkpoint
from sharploss.training.device import set_mode
from sharploss.training.divergence import first_nonfinite
from sharploss.training.interrupt import stop_on_signal
from sharploss.training.optimizers import Adam, set_rate
from sharploss.utils.errors import UserError
from sharploss.utils.optional import progress_bar

LOGGED = ("d_real", "d_fake", "gradient_penalty", "reconstruction")
"""What the record holds: the mean logit of the image and of the generator's, the gradient penalty and the mean squared
error of what is generated (images in [-1, 1]); the last two without their weights."""


@dataclass
class Extraction:
    """How a training of discriminators ended: finished or stopped, with the networks of the finished scales.

    The coarsest scale comes first; `seconds` of training include those before a resume.
    """

    status: str
    discriminators: nn.ModuleList
    generators: nn.ModuleList
    seconds: float = 0.0


def train_extractor(
    settings: Extractor, task: Task, image: Tensor, *, scratch: Path, device: torch.device, title: str
) -> Extraction:
    """Train the discriminators of an MDF loss, or go on where `scratch` holds finished scales of them.

    What is random in an iteration depends on (seed, scale, iteration) alone. A checkpoint is written after each scale,
    so a training that was stopped does its unfinished scale again, and ends with the same bits. The image is (3, H, W)
    uint8. UserError: it is too small, the task has no distortion here, or a term is not finite any more.
    """
    set_mode("exact")
    pyramid = make_pyramid(image, task, settings, device)
    state, kept = _restore(settings, scratch, device)
    total = len(pyramid.scales) * settings.iterations
    done = len(state.discriminators) * settings.iterations
    with (
        History(ScratchFiles(scratch).history, kept) as record,
        stop_on_signal() as interrupt,
        progress_bar(desc=title, initial=done, total=total, unit=" iterations", leave=False) as bar,
    ):
        for index in range(len(state.discriminators), len(pyramid.scales)):
            started = time.perf_counter()
            pair = _start(settings, state, index, device)
            optimizers = [Adam(network.parameters(), lr=0.0, betas=settings.betas) for network in pair]
            window: list[Tensor] = []
            for iteration in range(settings.iterations):
                rate = settings.learning_rate * (settings.gamma if iteration >= settings.milestone else 1)
                for optimizer in optimizers:
                    set_rate(optimizer, rate)
                random = random_numbers(settings.seed, index, iteration)
                window.append(_iterate(pair, optimizers, state.generators, pyramid, settings, random))
                bar.update()
                if interrupt.is_set():
                    state.status = "stopped"
                    return state
                if (iteration + 1) % settings.log_every == 0 or iteration + 1 == settings.iterations:
                    means = _means(torch.stack(window).cpu(), index, iteration + 1 - len(window), title)
                    record.append({"event": "extract", "scale": index, "iteration": iteration + 1, "lr": rate, **means})
                    window.clear()
            for networks, network in zip((state.discriminators, state.generators), pair, strict=True):
                networks.append(network.requires_grad_(False).eval())
            state.seconds += time.perf_counter() - started
            weights = {name: [one.state_dict() for one in getattr(state, name)] for name in SINGAN}
            content = {"step": index + 1, "seconds": state.seconds, **weights, "record_bytes": record.sync()}
            save_checkpoint(scratch, content)
    return state


def width(index: int, settings: Extractor) -> int:
    """Return the width of the networks of scale `index`, counted from the coarsest: doubled every four scales."""
    return min(settings.width * 2 ** (index // 4), settings.max_width)


def _start(
    settings: Extractor, state: Extraction, index: int, device: torch.device
) -> tuple[SinGANDiscriminator, SinGANGenerator]:
    """Make the networks of a scale: as those of the scale before, or from random weights where these are wider."""
    own = width(index, settings)
    same = index > 0 and own == width(index - 1, settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_numbers(settings.seed, index).initial_seed())
        pair = SinGANDiscriminator(own), SinGANGenerator(own)
        for networks, network in zip((state.discriminators, state.generators), pair, strict=True):
            initialise(network)
            if same:
                network.load_state_dict(networks[index - 1].state_dict())
    return pair[0].to(device), pair[1].to(device)


def _iterate(  # noqa: PLR0917
    pair: tuple[SinGANDiscriminator, SinGANGenerator],
    optimizers: Sequence[torch.optim.Optimizer],
    coarser: nn.ModuleList,
    pyramid: Pyramid,
    settings: Extractor,
    random: torch.Generator,
) -> Tensor:
    """Train both networks of a scale for one iteration; return the values of LOGGED, (4,)."""
    discriminator, generator = pair
    real = pyramid.scales[len(coarser)].real
    distorted, critic, error = real, (), real
    for _ in range(settings.steps):
        distorted = distorted_input(pyramid, list(coarser), random)
        fake = generator(distorted).detach()
        critic = critic_terms(discriminator, real, fake, float(torch.rand((), generator=random)))
        _descend(optimizers[0], critic[1] - critic[0] + settings.penalty * critic[2])
    discriminator.requires_grad_(False)
    for _ in range(settings.steps):
        fake = generator(distorted)
        error = (fake - real).square().mean()
        _descend(optimizers[1], settings.reconstruction * error - discriminator(fake).mean())
    discriminator.requires_grad_(True)
    return torch.stack([*critic, error]).detach()


def critic_terms(discriminator: nn.Module, real: Tensor, fake: Tensor, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean logits of the image and of a generated one, (1, 3, h, w) in [-1, 1], and the gradient penalty.

    The penalty is taken at their mixture with the `share` of the real one, 0 to 1: the mean of (|g| - 1)^2 over pixels,
    g the gradient of the sum of logits with respect to a pixel and |g| its length over the channels, as SinGAN has it.
    """
    mixture = (share * real + (1 - share) * fake).requires_grad_(True)
    scores = discriminator(real).mean(), discriminator(fake).mean()
    (slope,) = torch.autograd.grad(discriminator(mixture).sum(), mixture, create_graph=True)
    return *scores, (slope.norm(2, dim=1) - 1).square().mean()


def _descend(optimizer: torch.optim.Optimizer, total: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    total.backward()
    optimizer.step()


def _means(rows: Tensor, scale: int, first: int, title: str) -> dict[str, float]:
    """Return the means of what is logged of iterations from `first` on, (iterations, 4), or raise UserError."""
    bad = first_nonfinite(rows, LOGGED, first)
    if bad:
        raise UserError(
            f"Extractor '{title}' has diverged: {bad['term']} is not finite at scale {scale}, iteration {bad['step']}: "
            "lower its learning_rate in params.yaml."
        )
    return dict(zip(LOGGED, rows.double().mean(0).tolist(), strict=True))


SINGAN = {"discriminators": SinGANDiscriminator, "generators": SinGANGenerator}


def _restore(settings: Extractor, scratch: Path, device: torch.device) -> tuple[Extraction, int]:
    """Return the finished scales of the newest checkpoint, if there is one, and the bytes of the record by then."""
    state = Extraction("finished", nn.ModuleList().eval(), nn.ModuleList().eval())
    content = load_checkpoint(scratch, device)
    if content is None:
        return state, 0
    for name, kind in SINGAN.items():
        for index, weights in enumerate(content[name]):
            network = kind(width(index, settings)).to(device)
            network.load_state_dict(weights)
            getattr(state, name).append(network.requires_grad_(False).eval())
    state.seconds = content["seconds"]
    return state, int(content["record_bytes"])
