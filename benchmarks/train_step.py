"""What the training loop costs beside the arithmetic: a step of `train`, over a bare step.

A bare step is forward, loss, backward and optimiser on one fixed batch, in the same layout and mode, and nothing else;
a step of the loop also draws its batch, sets its learning rate and keeps its record. The two take turns, step by step,
so that a machine that changes speed changes both. Some of the loop's work is done once in several steps, so means over
40 steps are what counts: the ratio is the median over such spans.
"""

import statistics
import tempfile
import time
from pathlib import Path

import torch

from sharploss.config.params import load_params
from sharploss.config.run_config import resolve_run
from sharploss.data.pack import open_pack
from sharploss.data.patches import Patches
from sharploss.losses import build_loss
from sharploss.record.paths import paths
from sharploss.training.device import choose_device, memory_format, set_mode
from sharploss.training.loop import train
from sharploss.training.state import make_network, make_optimizer

PAIRS = [("espcn", "l1"), ("vdsr", "l1"), ("edsr", "l1"), ("edsr", "l1_gv"), ("edsr", "sploss")]
STEPS, SPAN = 400, 40


def bare_step(config, packs, device):
    """Return a function that does the arithmetic of one step alone."""
    recipe = config.recipe
    layout = memory_format(device, recipe.mode)
    network = make_network(config).to(device=device, memory_format=layout)
    loss, optimizer = build_loss(config.loss).to(device), make_optimizer(network, recipe)
    patches = Patches(packs["train"], scale=4, patch=recipe.patch, batch=recipe.batch, seed=0, device=device)
    input, target = (image.contiguous(memory_format=layout) for image in patches.batch(0))

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss(network(input), target).backward()
        optimizer.step()

    return step


def measure(config, packs, device):
    """Return the seconds of every bare step and of every step of the loop."""
    set_mode(config.recipe.mode)
    recipe = config.recipe.model_copy(update=dict.fromkeys(("steps", "validate_every", "checkpoint_every"), STEPS))
    bare, times = bare_step(config, packs, device), {"bare": [], "loop": []}
    draw, since = Patches.batch, []

    def now():
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def batch(patches, step):
        start = now()
        times["loop"] += [start - begin for begin in since]
        bare()
        since[:] = [now()]
        times["bare"].append(since[0] - start)
        return draw(patches, step)

    Patches.batch = batch
    try:
        with tempfile.TemporaryDirectory() as scratch:
            run = config.model_copy(update={"recipe": recipe})
            train(run, packs, scratch=Path(scratch), device=device, form="eager")  # graphs are benchmarks/gpu.py's
    finally:
        Patches.batch = draw
    return times


def spans(times):
    """Return the mean seconds of each span of steps; both kinds of step are measured in the same spans."""
    return [statistics.fmean(times[start : start + SPAN]) for start in range(0, STEPS - SPAN, SPAN)]


def main():
    params, device = load_params(), choose_device()
    packs = {role: open_pack(paths(params.study).pack("sr_x4", role)) for role in ("train", "validation")}
    print(f"{'network':<10}{'loss':<10}{'bare ms':>10}{'loop ms':>10}{'ratio':>8}")
    for network, loss in PAIRS:
        run = {"task": "sr_x4", "network": network, "loss": loss, "recipe": params.study, "seed": 0}
        times = measure(resolve_run(params, run), packs, device)
        bare, loop = (spans(times[kind]) for kind in ("bare", "loop"))
        ratio = statistics.median(full / base for full, base in zip(loop, bare, strict=True))
        middle = statistics.median(bare) * 1e3, statistics.median(loop) * 1e3
        print(f"{network:<10}{loss:<10}{middle[0]:>10.2f}{middle[1]:>10.2f}{ratio:>8.3f}", flush=True)


if __name__ == "__main__":
    main()
