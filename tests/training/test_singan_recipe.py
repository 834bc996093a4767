"""SinGAN's recipe, written down once more, step by step, against the code that trains MDF's discriminators.

Both are computed in float64. Adam makes a step of full length from a gradient that is 0 but for rounding, as that of a
bias before a normalisation is, so in float32 two right answers differ by as much as a right and a wrong one.
"""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from extraction import TASKS, picture
from torch import nn

from sharploss.config.extractors import Extractor
from sharploss.data import imresize
from sharploss.mdf.networks import SinGANDiscriminator, SinGANGenerator
from sharploss.mdf.pyramid import distorted_input, make_pyramid, random_numbers
from sharploss.training.extractor import critic_terms, train_extractor

CPU = torch.device("cpu")
BLOCKS = ("head", "body.block1", "body.block2", "body.block3")
UNMOVED = 1e-30
"""A learning rate at which no weight moves: what comes out is what went in."""


def settings(**changes):
    tiny = {"min_size": 12, "max_size": 24, "scales": 5, "width": 2, "iterations": 2, "milestone": 1, "log_every": 1}
    return Extractor(task="t", image="a/b", **{**tiny, **changes})


@pytest.fixture
def double(monkeypatch):
    """Networks, images and random numbers of float64."""
    monkeypatch.setattr("sharploss.mdf.pyramid.signed", lambda image, _: (image.double() / 127.5 - 1)[None])
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def train(scratch, kind="denoise", **changes):
    return train_extractor(settings(**changes), TASKS[kind], picture(5), scratch=scratch, device=CPU, title="toy")


def column(values):
    return values[:, None, None]


class Player:
    """The weights of a network, the statistics of its normalisations, and Adam's averages."""

    def __init__(self, state):
        values = {name: value.clone() for name, value in state.items() if value.is_floating_point()}
        self.statistics = {name: value for name, value in values.items() if "running" in name}
        self.weights = {name: value.requires_grad_() for name, value in values.items() if "running" not in name}
        self.averages = {name: (torch.zeros_like(value), torch.zeros_like(value)) for name, value in values.items()}
        self.steps = 0

    def convolve(self, name, images):
        return F.conv2d(images, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def blocks(self, images, training):
        for block in BLOCKS:
            images = self.convolve(f"{block}.conv", images)
            mean, variance = self.statistics[f"{block}.norm.running_mean"], self.statistics[f"{block}.norm.running_var"]
            if training:
                count = images[:, 0].numel()
                batch_mean, batch_variance = images.mean((0, 2, 3)), images.var((0, 2, 3), correction=0)
                mean.mul_(0.9).add_(0.1 * batch_mean.detach())
                variance.mul_(0.9).add_(0.1 * batch_variance.detach() * count / (count - 1))
                mean, variance = batch_mean, batch_variance
            gain, shift = self.weights[f"{block}.norm.weight"], self.weights[f"{block}.norm.bias"]
            images = (images - column(mean)) / (column(variance) + 1e-5).sqrt() * column(gain) + column(shift)
            images = torch.where(images > 0, images, 0.2 * images)
        return images

    def judge(self, images):
        return self.convolve("tail", self.blocks(images, training=True))

    def restore(self, images, training):
        padded = torch.zeros(1, 3, images.shape[2] + 10, images.shape[3] + 10)
        padded[:, :, 5:-5, 5:-5] = images
        return images + torch.tanh(self.convolve("tail.0", self.blocks(padded, training)))

    def descend(self, total, rate):
        """One step of Adam with SinGAN's beta1 of 0.5 (Kingma and Ba, algorithm 1)."""
        self.steps += 1
        slopes = torch.autograd.grad(total, list(self.weights.values()))
        for (name, weight), slope in zip(self.weights.items(), slopes, strict=True):
            first, second = self.averages[name]
            first.mul_(0.5).add_(0.5 * slope)
            second.mul_(0.999).add_(0.001 * slope**2)
            corrected = (second / (1 - 0.999**self.steps)).sqrt()
            with torch.no_grad():
                weight.sub_(rate * first / (1 - 0.5**self.steps) / (corrected + 1e-8))


def fresh(index, width):
    """New networks of scale `index`, D first, initialised as SinGAN's from the random numbers of (seed 0, scale)."""
    with torch.random.fork_rng():
        torch.manual_seed(random_numbers(0, index).initial_seed())
        networks = SinGANDiscriminator(width), SinGANGenerator(width)
        for network in networks:
            for layer in network.modules():
                if isinstance(layer, nn.Conv2d):
                    layer.weight.data = torch.empty_like(layer.weight).normal_(0, 0.02)
                if isinstance(layer, nn.BatchNorm2d):
                    layer.weight.data = torch.empty_like(layer.weight).normal_(1, 0.02)
    return [Player(network.state_dict()) for network in networks]


def successor(player):
    """Start where the scale before ended, with Adam's averages from 0."""
    return Player({name: value.detach().clone() for name, value in (player.weights | player.statistics).items()})


def seen(pyramid, generators, random):
    """What the next generator is given: each restores what the one before made, enlarged and distorted."""
    image = pyramid.start
    for index, scale in enumerate(pyramid.scales[: len(generators) + 1]):
        if index:
            image = generators[index - 1].restore(image, training=False).detach()
            image = F.interpolate(image, size=scale.real.shape[2:], mode="bicubic", align_corners=False)
        noise = scale.sigma * torch.randn(image.shape, generator=random) if scale.sigma else scale.distortion
        image = image + noise
    return image


def reference(kind, **changes):
    """All scales of the recipe: the discriminators and the generators."""
    given = settings(**changes)
    pyramid = make_pyramid(picture(5), TASKS[kind], given, CPU)
    finished, generators = [], []
    for index, scale in enumerate(pyramid.scales):
        if index in (0, 4):
            d, g = fresh(index, width=2 + index // 2)
        else:
            d, g = successor(finished[-1]), successor(generators[-1])
        real = scale.real
        for iteration in range(given.iterations):
            rate = 5e-4 if iteration < given.milestone else 5e-5
            random = random_numbers(0, index, iteration)
            for _ in range(3):
                distorted = seen(pyramid, generators, random)
                fake = g.restore(distorted, training=True).detach()
                share = torch.rand((), generator=random)
                critic = -d.judge(real).mean() + d.judge(fake).mean()
                mixture = (share * real + (1 - share) * fake).requires_grad_()
                (slope,) = torch.autograd.grad(d.judge(mixture).sum(), mixture, create_graph=True)
                length = (slope**2).sum(1).sqrt()
                d.descend(critic + given.penalty * ((length - 1) ** 2).mean(), rate)
            for _ in range(3):
                fake = g.restore(distorted, training=True)
                error = ((fake - real) ** 2).mean()
                g.descend(given.reconstruction * error - d.judge(fake).mean(), rate)
        finished.append(d)
        generators.append(g)
    return finished, generators


def furthest(network, player):
    """The largest difference between a trained network and the reference."""
    state = network.state_dict()
    return max((state[name] - value).abs().max().item() for name, value in (player.weights | player.statistics).items())


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    ("kind", "scales"), [pytest.param("denoise", 5, marks=pytest.mark.slow), ("sr", 2), ("jpeg", 2)]
)
def test_every_step_is_singans(tmp_path, kind, scales):
    """Also where the width changes, at the fifth scale; what the task distorts is seen at two."""
    done, wanted = train(tmp_path, kind, scales=scales), reference(kind, scales=scales)
    assert len(done.discriminators) == scales
    for networks, players in zip((done.discriminators, done.generators), wanted, strict=True):
        for network, player in zip(networks, players, strict=True):
            assert furthest(network, player) < 1e-6  # a step is 500 times as long


@pytest.mark.usefixtures("double")
def test_the_weights_of_the_terms_and_the_milestone_are_the_settings(tmp_path):
    changes = {"penalty": 3.0, "reconstruction": 0.5, "milestone": 2, "scales": 2}
    done, wanted = train(tmp_path, "jpeg", **changes), reference("jpeg", **changes)
    assert max(map(furthest, done.discriminators, wanted[0])) < 1e-6
    assert max(map(furthest, done.generators, wanted[1])) < 1e-6


def test_every_step_of_the_discriminator_has_a_new_fake(tmp_path, monkeypatch):
    """Noise of every scale so far, then the share of the mixture, drawn anew before each of the three steps."""
    calls = []

    def recording(discriminator, real, fake, share):
        calls.append((fake, share))
        return critic_terms(discriminator, real, fake, share)

    monkeypatch.setattr("sharploss.training.extractor.critic_terms", recording)
    done = train(tmp_path, learning_rate=UNMOVED, iterations=1, scales=2)
    pyramid = make_pyramid(picture(5), TASKS["denoise"], settings(scales=2), CPU)
    assert len(calls) == 6
    for index, generator in enumerate(done.generators):
        random, learning = random_numbers(0, index, 0), copy.deepcopy(generator).train()
        for fake, share in calls[3 * index : 3 * index + 3]:
            image = pyramid.start
            for step in range(index + 1):
                if step:
                    image = done.generators[0](image)
                    image = F.interpolate(image, pyramid.scales[1].real.shape[2:], mode="bicubic", align_corners=False)
                image = image + 50 / 255 * torch.randn(image.shape, generator=random)
            assert share == torch.rand((), generator=random)
            torch.testing.assert_close(fake, learning(image))


@pytest.mark.parametrize("kind", ["jpeg", "denoise"])
def test_coarser_scales_are_distorted_too_and_enlarged_bicubically(kind):
    pyramid = make_pyramid(picture(5), TASKS[kind], settings(scales=3), CPU)
    image, random = pyramid.start, random_numbers(7)
    for index, scale in enumerate(pyramid.scales):
        if index:
            image = F.interpolate(image, size=scale.real.shape[2:], mode="bicubic", align_corners=False)
        noise = 50 / 255 * torch.randn(image.shape, generator=random) if kind == "denoise" else scale.distortion
        assert noise.abs().max() > 0.01
        image = image + noise
    torch.testing.assert_close(distorted_input(pyramid, [nn.Identity()] * 2, random_numbers(7)), image)


def test_the_first_generator_of_super_resolution_gets_an_image_enlarged_bicubically():
    pyramid = make_pyramid(picture(5), TASKS["sr"], settings(scales=3), CPU)
    height, width = pyramid.scales[0].real.shape[2:]
    ratio = 12 / 19.2  # the shorter sides of the coarsest scale and of the whole image, two scales apart
    small = imresize(((pyramid.scales[0].real[0] + 1) * 127.5).round().byte(), ratio**0.5)
    wanted = F.interpolate((small / 127.5 - 1)[None], size=(height, width), mode="bicubic", align_corners=False)
    torch.testing.assert_close(pyramid.start, wanted)


def weights_of(network):
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


@pytest.mark.parametrize("name", ["discriminators", "generators"])
@pytest.mark.slow
def test_both_networks_go_on_from_the_scale_before_until_the_width_changes(tmp_path, name):
    networks = getattr(train(tmp_path, learning_rate=UNMOVED), name)
    assert [network.head.conv.out_channels for network in networks] == [2, 2, 2, 2, 4]
    for network in networks[1:4]:
        torch.testing.assert_close(weights_of(network), weights_of(networks[0]), rtol=0, atol=1e-20)
    counted = [int(network.head.norm.num_batches_tracked) for network in networks]
    assert counted == [part * n for n in (1, 2, 3, 4, 1) for part in [2 * (12 if name == "discriminators" else 6)]]


@pytest.mark.parametrize(("name", "kind"), [("discriminators", SinGANDiscriminator), ("generators", SinGANGenerator)])
def test_both_networks_start_from_singans_random_weights(tmp_path, name, kind):
    (network, _) = getattr(train(tmp_path, learning_rate=UNMOVED, iterations=1, scales=2, width=32), name)
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    drawn = torch.cat([layer.weight.flatten() for layer in convolutions])
    assert drawn.mean().item() == pytest.approx(0, abs=0.02 * 4 / math.sqrt(len(drawn)))
    assert drawn.std().item() == pytest.approx(0.02, rel=0.03)
    gains = torch.cat([layer.weight for layer in norms])
    assert gains.mean().item() == pytest.approx(1, abs=0.02 * 4 / math.sqrt(len(gains)))
    assert gains.std().item() == pytest.approx(0.02, rel=0.25)
    assert max(layer.bias.abs().max().item() for layer in norms) < 1e-20
    # Biases of convolutions are as torch draws them, here the discriminator's first.
    with torch.random.fork_rng():
        torch.manual_seed(random_numbers(0, 0).initial_seed())
        made = {type(one): one for one in (SinGANDiscriminator(32), SinGANGenerator(32))}
    biases = [layer.bias for layer in made[kind].modules() if isinstance(layer, nn.Conv2d)]
    assert all(torch.equal(layer.bias, bias) for layer, bias in zip(convolutions, biases, strict=True))
    assert all(bias.abs().min() > 0 for bias in biases)


def test_generators_see_zeros_beyond_the_border():
    network = fresh_generator()
    image = torch.rand(1, 3, 13, 14)
    padded = torch.zeros(1, 3, 23, 24)
    padded[:, :, 5:-5, 5:-5] = image
    torch.testing.assert_close(network(image), image + network.tail(network.body(network.head(padded))))


def fresh_generator():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SinGANGenerator(4).eval()
