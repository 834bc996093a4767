"""What each network costs to train: parameters, operations, speed and memory, in a study's sizes and in the papers'.

    python benchmarks/networks.py [STUDY]      STUDY: params.yaml, or another params file

Each network is measured in a process of its own, because memory once taken shows in the peak for ever. A step is
forward, L1 (of all stages), backward and Adam on one fixed batch. Memory is what the process takes beyond what it took
before the network was built (CPU), or torch's own count (GPU). Without a GPU, a step of a paper's size is run once, and
not at all where it would take more than a minute: its time is then predicted from its operations and this machine's
speed on a convolution.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sharploss.config.params import load_params
from sharploss.config.recipe import Optimisation
from sharploss.losses import build_loss
from sharploss.networks import build_network
from sharploss.training.device import choose_device, describe_hardware, memory_format, set_mode
from sharploss.training.state import make_optimizer
from sharploss.utils.command import run_main

# The papers' networks with the batches and patches of their own recipes; MPRNet on 64x64 crops instead of 256x256.
PAPERS = {
    "espcn": ({"network": "espcn"}, 4, 16, 48),
    "vdsr": ({"network": "vdsr"}, 2, 64, 21),
    "edsr": ({"network": "edsr"}, 4, 16, 48),
    "edsr_baseline": ({"network": "edsr", "blocks": 16, "width": 64, "res_scale": 1.0}, 4, 16, 48),
    "srresnet": ({"network": "srresnet"}, 4, 16, 24),
    "msrresnet": ({"network": "srresnet", "batch_norm": False}, 4, 16, 32),
    "rrdbnet": ({"network": "rrdbnet"}, 4, 16, 32),
    "nlsn": ({"network": "nlsn"}, 4, 16, 48),
    "mprnet": ({"network": "mprnet"}, 1, 16, 64),
    "dncnn": ({"network": "dncnn"}, 1, 128, 40),
    "stackedg": ({"network": "stackedg"}, 1, 16, 24),
    "resg": ({"network": "resg"}, 1, 16, 24),
    "nonbn_resg": ({"network": "nonbn_resg"}, 1, 16, 24),
}
LONGEST = 60.0  # seconds of one step
SPAN = 2.0  # seconds of measuring, after the first step
OPTIMISATION = Optimisation(learning_rate=1e-4)


def of_study(path):
    """Return {network: (parameters, scale, batch, patch)} as a study's suites first use each network."""
    params = load_params(path)
    found = {}
    for suite in params.suites.values():
        for name in suite.networks:
            recipe, task = params.recipes[suite.recipe], params.tasks[suite.tasks[0]]
            found.setdefault(name, (params.networks[name].model_dump(), task.scale, recipe.batch, recipe.patch))
    return found


def as_config(entry):
    network, scale, batch, patch = entry
    return {"network": network, "task": {"scale": scale}, "recipe": {"batch": batch, "patch": patch}}


def make_network(config):
    torch.manual_seed(0)
    parameters = {key: value for key, value in config["network"].items() if key != "network"}
    return build_network(config["network"]["network"], scale=config["task"]["scale"], **parameters)


def measure(config, mode, most):
    """Return seconds per step (the fastest) and peak MiB; at most `most` steps after the first."""
    device = choose_device()
    set_mode(mode)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    layout = memory_format(device, mode)
    network = make_network(config).to(device=device, memory_format=layout)
    optimizer, loss = make_optimizer(network, OPTIMISATION), build_loss({"l1": 1})
    shape, scale = (config["recipe"]["batch"], 3, *[config["recipe"]["patch"]] * 2), config["task"]["scale"]
    input = torch.rand(shape, device=device).contiguous(memory_format=layout)
    target = torch.rand(*shape[:2], *[scale * shape[-1]] * 2, device=device).contiguous(memory_format=layout)
    forward = torch.compile(network) if mode == "fast" else network

    def step():
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=mode == "fast"):
            output = forward(input)
        loss(output, target).backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    times = [step()]
    begin = time.perf_counter()
    while len(times) <= most and (len(times) < 3 or time.perf_counter() - begin < SPAN):
        times.append(step())
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated() / 2**20
    else:
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
    return {"seconds": min(times[1:] or times), "mib": peak}


def in_a_process(config, mode, most):
    """Return the result of `measure` in a fresh process; None where that ran out of memory."""
    command = [sys.executable, __file__, "--one", json.dumps([config, mode, most])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print((done.stderr.splitlines() or ["killed"])[-1][:150], file=sys.stderr)
        return None
    return json.loads(done.stdout)


def step_flops(config):
    """Count the floating-point operations of a network's convolutions and matrix products, forward and backward."""
    recipe = config["recipe"]
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        output = make_network(config)(torch.rand(recipe["batch"], 3, recipe["patch"], recipe["patch"]))
        stages = (output,) if isinstance(output, torch.Tensor) else output
        torch.stack([stage.mean() for stage in stages]).sum().backward()
    return counter.get_total_flops()


def measure_speed():
    """Measure this machine's operations per second on the convolution that EDSR is made of (64 channels, 3x3)."""
    device = choose_device()
    layer = nn.Conv2d(64, 64, 3, padding=1, device=device).to(memory_format=memory_format(device, "exact"))
    images = torch.rand(8, 64, 48, 48, device=device, requires_grad=True)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        layer(images).sum().backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return 3 * 2 * images[0].numel() * 8 * 64 * 9 / min(times)


def parameters(config):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in make_network(config).parameters())


def table(title, entries, mode, speed, most):
    """Print a table of networks; ratios are of the time of a step, over EDSR's in the same table."""
    print(f"\n{title}, {mode} mode")
    print(
        f"{'network':<16}{'parameters':>12}{'batch':>14}{'GFLOP/step':>12}{'steps/s':>10}{'x edsr':>8}{'peak MiB':>10}"
    )
    edsr = None
    for name in sorted(entries, key=lambda name: name != "edsr"):
        config = as_config(entries[name])
        _, _, batch, patch = entries[name]
        flops = step_flops(config)
        line = f"{name:<16}{parameters(config):>12,}{f'{batch} x {patch}x{patch}':>14}{flops / 1e9:>12.4g}"
        if choose_device().type == "cpu" and flops / speed > LONGEST:
            print(f"{line}  not measured here: predicted {flops / speed:.0f} s/step", flush=True)
            continue
        found = in_a_process(config, mode, most)
        if found is None:
            print(f"{line}  not measured: the process failed, see above", flush=True)
            continue
        edsr = found["seconds"] if name == "edsr" else edsr
        ratio = f"{found['seconds'] / edsr:.2f}" if edsr else "-"
        print(f"{line}{1 / found['seconds']:>10.3g}{ratio:>8}{found['mib']:>10.0f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", default="params.yaml")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(*json.loads(arguments.one))))
        return
    device, speed, study = choose_device(), measure_speed(), of_study(arguments.study)
    print(f"{describe_hardware(device)}, {speed / 1e9:.0f} GFLOP/s on a 3x3 convolution of 64 channels")
    for mode in ("exact", "fast") if device.type == "cuda" else ("exact",):
        table(f"sizes of {arguments.study}", study, mode, speed, 30)
        table("sizes of the papers", PAPERS, mode, speed, 30 if device.type == "cuda" else 0)


if __name__ == "__main__":
    run_main(main)
