"""What the training loop costs beside the arithmetic: seconds per step of `train`, over those of a bare step.

A bare step is forward, loss, backward and optimiser on one fixed batch, in the same layout and mode, and nothing else.
The loop's time per step is taken from the difference between a long and a short run, so that set-up and the last
validation do not count; validation and checkpoints are switched off. Bare and full runs alternate, and medians are
compared, so that a machine that changes speed changes both.
"""

import statistics
import tempfile
import time
from pathlib import Path

import torch

from sharploss.data.pack import open_pack
from sharploss.data.patches import Patches
from sharploss.losses import build_loss
from sharploss.params import load_params, resolve_run
from sharploss.training.device import choose_device, memory_format, set_mode
from sharploss.training.loop import train
from sharploss.training.state import make_network, make_optimizer

PAIRS = [("espcn", "l1"), ("vdsr", "l1"), ("edsr", "l1"), ("edsr", "l1_gv"), ("edsr", "sploss")]
SHORT, LONG, REPEATS = 20, 120, 7


def bare_seconds(config, packs, device):
    """Seconds per step of the arithmetic alone."""
    recipe = config["recipe"]
    set_mode(recipe["mode"])
    layout = memory_format(device, recipe["mode"])
    network = make_network(config).to(device=device, memory_format=layout)
    loss, optimizer = build_loss(config["loss"]).to(device), make_optimizer(network, recipe)
    patches = Patches(packs["train"], scale=4, patch=recipe["patch"], batch=recipe["batch"], seed=0, device=device)
    input, target = (image.contiguous(memory_format=layout) for image in patches.batch(0))

    def steps(count):
        start = time.perf_counter()
        for _ in range(count):
            optimizer.zero_grad(set_to_none=True)
            loss(network(input), target).backward()
            optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    steps(SHORT)
    return steps(LONG - SHORT) / (LONG - SHORT)


def loop_seconds(config, packs, device):
    """Seconds per step of `train`."""

    def run(steps):
        recipe = {**config["recipe"], "steps": steps, "validate_every": 10**9, "checkpoint_every": 10**9}
        with tempfile.TemporaryDirectory() as scratch:
            start = time.perf_counter()
            train({**config, "recipe": recipe}, packs, scratch=Path(scratch), device=device)
            return time.perf_counter() - start

    return (run(LONG) - run(SHORT)) / (LONG - SHORT)


def main():
    params, device = load_params(), choose_device()
    packs = {role: open_pack(f"data/packed/sr_x4/{role}.safetensors") for role in ("train", "validation")}
    print(f"{'network':<10}{'loss':<10}{'bare ms':>10}{'loop ms':>10}{'ratio':>8}")
    for network, loss in PAIRS:
        run = {"task": "sr_x4", "network": network, "loss": loss, "recipe": params.study, "seed": 0}
        config = resolve_run(params, run)
        bare, loop = [], []
        for _ in range(REPEATS):
            bare.append(bare_seconds(config, packs, device))
            loop.append(loop_seconds(config, packs, device))
        middle = statistics.median(bare), statistics.median(loop)
        ratio = statistics.median(full / base for full, base in zip(loop, bare, strict=True))
        print(f"{network:<10}{loss:<10}{middle[0] * 1e3:>10.2f}{middle[1] * 1e3:>10.2f}{ratio:>8.3f}", flush=True)


if __name__ == "__main__":
    main()
