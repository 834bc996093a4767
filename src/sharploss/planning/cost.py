"""What a plan will cost: floating-point operations counted, hours predicted from this machine's measured speed."""

import json
import time
from collections.abc import Callable
from functools import cache
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.module_tracker import ModuleTracker

from sharploss.config.loss_spec import ADVERSARIAL
from sharploss.config.params import Params
from sharploss.config.run_config import resolve_run
from sharploss.losses import AdversarialLoss, build_loss
from sharploss.networks import build_network
from sharploss.planning.plan import Plan
from sharploss.training.device import choose_device, memory_format

START_UP = 4.0  # seconds of a run that are not training: starting Python, importing torch, DVC's bookkeeping
TIMED_UP_TO = 2e10  # steps of more operations than this are not timed but predicted from the speed of one convolution
TIMED_IMAGES = 4  # losses are timed on this many images of a batch: what they do to one does not depend on the others

Config = dict[str, Any]


def step_flops(config: Config) -> int:
    """Count the floating-point operations of one training step, forward and backward, without computing anything.

    Convolutions and matrix products are counted, of the network with all its stages, of its loss, and of the updates of
    the loss's discriminator where it has one.
    """
    return network_flops(config) + loss_flops(config) + discriminator_flops(config)


def network_flops(config: Config) -> int:
    """Count the operations of a run's network in one step."""
    return _count_network(_network_key(config))[0]


def loss_flops(config: Config) -> int:
    """Count the operations of what `build_loss` makes of a run's loss in one step: networks that compare features.

    A discriminator judges what the network restored here; its own updates are `discriminator_flops`. A loss that cannot
    be counted, because its values decide what it computes or its weights are not to be had, counts as 0.
    """
    stages = _count_network(_network_key(config))[1]
    return stages * _count_loss(json.dumps([config["loss"], *_target_shape(config)]))


def discriminator_flops(config: Config) -> int:
    """Count the operations of a discriminator's own updates in one step of the network; 0 for a loss without one.

    As `DiscriminatorTrainer` makes them: `steps` times forward and backward on real and restored
    images, with the second derivative of R1 where it has a weight, and before each but the first a forward pass of the
    network, which restores patches of their own for it.
    """
    steps, update = _count_update(_update_key(config))
    return steps * update + max(steps - 1, 0) * _count_network(_network_key(config))[2]


def _network_key(config: Config) -> str:
    recipe = config["recipe"]
    return json.dumps([config["network"], config["task"]["scale"], recipe["batch"], recipe["patch"]])


def _input_shape(config: Config) -> tuple[int, int, int, int]:
    recipe = config["recipe"]
    return recipe["batch"], config["network"].get("channels", 3), recipe["patch"], recipe["patch"]


def _target_shape(config: Config) -> tuple[int, int, int, int]:
    count, channels, height, width = _input_shape(config)
    scale = config["task"]["scale"]
    return count, channels, scale * height, scale * width


def _update_key(config: Config) -> str:
    """Give what a discriminator's update depends on; other terms of the loss are left out."""
    own = {name: value for name, value in config["loss"].items() if name in ADVERSARIAL}
    return json.dumps([own, *_target_shape(config)])


def _build(config: Config) -> nn.Module:
    parameters = dict(config["network"])
    return build_network(parameters.pop("network"), scale=config["task"]["scale"], **parameters)


@cache
def _count_network(key: str) -> tuple[int, int, int]:
    """Give a step's operations, how many outputs are trained on, and the operations of the forward pass alone.

    Each distinct network is built once, on meta.
    """
    network, scale, batch, patch = json.loads(key)
    config: Config = {"network": network, "task": {"scale": scale}, "recipe": {"batch": batch, "patch": patch}}
    with torch.device("meta"):
        built = _build(config)
        with FlopCounterMode(display=False) as counter:
            output = built(torch.rand(_input_shape(config)))
            forward = counter.get_total_flops()
            stages = (output,) if isinstance(output, Tensor) else output
            torch.stack([stage.mean() for stage in stages]).sum().backward()
    return counter.get_total_flops(), len(stages), forward


@cache
def _count_loss(key: str) -> int:
    spec, *shape = json.loads(key)
    try:
        loss = build_loss(spec).to("meta")  # not built there: weights that are read the first time are converted
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            loss(torch.rand(shape, requires_grad=True), torch.rand(shape)).backward()
    except Exception:  # a count is not worth failing for, whatever a loss does to a tensor without values
        return 0
    return counter.get_total_flops()


@cache
def _count_update(key: str) -> tuple[int, int]:
    """Give how many updates a discriminator does in a step, and the operations of one; 0 and 0 without one."""
    spec, *shape = json.loads(key)
    if not spec:
        return 0, 0
    term = _adversarial(spec, torch.device("meta"))
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = _NoTracker()
    try:
        with torch.device("meta"), counter:
            term.discriminator_loss(torch.rand(shape), torch.rand(shape))[0].backward()
    except Exception:  # as in _count_loss
        return 0, 0
    return term.steps, counter.get_total_flops()


class _NoTracker(ModuleTracker):
    """Leaves out whose operations are whose: what torch hangs on modules to know it fails with a second derivative."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        pass


def _adversarial(spec: dict[str, Any], device: torch.device) -> AdversarialLoss:
    """Build the term of `spec`, which names one adversarial term; a weight of 0 makes its discriminator no other."""
    ((name, value),) = spec.items()
    given: dict[str, Any] = value if isinstance(value, dict) else {}
    with device:
        return cast("AdversarialLoss", build_loss({name: {**given, "weight": 1}}).losses[name])


def step_seconds(config: Config, flops_per_second: float) -> float:
    """Predict the time of one step: network, loss and discriminator, each timed when short, else by its operations."""
    network = _network_seconds(_network_key(config), flops_per_second)
    return network + _loss_seconds(config, flops_per_second) + _discriminator_seconds(config, flops_per_second)


@cache
def _network_seconds(key: str, flops_per_second: float) -> float:
    network, scale, batch, patch = json.loads(key)
    config: Config = {"network": network, "task": {"scale": scale}, "recipe": {"batch": batch, "patch": patch}}
    flops = _count_network(key)[0]
    if flops > TIMED_UP_TO:
        return flops / flops_per_second
    device = choose_device()
    layout = memory_format(device, "exact")
    built = _build(config).to(device=device, memory_format=layout)  # pyright: ignore[reportCallIssue]
    input = torch.rand(_input_shape(config), device=device).contiguous(memory_format=layout)

    def step() -> None:
        output = built(input)
        stages = (output,) if isinstance(output, Tensor) else output
        torch.stack([stage.mean() for stage in stages]).sum().backward()

    return _fastest(step, device)


def _loss_seconds(config: Config, flops_per_second: float) -> float:
    stages = _count_network(_network_key(config))[1]
    flops = loss_flops(config)
    if flops > TIMED_UP_TO:
        return flops / flops_per_second
    return stages * _timed_loss(json.dumps([config["loss"], *_target_shape(config)]))


@cache
def _timed_loss(key: str) -> float:
    spec, count, *rest = json.loads(key)
    timed = min(count, TIMED_IMAGES)
    device = choose_device()
    layout = memory_format(device, "exact")
    try:
        loss = build_loss(spec).to(device)
    except ValueError:  # of weights that are not to be had; `train` says which
        return 0.0
    output, target = (torch.rand(timed, *rest, device=device).contiguous(memory_format=layout) for _ in range(2))
    output.requires_grad_()
    return _fastest(lambda: loss(output, target).backward(), device) * count / timed


def _discriminator_seconds(config: Config, flops_per_second: float) -> float:
    flops = discriminator_flops(config)
    if not flops or flops > TIMED_UP_TO:
        return flops / flops_per_second
    key = _network_key(config)
    steps, _ = _count_update(_update_key(config))
    whole, _, forward = _count_network(key)
    restoring = (steps - 1) * _network_seconds(key, flops_per_second) * forward / whole if steps > 1 else 0.0
    return steps * _timed_update(_update_key(config)) + restoring


@cache
def _timed_update(key: str) -> float:
    spec, count, *rest = json.loads(key)
    timed = min(count, TIMED_IMAGES)
    device = choose_device()
    term = _adversarial(spec, device)
    output, target = (torch.rand(timed, *rest, device=device) for _ in range(2))

    def update() -> None:
        term.discriminator_loss(output, target)[0].backward()

    return _fastest(update, device) * count / timed


@cache
def measure_speed() -> float:
    """Measure this machine's operations per second on the convolution that EDSR is made of (64 channels, 3x3)."""
    device = choose_device()
    layer = nn.Conv2d(64, 64, 3, padding=1, device=device).to(memory_format=memory_format(device, "exact"))  # pyright: ignore[reportCallIssue]
    images = torch.rand(8, 64, 48, 48, device=device, requires_grad=True)
    flops = 3 * 2 * images[0].numel() * 8 * 64 * 9

    def step() -> None:
        layer(images).sum().backward()

    return flops / _fastest(step, device)


def _fastest(step: Callable[[], object], device: torch.device) -> float:
    times: list[float] = []
    for _ in range(3):
        start = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times)


def predict(params: Params, plan: Plan) -> str:
    """Give a table in words: for each group its runs, operations and hours, and the sum.

    Networks and losses are counted and timed once for each size that they come in: the number of runs hardly matters.
    """
    speed = measure_speed()
    lines = [f"{'group':<24}{'runs':>6}{'PFLOP':>12}{'hours':>10}"]
    total = [0, 0.0, 0.0]
    for name, group in plan["groups"].items():
        flops = seconds = 0.0
        for key in group["runs"]:
            config = resolve_run(params, plan["runs"][key]).model_dump(mode="json")
            flops += step_flops(config) * config["recipe"]["steps"]
            seconds += step_seconds(config, speed) * config["recipe"]["steps"] + START_UP
        total = [total[0] + len(group["runs"]), total[1] + flops, total[2] + seconds]
        lines.append(_row(name, len(group["runs"]), flops, seconds))
    lines.append(_row("all", int(total[0]), total[1], total[2]))
    measured = f"on {choose_device().type}, at {speed / 1e9:.0f} GFLOP/s measured"
    return "\n".join([*lines, f"({measured}; evaluation and extractors not counted)"])


def _row(name: str, runs: int, flops: float, seconds: float) -> str:
    return f"{name:<24}{runs:>6}{flops / 1e15:>12.3g}{seconds / 3600:>10.3g}"
