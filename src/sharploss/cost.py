"""What a plan will cost: floating-point operations counted, hours predicted from this machine's measured speed."""

import json
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sharploss.losses import build_loss
from sharploss.params import Params, resolve_run
from sharploss.plan import Plan
from sharploss.training.device import choose_device, memory_format
from sharploss.training.state import make_network

START_UP = 4.0  # seconds of a run that are not training: starting Python, importing torch, DVC's bookkeeping
TIMED_UP_TO = 2e10  # steps of more operations than this are not timed but predicted from the speed of one convolution


def step_flops(config: dict[str, Any]) -> int:
    """Count the floating-point operations of the network in one training step, without computing anything.

    Forward and backward convolutions and matrix products are counted; a loss without a network of its own is nothing
    beside them.
    """
    with torch.device("meta"):
        network = make_network(config)
        input, _ = _batch(network, config)
        with FlopCounterMode(display=False) as counter:
            output = network(input)
            stages = (output,) if isinstance(output, torch.Tensor) else output
            torch.stack([stage.mean() for stage in stages]).sum().backward()
    return counter.get_total_flops()


def _batch(network: nn.Module, config: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    recipe, device = config["recipe"], next(network.parameters()).device
    input = torch.rand(recipe["batch"], 3, recipe["patch"], recipe["patch"], device=device)
    side = recipe["patch"] * config["task"]["scale"]
    return input, torch.rand(recipe["batch"], 3, side, side, device=device)


def step_seconds(config: dict[str, Any], flops: int, flops_per_second: float) -> float:
    """Predict the time of one step: timed when it is short, else its operations at the speed measured."""
    if flops > TIMED_UP_TO:
        return flops / flops_per_second
    device = choose_device()
    layout = memory_format(device, "exact")
    network = make_network(config).to(device=device, memory_format=layout)  # pyright: ignore[reportCallIssue]
    loss = build_loss(config["loss"]).to(device)
    input, target = (image.contiguous(memory_format=layout) for image in _batch(network, config))
    return _fastest(lambda: loss(network(input), target).backward(), device)


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
    """Give a table in words: for each group its runs, operations and hours, and the sum."""
    speed = measure_speed()
    counted: dict[str, int] = {}
    lines = [f"{'group':<24}{'runs':>6}{'PFLOP':>12}{'hours':>10}"]
    total = [0, 0.0, 0.0]
    for name, group in plan["groups"].items():
        flops = seconds = 0.0
        for key in group["runs"]:
            config = resolve_run(params, plan["runs"][key])
            about = json.dumps([config["network"], config["task"]["scale"], config["recipe"]])  # losses hardly count
            each = counted.setdefault(about, 0) or step_flops(config)
            counted[about] = each
            flops += each * config["recipe"]["steps"]
            seconds += step_seconds(config, each, speed) * config["recipe"]["steps"] + START_UP
        total = [total[0] + len(group["runs"]), total[1] + flops, total[2] + seconds]
        lines.append(_row(name, len(group["runs"]), flops, seconds))
    lines.append(_row("all", int(total[0]), total[1], total[2]))
    return "\n".join(
        [*lines, f"(on {choose_device().type}, at {speed / 1e9:.0f} GFLOP/s measured; evaluation not counted)"]
    )


def _row(name: str, runs: int, flops: float, seconds: float) -> str:
    return f"{name:<24}{runs:>6}{flops / 1e15:>12.3g}{seconds / 3600:>10.3g}"
